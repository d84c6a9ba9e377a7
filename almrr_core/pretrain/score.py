"""The figures a backbone is chosen by: defects of held-out families on surfaces of held-out families.

For each surface a Gaussian per stage is fitted to normal pieces, as in the inspection model's closed form. A
logit of the distances is fitted to anomalies of the training families; what counts are defects of families
that nothing was trained or fitted on, and patches of the surface itself that are turned. The pieces of a
surface differ in light, contrast and scale, as the pictures of a real line do: without that, features that only
know one light would score best.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor, nn

from almrr_core.data.anomalies import AnomalyOptions, simulate
from almrr_core.data.families import HELD_OUT_FAMILIES
from almrr_core.data.fields import Dice, affine, ellipse, luma
from almrr_core.data.textures import HELD_OUT_TEXTURES, ProceduralTextures, make_textures
from almrr_core.models.backbone import Backbone, folded
from almrr_core.models.closed_form import Whitening
from almrr_core.pretrain.recipe import HeldOutSizes

CHUNK = 8
FINEST = 4  # pixels of a position of the finest stage
SMOOTH = 7  # such positions
PEAK = 5  # positions a side of the mean whose highest is a picture's score
SEED = 1860


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the surfaces, in 0..1."""

    image_auroc: float
    pixel_ap: float

    @property
    def merit(self) -> float:
        """Return the one number backbones are compared by, as models are (`train.criterion`)."""
        return (self.image_auroc + self.pixel_ap) / 2

    def rounded(self) -> dict[str, float]:
        """Return the figures for the card."""
        return {name: round(value, 5) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """One surface: uint8 pictures (n, 3, S, S), `good` ones normal too, and the changed ones' masks."""

    normal: Tensor
    good: Tensor
    fitted: Tensor
    tested: Tensor
    fitted_masks: Tensor
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
        sizes = self._sizes
        parts = (sizes.normals, sizes.tested, sizes.fitted, sizes.tested)
        made = make_textures(sum(parts), sizes.size, generator, self._device, (family,), alike=True).images
        made = _placed(luma(made).expand_as(made) if number % 2 else made, Dice(len(made), generator))
        normal, good, fitted, tested = made.split(parts)
        known = simulate(fitted, textures, generator, AnomalyOptions())
        unknown = simulate(tested, textures, generator, AnomalyOptions(HELD_OUT_FAMILIES, fraction=1.0))
        turned, where = _turned(tested[: len(tested) // 4], generator)
        unknown.images[: len(turned)], unknown.masks[: len(turned)] = turned, where
        seen = [_lit(one, Dice(len(one), generator)) for one in (normal, good, known.images, unknown.images)]
        parts_and_masks = (*seen, known.masks, unknown.masks)
        return _Pieces(*(one.mul(255).round_().to(torch.uint8) for one in parts_and_masks))

    @torch.no_grad()
    def score(self, backbone: Backbone) -> Figures:
        """Return the figures of a backbone."""
        frozen = folded(backbone).to(self._device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        pairs = [(_Judge(frozen, one.normal), one) for one in self._surfaces]
        known = np.concatenate([judge.evidence(one.fitted) for judge, one in pairs])
        truth = np.concatenate([_truth(one.fitted_masks) for one in self._surfaces])
        logit = LogisticRegression().fit(known, truth)
        images, pixels = zip(*(_figures(logit, judge, one) for judge, one in pairs), strict=True)
        return Figures(float(np.mean(images)), float(np.mean(pixels)))


def _figures(logit: LogisticRegression, judge: _Judge, one: _Pieces) -> tuple[float, float]:
    """Return image AUROC and pixel AP on one surface."""
    good, bad = (logit.decision_function(judge.evidence(part)) for part in (one.good, one.tested))
    scores = np.concatenate([_peaks(values, len(one.good)) for values in (good, bad)])
    image = roc_auc_score(np.arange(len(scores)) >= len(one.good), scores)
    return float(image), float(average_precision_score(_truth(one.tested_masks), bad))


def _peaks(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the highest local mean of each of `count` pictures, from their positions' values."""
    side = math.isqrt(len(values) // count)
    maps = torch.from_numpy(values).view(count, 1, side, side)
    found: NDArray[np.float64] = F.avg_pool2d(maps, PEAK, 1).amax((1, 2, 3)).numpy()
    return found


def _placed(images: Tensor, dice: Dice) -> Tensor:
    """Return pictures a little turned and up to a quarter larger."""
    return affine(images, dice.uniform(-0.05, 0.05), dice.log_uniform(1.0, 1.25)).clamp_(0, 1)


def _turned(images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return pictures with a round patch turned by 15 to 45°, to either side, and the patches' masks."""
    dice, size = Dice(len(images), generator), images.shape[-1]
    angle = dice.uniform(0.26, 0.79) * torch.where(dice.chance(0.5), -1.0, 1.0)
    radius = dice.uniform(0.09, 0.18) * size
    centre = dice.uniform(0.25, 0.75) * size, dice.uniform(0.25, 0.75) * size
    mask = (ellipse(size, centre, (radius, radius), angle) < 1).float()
    edge = F.avg_pool2d(mask, 5, 1, 2)
    return images + (affine(images, angle) - images) * edge, mask


def _lit(images: Tensor, dice: Dice) -> Tensor:
    """Return pictures under a light of their own: contrast, level, a slope, darker corners, noise."""
    height, width = images.shape[-2:]
    y = torch.linspace(-1, 1, height, device=images.device).view(1, 1, -1, 1)
    x = torch.linspace(-1, 1, width, device=images.device)
    mean = images.mean((1, 2, 3), keepdim=True)
    light = dice.uniform(-0.08, 0.08) * x + dice.uniform(-0.08, 0.08) * y
    light = light + dice.uniform(-0.06, 0.02) * (x * x + y * y) + dice.uniform(-0.15, 0.15)
    seen = mean + light + (images - mean) * dice.log_uniform(0.5, 1.3)
    return (seen + dice.levels(0.5, 4) * dice.normal(1, height, width)).clamp_(0, 1)


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
