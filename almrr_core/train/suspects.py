"""Which normals look least like all the others: a defect among them, perhaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from almrr_core.data.samples import Sample, sample_inputs
from almrr_core.data.tiling import layout_of
from almrr_core.imaging import crop, read_picture
from almrr_core.models.backbone import Backbone, build_backbone, folded
from almrr_core.models.bundle import build_model, read_bundle
from almrr_core.models.weights import default_backbone, find_weights, load_weights
from almrr_core.runtime.engine import CHUNK, images_of
from almrr_core.types import Geometry

CELLS = 8  # along each side, in which features are pooled: a small defect fills one of them
MOST = 1000  # model inputs compared, of all pictures together: 0.25 GB, about a minute on a CPU
STEP, LEAST_SCALE = 0.9, 0.01  # by which the scale is lowered until a picture's tiles fit, and its end

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

    However large the pictures are, at most MOST tiles are compared, or one of each of more pictures: where they
    have more together, all are shown at a smaller scale, at which the first one's share suffices. Small defects
    are then missed. Memory at its peak: 0.25 MB per tile (1 MB with a ResNet-50), and tiles² distances. Raises
    PICTURE_UNREADABLE, GEOMETRY_MISMATCH, WEIGHTS_MISSING and what `read_bundle` does.
    """
    backbone = folded(_backbone(bundle, weights))
    share = max(1, MOST // max(1, len(paths)))
    shown = _shown(paths, geometry, share)
    rows, owners = list[Tensor](), list[int]()
    for number, path in enumerate(paths):
        tiles = _evenly(sample_inputs(Sample(path, ""), shown), share)
        rows += [_pooled(backbone, tiles[i : i + CHUNK]) for i in range(0, len(tiles), CHUNK)]
        owners += [number] * len(tiles)
        if done is not None:
            done(number + 1, len(paths))
    distances = _nearest_of_others(torch.cat(rows), torch.tensor(owners))
    longest = np.zeros(len(paths), np.float32)
    np.maximum.at(longest, owners, distances)
    return longest


def _shown(paths: Sequence[Path], geometry: Geometry, share: int) -> Geometry:
    """Return the geometry at whose scale the first picture has at most `share` tiles."""
    if geometry.tile is None or not paths:
        return geometry
    size = crop(read_picture(paths[0]), geometry.roi).shape[:2]
    while len(layout_of(size, geometry).origins) > share and geometry.scale > LEAST_SCALE:
        geometry = replace(geometry, scale=max(LEAST_SCALE, STEP * geometry.scale))
    return geometry


def _evenly(tiles: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """Return at most so many of the tiles: a picture larger than the first one has more."""
    if len(tiles) <= most:
        return tiles
    return np.asarray(tiles[np.linspace(0, len(tiles) - 1, most).round().astype(int)], np.uint8)


def _backbone(bundle: Path | None, weights: Path | None) -> Backbone:
    if bundle is not None:
        return build_model(read_bundle(bundle), weights).backbone
    backbone = build_backbone(default_backbone(weights))
    load_weights(backbone, find_weights(backbone.name, weights))
    return backbone


@torch.inference_mode()
def _pooled(backbone: Backbone, tiles: NDArray[np.uint8]) -> Tensor:
    """Return features (n, CELLS², F) of tiles (n, S, S, 3), in half precision: many are kept."""
    stages: list[Tensor] = backbone(images_of(tiles, torch.device("cpu")))
    pools = (F.adaptive_avg_pool2d, F.adaptive_max_pool2d)
    return torch.cat([pool(stage, CELLS).flatten(2) for stage in stages for pool in pools], dim=1).mT.half()


def _nearest_of_others(rows: Tensor, owners: Tensor) -> Floats:
    """Return for rows (n, cells, F) the distance of the loneliest cell to the same cell elsewhere, (n,).

    Elsewhere is the nearest row of another owner; a cell's distances are multiples of their median. 0 where
    there is no other owner.
    """
    spread, same = _spread(rows), owners[:, None] == owners[None]
    longest = torch.zeros(len(rows))
    for cell in rows.unbind(1):  # one at a time: all of them scaled would be four times the rows
        scaled = cell.float() / spread
        nearest = torch.cdist(scaled, scaled).masked_fill_(same, torch.inf).amin(1)
        if not bool(nearest.isinf().any()):
            longest = torch.maximum(longest, nearest / nearest.median().clamp_min(1e-6))
    return np.asarray(longest.numpy(), np.float32)


def _spread(rows: Tensor) -> Tensor:
    """Return the standard deviation of each of the features of rows (n, cells, F) over all cells, (F,)."""
    cells = rows.unbind(1)
    count = len(rows) * len(cells)
    mean = torch.stack([cell.double().sum(0) for cell in cells]).sum(0) / count
    squares = torch.stack([(cell.double() - mean).square().sum(0) for cell in cells]).sum(0)
    return (squares / count).sqrt().clamp_min(1e-6).float()
