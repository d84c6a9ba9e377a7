"""The figures a model is chosen by: held-out normals with anomalies of families that training never used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from almrr_core.data.anomalies import AnomalyOptions, simulate
from almrr_core.data.families import HELD_OUT_FAMILIES
from almrr_core.data.textures import ProceduralTextures
from almrr_core.judge import frame_score
from almrr_core.models.almrr import upsample
from almrr_core.train.session import Session

NORMALS = 48  # held-out inputs; each also appears PER_NORMAL times with an anomaly
PER_NORMAL = 2
CHUNK = 16
SPARSE = 4  # pixel figures use every fourth pixel of both axes
SEED = 20240717  # the same anomalies for every model of one session


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures in 0..1 on the criterion set."""

    image_auroc: float
    pixel_auroc: float
    pixel_ap: float

    @property
    def merit(self) -> float:
        """Return the one number models are compared by: the mean of image AUROC and pixel AP."""
        return (self.image_auroc + self.pixel_ap) / 2

    def named(self, prefix: str) -> dict[str, float | None]:
        """Return the figures for the bundle's card."""
        return {f"{prefix}_{name}": round(value, 5) for name, value in asdict(self).items()}


class Criterion:
    """Holds the pictures (n, 3, S, S) and masks; the same for every model it is asked about."""

    def __init__(self, session: Session) -> None:
        tiles = torch.cat(session.held_out)
        chosen = torch.linspace(0, len(tiles) - 1, min(NORMALS, len(tiles))).round().long()
        normal = tiles[chosen].to(session.device).float().div_(255)
        generator = torch.Generator(session.device)
        generator.manual_seed(SEED)
        options = AnomalyOptions(families=HELD_OUT_FAMILIES, fraction=1.0)
        made = simulate(
            normal.repeat(PER_NORMAL, 1, 1, 1), ProceduralTextures(session.device), generator, options
        )
        self._images = torch.cat([normal, made.images])
        masks = torch.cat([torch.zeros_like(normal[:, :1]), made.masks])
        self._labels = np.arange(len(masks)) >= len(normal)
        self._truth = masks[..., ::SPARSE, ::SPARSE].flatten().cpu().numpy() > 0.5

    @torch.no_grad()
    def judge(self, logit_of: Callable[[Tensor], Tensor]) -> Figures:
        """Return the figures of a function from images (B, 3, S, S) to logits (B, 1, M, M)."""
        size = self._images.shape[-1]
        maps = [upsample(logit_of(part).float(), size).cpu() for part in self._images.split(CHUNK)]
        scores = [frame_score(one[0].numpy()) for part in maps for one in part]
        pixels = torch.cat(maps)[..., ::SPARSE, ::SPARSE].flatten().numpy()
        return Figures(
            float(roc_auc_score(self._labels, scores)),
            float(roc_auc_score(self._truth, pixels)),
            float(average_precision_score(self._truth, pixels)),
        )
