"""Closed-form model of normal features: ready in seconds, before any gradient step (ours, the hybrid form).

Two kinds of evidence, each a map of how badly normal pictures explain a position:

* local, one per stage: the Mahalanobis distance of the feature vector from all normal vectors of that stage
  (as PaDiM, arXiv 2011.08785, with one shared Gaussian);
* global, as `GLOBALS` says: the residual after projecting the *whole* pooled feature map onto the principal
  components of the normal maps (as DFM, arXiv 1909.11786). It knows what this picture as a whole, its lighting
  and layout, makes normal at each place.

Every distance is taken as a logarithm, centred and scaled by the training normals. A logistic regression on the
evidence and its local means, fitted on simulated anomalies, turns it into the logit difference.

The last global residual, summed over the whole picture, is the picture's `level`: how far it lies from normal
pictures altogether. `models.almrr` adds it to the map with an equal say. It ends at HIGHEST_LEVEL: a strong
defect shows where it is, and must not lift the whole map over the pixel limit.

The global residual of a picture that its own components were fitted on is too small. So the components are also
fitted on FOLDS subsets, each without its own fold, and training asks for the ones that never saw the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from almrr_core.models.aggregation import Aggregation

FOLDS = 4
SMOOTH = 7  # window of the local means, in map pixels
FLOOR = 1e-2  # of the mean eigenvalue: keeps whitening finite,
LEAST_VARIANCE = 1e-12  # as this does where nothing varies at all
CODES = (32, 48, 64)  # leading whitened channels per stage that the reconstruction works on
# Global models: stage counted from the last, leading whitened channels, side it is pooled to, components.
# More of each fit better but store more; the last one gives the level.
GLOBALS = ((-2, 32, 8, 64), (-1, 64, 8, 64), (-1, 256, 4, 96))
# Side and components for the picture's own colour, where that is the first stage: a tone is faint and wide.
SHADE_GLOBALS = ((16, 16), (8, 8))
HIGHEST_LEVEL = 3.0  # standard deviations of normal pictures
STEP = 32  # pictures at a time


class Whitening(nn.Module):
    """Brings a stage's normal vectors to mean 0 and unit covariance: (B, C, h, h) → (B, C, h, h).

    The axes are the principal ones, the largest first, so that the first channels are the best short code.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("matrix", torch.eye(channels))

    def fit(self, stage: Tensor, turned: bool = False) -> None:
        """Fit to normal features (N, C, h, h).

        A whitening is free up to a rotation, which changes no distance. `turned`: take the rotation that is
        nearest to the whitening before (orthogonal Procrustes), so that weights trained on its codes still fit.
        """
        before = self.matrix
        vectors = stage.float().transpose(0, 1).flatten(1)  # (C, N·h·h)
        self.mean = vectors.mean(1)
        centred = vectors - self.mean[:, None]
        covariance = (centred @ centred.T / centred.shape[1]).double()
        values, axes = torch.linalg.eigh(covariance)
        scale = torch.sqrt((values + FLOOR * values.mean()).clamp_min(LEAST_VARIANCE))
        matrix = (axes / scale).T.flip(0)
        if turned:
            left, _, right = torch.linalg.svd(before.double() @ covariance @ matrix.T)
            matrix = left @ right @ matrix
        self.matrix = matrix.float().contiguous()

    def forward(self, stage: Tensor) -> Tensor:
        """Return the whitened features."""
        return F.conv2d(stage, self.matrix[:, :, None, None], -(self.matrix @ self.mean))


class GlobalResidual(nn.Module):
    """Mean square of what whole maps keep outside their principal components: (B, C, h, h) → (B, 1, s, s).

    Only the first `channels` of the C are used, mean-pooled to side × side.
    """

    centre: Tensor
    basis: Tensor

    def __init__(self, channels: int, side: int, components: int) -> None:
        super().__init__()
        self.shape = (channels, side, side)
        size = channels * side * side
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("basis", torch.zeros(components, size))
        self.fold_centre: Tensor | None = None  # (FOLDS, size), only while training
        self.fold_basis: Tensor | None = None  # (FOLDS, components, size)

    def fit(self, codes: Tensor, folds: Tensor) -> None:
        """Fit the components to normal maps (N, C, h, h) of folds (N,)."""
        rows = self._rows(codes)
        self.centre, self.basis = self._components(rows)
        others = [rows[folds != fold] for fold in range(FOLDS)]
        parts = [self._components(rest if len(rest) else rows) for rest in others]
        self.fold_centre = torch.stack([centre for centre, _ in parts])
        self.fold_basis = torch.stack([basis for _, basis in parts])

    def forward(self, codes: Tensor, folds: Tensor | None = None) -> Tensor:
        """Return the residual map; with `folds` (B,) each picture uses the components of its fold."""
        rows = self._rows(codes)
        if folds is None or self.fold_basis is None or self.fold_centre is None:
            centred = rows - self.centre
            residual = centred - centred @ self.basis.T @ self.basis
        else:
            centred = rows - self.fold_centre[folds]
            every = torch.einsum("bd,fkd->bfk", centred, self.fold_basis)  # all folds: no (B, k, d) gather
            own = F.one_hot(folds, FOLDS).to(every.dtype)[:, :, None] * every
            residual = centred - torch.einsum("bfk,fkd->bd", own, self.fold_basis)
        squares: Tensor = residual.unflatten(1, self.shape).square()
        return squares.mean(1, keepdim=True)

    def _rows(self, codes: Tensor) -> Tensor:
        channels, side, _ = self.shape
        return F.adaptive_avg_pool2d(codes[:, :channels], side).flatten(1)

    def _components(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return centre (size,) and orthonormal rows (components, size), zero rows where there are fewer."""
        centre = rows.mean(0)
        centred = rows - centre
        values, left = torch.linalg.eigh((centred @ centred.T).double())  # Gram: N is far below size
        wanted = min(self.basis.shape[0], max(len(rows) // 2, 1))
        keep = values[-wanted:] > 1e-6 * values[-1]
        axes = left[:, -wanted:][:, keep].T.float() @ centred
        basis = torch.zeros_like(self.basis)
        basis[: len(axes)] = F.normalize(axes, dim=1)
        return centre, basis


class ShadeResidual(GlobalResidual):
    """The residual of the picture's own colour, (B, 3, h, h) → (B, 1, s, s): of its differences to its mean.

    How bright a picture is as a whole says little, and varies much more than what a patch of another tone adds;
    so the differences are whitened by themselves, at the size at which they are compared.
    """

    def __init__(self, side: int, components: int) -> None:
        super().__init__(3, side, components)
        self.whitening = Whitening(3)

    def fit(self, codes: Tensor, folds: Tensor) -> None:
        """Fit whitening and components to normal colours (N, 3, h, h) of folds (N,)."""
        self.whitening.fit(self._differences(codes))
        super().fit(codes, folds)

    def _rows(self, codes: Tensor) -> Tensor:
        rows: Tensor = self.whitening(self._differences(codes)).flatten(1)
        return rows

    def _differences(self, codes: Tensor) -> Tensor:
        pooled = F.adaptive_avg_pool2d(codes, self.shape[-1])
        return pooled - pooled.mean((2, 3), keepdim=True)


class ClosedForm(nn.Module):
    """Whitened stages, evidence maps, their logit, and the level; see the head of this file.

    `codes` (channels per stage) are what the reconstruction works on in the hybrid form: whitened, so that
    every channel counts alike.
    """

    offset: Tensor
    scale: Tensor
    level_offset: Tensor
    level_scale: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(
        self, channels: Sequence[int], heights: Sequence[int], aggregation: Aggregation, shade: bool = False
    ) -> None:
        super().__init__()
        self.aggregation = aggregation
        stages = len(channels) - shade  # of the backbone
        wanted = (3,) * shade + CODES[:stages] + CODES[-1:] * (stages - len(CODES))
        self.codes = tuple(min(width, count) for width, count in zip(wanted, channels, strict=True))
        whitening = [Whitening(count) for count in channels]
        chosen = [one for one in GLOBALS if -one[0] <= stages]
        colours = SHADE_GLOBALS if shade else ()
        self.used = [0] * len(colours) + [len(channels) + stage for stage, *_ in chosen]
        overall: list[GlobalResidual] = [
            ShadeResidual(min(side, heights[0]), components) for side, components in colours
        ]
        for i, (_, width, side, count) in zip(self.used[len(overall) :], chosen, strict=True):
            overall.append(GlobalResidual(min(width, channels[i]), min(side, heights[i]), count))
        self.whitening, self.overall = nn.ModuleList(whitening), nn.ModuleList(overall)
        self.maps = len(channels) + len(self.used)
        self.register_buffer("offset", torch.zeros(self.maps))
        self.register_buffer("scale", torch.ones(self.maps))
        self.register_buffer("level_offset", torch.zeros(()))
        self.register_buffer("level_scale", torch.ones(()))
        self.register_buffer("weight", torch.zeros(2 * self.maps))
        self.register_buffer("bias", torch.zeros(()))

    def _models(self) -> tuple[list[Whitening], list[tuple[int, GlobalResidual]]]:
        """Return the parts by their types: the whitenings, and the global models with their stages."""
        overall = cast(Iterable[GlobalResidual], self.overall)
        return list(cast(Iterable[Whitening], self.whitening)), list(zip(self.used, overall, strict=True))

    def whiten(self, stages: list[Tensor]) -> list[Tensor]:
        """Return the whitened stages in float32, whatever the autocast."""
        with torch.autocast(self.offset.device.type, enabled=False):
            return [model(stage.float()) for model, stage in zip(self._models()[0], stages, strict=True)]

    def features(self, white: list[Tensor]) -> Tensor:
        """Return the codes of all stages at one size, (B, Σ codes, M, M)."""
        wide: Tensor = self.aggregation(
            [stage[:, :count] for stage, count in zip(white, self.codes, strict=True)]
        )
        return wide

    def forward(self, white: list[Tensor], folds: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return evidence (B, maps, M, M) and level (B, 1, 1, 1), float32, about 0 ± 1 on normals."""
        with torch.autocast(self.offset.device.type, enabled=False):
            logs, levels = self._logs(white, folds)
            evidence = (logs - self.offset[:, None, None]) * self.scale[:, None, None]
            level = (levels - self.level_offset) * self.level_scale
            return evidence, level.clamp(max=HIGHEST_LEVEL)

    def logit(self, evidence: Tensor) -> Tensor:
        """Return the logit difference (B, 1, M, M) of the evidence alone."""
        with torch.autocast(self.offset.device.type, enabled=False):
            weighted = F.conv2d(_with_means(evidence), self.weight[None, :, None, None])
            return weighted + self.bias

    @torch.no_grad()
    def fit(self, stages: list[Tensor], folds: Tensor, turned: bool = False) -> None:
        """Fit everything but the logit to normal features [(N, C_k, h_k, h_k)] of folds (N,).

        `turned`: keep the codes as near as may be to what they were, see `Whitening.fit`.
        """
        whitening, overalls = self._models()
        for model, stage in zip(whitening, stages, strict=True):
            model.fit(stage, turned)
        white = self.whiten(stages)
        for index, overall in overalls:
            overall.fit(white[index], folds)
        parts = zip(*(stage.split(STEP) for stage in white), strict=True)
        pairs = [self._logs(list(part), fold) for part, fold in zip(parts, folds.split(STEP), strict=True)]
        logs, levels = (torch.cat(both) for both in zip(*pairs, strict=True))
        self.offset, self.level_offset = logs.mean((0, 2, 3)), levels.mean()
        self.scale = 1 / logs.std((0, 2, 3)).clamp_min(1e-3)
        self.level_scale = 1 / levels.std(correction=0).clamp_min(1e-3)

    def fit_logit(self, evidence: Tensor, masks: Tensor, decay: float = 1e-3) -> None:
        """Fit the logistic regression to evidence (N, maps, M, M) and masks (N, 1, M, M) in 0..1.

        Newton's method on the penalised likelihood: convex, so a few steps reach the optimum.
        """
        rows = _with_means(evidence).movedim(1, -1).flatten(0, 2).double()
        rows = torch.cat([rows, torch.ones_like(rows[:, :1])], dim=1)
        target = masks.movedim(1, -1).flatten().double()
        solution = torch.zeros(rows.shape[1], dtype=torch.double, device=rows.device)
        penalty = decay * torch.eye(rows.shape[1], dtype=torch.double, device=rows.device)
        for _ in range(12):
            probability = torch.sigmoid(rows @ solution)
            gradient = rows.T @ (probability - target) / len(rows) + penalty @ solution
            weighted = rows * (probability * (1 - probability))[:, None]
            solution = solution - torch.linalg.solve(rows.T @ weighted / len(rows) + penalty, gradient)
        self.weight, self.bias = solution[:-1].float(), solution[-1].float()

    def _logs(self, white: list[Tensor], folds: Tensor | None) -> tuple[Tensor, Tensor]:
        squares = [stage.square().mean(1, keepdim=True) for stage in white]  # Mahalanobis distance / C
        local = [self.aggregation.resize(_log(part), index) for index, part in enumerate(squares)]
        residuals = [overall(white[index], folds) for index, overall in self._models()[1]]
        size = local[0].shape[-2:]
        overall = [F.interpolate(_log(r), size=size, mode="bilinear", align_corners=False) for r in residuals]
        return torch.cat(local + overall, dim=1), _log(residuals[-1].mean((2, 3), keepdim=True))


def _log(squares: Tensor) -> Tensor:
    return torch.log(squares + 1e-6)


def _with_means(evidence: Tensor) -> Tensor:
    """Return the evidence and its local means, (B, 2·maps, M, M)."""
    means = F.avg_pool2d(evidence, SMOOTH, 1, SMOOTH // 2, count_include_pad=False)
    return torch.cat([evidence, means], dim=1)
