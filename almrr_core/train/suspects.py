"""Which normals look least like all the others: a defect among them, perhaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from almrr_core.data.samples import Sample, sample_inputs
from almrr_core.models.backbone import Backbone, build_backbone, folded
from almrr_core.models.bundle import build_model, read_bundle
from almrr_core.models.weights import default_backbone, find_weights, load_weights
from almrr_core.runtime.engine import CHUNK, images_of
from almrr_core.types import Geometry

CELLS = 8  # along each side, in which features are pooled: a small defect fills one of them

Floats = NDArray[np.float32]


def loneliness(
    paths: Sequence[Path],
    geometry: Geometry,
    bundle: Path | None = None,
    weights: Path | None = None,
    done: Callable[[int, int], None] | None = None,
) -> Floats:
    """Return for each picture how far its oddest place is from that place in the nearest other picture, (n,).

    Leave-one-out nearest neighbour of backbone features, each stage's mean and maximum in CELLS × CELLS cells,
    every number divided by its own spread over all; distances are multiples of the median at that place. Of a
    picture its loneliest tile counts. The backbone is that of `bundle`, else the one a training would take.
    Memory: 0.25 MB per tile. Raises PICTURE_UNREADABLE, WEIGHTS_MISSING and what `read_bundle` does.
    """
    backbone = folded(_backbone(bundle, weights))
    rows, owners = list[Tensor](), list[int]()
    for number, path in enumerate(paths):
        tiles = sample_inputs(Sample(path, ""), geometry)
        rows += [_pooled(backbone, tiles[i : i + CHUNK]) for i in range(0, len(tiles), CHUNK)]
        owners += [number] * len(tiles)
        if done is not None:
            done(number + 1, len(paths))
    distances = _nearest_of_others(torch.cat(rows), torch.tensor(owners))
    longest = np.zeros(len(paths), np.float32)
    np.maximum.at(longest, owners, distances)
    return longest


def _backbone(bundle: Path | None, weights: Path | None) -> Backbone:
    if bundle is not None:
        return build_model(read_bundle(bundle), weights).backbone
    backbone = build_backbone(default_backbone(weights))
    load_weights(backbone, find_weights(backbone.name, weights))
    return backbone


@torch.inference_mode()
def _pooled(backbone: Backbone, tiles: NDArray[np.uint8]) -> Tensor:
    """Return features (n, CELLS², F) of tiles (n, S, S, 3)."""
    stages: list[Tensor] = backbone(images_of(tiles, torch.device("cpu")))
    pools = (F.adaptive_avg_pool2d, F.adaptive_max_pool2d)
    return torch.cat([pool(stage, CELLS).flatten(2) for stage in stages for pool in pools], dim=1).mT


def _nearest_of_others(rows: Tensor, owners: Tensor) -> Floats:
    """Return for rows (n, cells, F) the distance of the loneliest cell to the same cell elsewhere, (n,).

    Elsewhere is the nearest row of another owner; a cell's distances are multiples of their median. 0 where
    there is no other owner.
    """
    scaled = rows / rows.std((0, 1), correction=0).clamp_min(1e-6)
    same, longest = owners[:, None] == owners[None], torch.zeros(len(rows))
    for cell in scaled.unbind(1):
        nearest = torch.cdist(cell, cell).masked_fill(same, torch.inf).amin(1)
        if not bool(nearest.isinf().any()):
            longest = torch.maximum(longest, nearest / nearest.median().clamp_min(1e-6))
    return np.asarray(longest.numpy(), np.float32)
