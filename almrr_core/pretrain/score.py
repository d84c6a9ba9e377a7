"""The figure a backbone is chosen by: defects of held-out families on surfaces of held-out families.

For each surface a Gaussian per stage is fitted to normal pieces, as in the inspection model's closed form. A
logit of the distances is fitted to anomalies of the training families; what counts is the pixel AP on defects
of families that nothing was trained or fitted on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from almrr_core.data.anomalies import AnomalyOptions, simulate
from almrr_core.data.families import HELD_OUT_FAMILIES
from almrr_core.data.textures import HELD_OUT_TEXTURES, ProceduralTextures, make_textures
from almrr_core.models.backbone import Backbone, folded
from almrr_core.models.closed_form import Whitening
from almrr_core.pretrain.recipe import HeldOutSizes

CHUNK = 8
FINEST = 4  # pixels of a position of the finest stage
SMOOTH = 7  # such positions
SEED = 1860


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """One surface: uint8 pictures (n, 3, S, S) and bool masks (n, 1, S, S) of the changed ones."""

    normal: Tensor
    fitted: Tensor
    fitted_masks: Tensor
    tested: Tensor
    tested_masks: Tensor


class HeldOut:
    """The held-out surfaces, made once; the same for every backbone that is asked about."""

    @torch.no_grad()
    def __init__(self, device: torch.device, sizes: HeldOutSizes) -> None:
        self._device, self._sizes = device, sizes
        generator = torch.Generator(device)
        generator.manual_seed(SEED)
        textures = ProceduralTextures(device, pool=24, seed=SEED)
        self._surfaces = [self._make(number, generator, textures) for number in range(sizes.surfaces)]

    def _make(self, number: int, generator: torch.Generator, textures: ProceduralTextures) -> _Pieces:
        family = HELD_OUT_TEXTURES[number % len(HELD_OUT_TEXTURES)]
        parts = (self._sizes.normals, self._sizes.fitted, self._sizes.tested)
        made = make_textures(
            sum(parts), self._sizes.size, generator, self._device, (family,), alike=True
        ).images
        normal, fitted, tested = made.split(parts)
        known = simulate(fitted, textures, generator, AnomalyOptions())
        unknown = simulate(tested, textures, generator, AnomalyOptions(HELD_OUT_FAMILIES, fraction=1.0))
        pictures = (normal, known.images, known.masks, unknown.images, unknown.masks)
        return _Pieces(*(one.mul(255).round_().to(torch.uint8) for one in pictures))

    @torch.no_grad()
    def score(self, backbone: Backbone) -> float:
        """Return the mean pixel AP (0..1) over the surfaces."""
        return float(np.mean(self.scores(backbone)))

    @torch.no_grad()
    def scores(self, backbone: Backbone) -> list[float]:
        """Return the pixel AP (0..1) of each surface."""
        frozen = folded(backbone).to(self._device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        judges = [_Judge(frozen, one.normal) for one in self._surfaces]
        pairs = list(zip(judges, self._surfaces, strict=True))
        known = np.concatenate([judge.evidence(one.fitted) for judge, one in pairs])
        truth = np.concatenate([_truth(one.fitted_masks) for one in self._surfaces])
        logit = LogisticRegression().fit(known, truth)
        return [
            float(
                average_precision_score(
                    _truth(one.tested_masks), logit.decision_function(judge.evidence(one.tested))
                )
            )
            for judge, one in pairs
        ]


class _Judge:
    """A Gaussian per stage, fitted to one surface's normal pieces."""

    def __init__(self, frozen: nn.Module, normal: Tensor) -> None:
        self._frozen = frozen
        stages = [torch.cat(stage) for stage in zip(*_stages(frozen, normal), strict=True)]
        self._models = [Whitening(stage.shape[1]).to(stage.device) for stage in stages]
        for model, stage in zip(self._models, stages, strict=True):
            model.fit(stage)
        logs = [_logs(model, stage) for model, stage in zip(self._models, stages, strict=True)]
        self._units = [(float(one.mean()), float(one.std())) for one in logs]

    def evidence(self, pictures: Tensor) -> NDArray[np.float32]:
        """Return a row per position of the finest stage: log distances, 0 ± 1 on normals, and local means."""
        return np.concatenate([self._rows(part) for part in _stages(self._frozen, pictures)])

    def _rows(self, stages: list[Tensor]) -> NDArray[np.float32]:
        size = stages[0].shape[-2:]
        maps = []
        for model, (mean, spread), stage in zip(self._models, self._units, stages, strict=True):
            standard = (_logs(model, stage) - mean) / spread
            maps.append(F.interpolate(standard, size, mode="bilinear", align_corners=False))
        wide = torch.cat(maps, 1)
        wide = torch.cat([wide, F.avg_pool2d(wide, SMOOTH, 1, SMOOTH // 2, count_include_pad=False)], 1)
        return wide.movedim(1, -1).flatten(0, 2).cpu().numpy()


def _logs(model: Whitening, stage: Tensor) -> Tensor:
    return torch.log(model(stage).square().mean(1, keepdim=True) + 1e-6)


def _truth(masks: Tensor) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (F.avg_pool2d(masks.float() / 255, FINEST) > 0.5).flatten().cpu().numpy()
    return found


def _stages(frozen: nn.Module, pictures: Tensor) -> Iterator[list[Tensor]]:
    for part in pictures.split(CHUNK):
        scaled = part.float().div_(255).contiguous(memory_format=torch.channels_last)
        yield [stage.contiguous() for stage in frozen(scaled)]
