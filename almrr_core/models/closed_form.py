"""Closed-form model of normal features: ready in seconds, before any gradient step (ours, the hybrid form).

Two kinds of evidence, each a map of how badly normal pictures explain a position:

* local, one per stage: the Mahalanobis distance of the feature vector from all normal vectors of that stage
  (as PaDiM, arXiv 2011.08785, with one shared Gaussian);
* global, one for each of the last two stages: the residual after projecting the *whole* channel-reduced feature
  map onto the principal components of the normal maps (as DFM, arXiv 1909.11786). It knows what this picture as
  a whole, its lighting and layout, makes normal at each place.

Every distance is taken as a logarithm, centred and scaled by the training normals. A logistic regression on the
evidence and its local means, fitted on simulated anomalies, turns it into the logit difference.

The global residual of a picture that its own components were fitted on is too small. So the components are also
fitted on FOLDS subsets, each without its own fold, and training asks for the ones that never saw the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from almrr_core.models.aggregation import Aggregation

FOLDS = 4
SMOOTH = 7  # window of the local means, in map pixels
FLOOR = 1e-2  # of the mean eigenvalue: keeps whitening finite


class LocalResidual(nn.Module):
    """Squared Mahalanobis distance of every position of a stage: (B, C, h, h) → (B, 1, h, h), mean 1."""

    mean: Tensor
    whitening: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("whitening", torch.eye(channels))

    def fit(self, stage: Tensor) -> None:
        """Fit mean and whitening to normal features (N, C, h, h)."""
        vectors = stage.float().transpose(0, 1).flatten(1)  # (C, N·h·h)
        self.mean = vectors.mean(1)
        centred = vectors - self.mean[:, None]
        values, axes = torch.linalg.eigh((centred @ centred.T / centred.shape[1]).double())
        scale = torch.sqrt(len(values) * (values + FLOOR * values.mean()))
        self.whitening = (axes / scale).T.float()

    def forward(self, stage: Tensor) -> Tensor:
        """Return the distance map."""
        centred = stage - self.mean[:, None, None]
        white = F.conv2d(centred, self.whitening[:, :, None, None])
        return white.square().sum(1, keepdim=True)


class GlobalResidual(nn.Module):
    """Mean square of what whole maps keep outside their principal components: (B, C, h, h) → (B, 1, h, h)."""

    mean: Tensor
    reduction: Tensor
    centre: Tensor
    basis: Tensor

    def __init__(self, channels: int, height: int, reduced: int, components: int) -> None:
        super().__init__()
        self.shape = (reduced, height, height)
        size = reduced * height * height
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("reduction", torch.zeros(reduced, channels))
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("basis", torch.zeros(components, size))
        self.fold_centre: Tensor | None = None  # (FOLDS, size), only while training
        self.fold_basis: Tensor | None = None  # (FOLDS, components, size)

    def fit(self, stage: Tensor, folds: Tensor) -> None:
        """Fit the channel reduction and the components to normal maps (N, C, h, h) of folds (N,)."""
        local = LocalResidual(stage.shape[1])
        local.fit(stage)
        self.mean = local.mean
        self.reduction = local.whitening[-self.shape[0] :] * stage.shape[1] ** 0.5  # largest axes come last
        codes = self._codes(stage.float())
        self.centre, self.basis = self._components(codes)
        others = [codes[folds != fold] for fold in range(FOLDS)]
        parts = [self._components(rest if len(rest) else codes) for rest in others]
        self.fold_centre = torch.stack([centre for centre, _ in parts])
        self.fold_basis = torch.stack([basis for _, basis in parts])

    def forward(self, stage: Tensor, folds: Tensor | None = None) -> Tensor:
        """Return the residual map; with `folds` (B,) each picture uses the components of its fold."""
        codes = self._codes(stage)
        if folds is None or self.fold_basis is None or self.fold_centre is None:
            centred = codes - self.centre
            residual = centred - centred @ self.basis.T @ self.basis
        else:
            centred = codes - self.fold_centre[folds]
            every = torch.einsum("bd,fkd->bfk", centred, self.fold_basis)  # all folds: no (B, k, d) gather
            own = F.one_hot(folds, FOLDS).to(every.dtype)[:, :, None] * every
            residual = centred - torch.einsum("bfk,fkd->bd", own, self.fold_basis)
        return residual.unflatten(1, self.shape).square().mean(1, keepdim=True)

    def _codes(self, stage: Tensor) -> Tensor:
        centred = stage - self.mean[:, None, None]
        return F.conv2d(centred, self.reduction[:, :, None, None]).flatten(1)

    def _components(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return centre (size,) and orthonormal rows (components, size), zero rows where there are fewer."""
        centre = codes.mean(0)
        centred = codes - centre
        values, left = torch.linalg.eigh((centred @ centred.T).double())  # Gram: N is far below size
        wanted = min(self.basis.shape[0], max(len(codes) // 2, 1))
        keep = values[-wanted:] > 1e-6 * values[-1]
        rows = left[:, -wanted:][:, keep].T.float() @ centred
        basis = torch.zeros_like(self.basis)
        basis[: len(rows)] = F.normalize(rows, dim=1)
        return centre, basis


class ClosedForm(nn.Module):
    """All evidence of a backbone's stages as standardised log maps (B, maps, M, M), and their logit."""

    offset: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        channels: Sequence[int],
        heights: Sequence[int],
        aggregation: Aggregation,
        reduced: Sequence[int] = (16, 32),
        components: Sequence[int] = (24, 48),
    ) -> None:
        super().__init__()
        self.aggregation = aggregation
        self.local = nn.ModuleList(LocalResidual(c) for c in channels)
        used = list(range(len(channels)))[-len(reduced) :]
        self.stages_used = used
        sizes = zip(reduced[-len(used) :], components[-len(used) :], strict=True)
        self.overall = nn.ModuleList(
            GlobalResidual(channels[i], heights[i], r, k) for i, (r, k) in zip(used, sizes, strict=True)
        )
        self.maps = len(channels) + len(used)
        self.register_buffer("offset", torch.zeros(self.maps))
        self.register_buffer("scale", torch.ones(self.maps))
        self.register_buffer("weight", torch.zeros(2 * self.maps))
        self.register_buffer("bias", torch.zeros(()))

    def forward(self, stages: list[Tensor], folds: Tensor | None = None) -> Tensor:
        """Return the evidence (B, maps, M, M) float32, about 0 ± 1 on normals."""
        with torch.autocast(self.offset.device.type, enabled=False):  # whitening needs all of float32
            logs = self._logs([stage.float() for stage in stages], folds)
            return (logs - self.offset[:, None, None]) * self.scale[:, None, None]

    def logit(self, evidence: Tensor) -> Tensor:
        """Return the logit difference (B, 1, M, M) of the evidence alone."""
        with torch.autocast(self.offset.device.type, enabled=False):
            weighted = F.conv2d(_with_means(evidence), self.weight[None, :, None, None])
            return weighted + self.bias

    @torch.no_grad()
    def fit(self, stages: list[Tensor], folds: Tensor) -> None:
        """Fit everything but the logit to normal features [(N, C_k, h_k, h_k)] of folds (N,)."""
        for model, stage in zip(self.local, stages, strict=True):
            model.fit(stage)
        for index, overall in zip(self.stages_used, self.overall, strict=True):
            overall.fit(stages[index], folds)
        step = 32
        logs = torch.cat(
            [
                self._logs([s[i : i + step].float() for s in stages], folds[i : i + step])
                for i in range(0, len(folds), step)
            ]
        )
        self.offset = logs.mean((0, 2, 3))
        self.scale = 1 / logs.std((0, 2, 3)).clamp_min(1e-3)

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

    def _logs(self, stages: list[Tensor], folds: Tensor | None) -> Tensor:
        squares = [model(stage) for model, stage in zip(self.local, stages, strict=True)]
        squares += [
            overall(stages[i], folds) for i, overall in zip(self.stages_used, self.overall, strict=True)
        ]
        origin = [*range(len(stages)), *self.stages_used]
        return torch.cat(
            [self.aggregation.resize(torch.log(s + 1e-6), i) for s, i in zip(squares, origin, strict=True)],
            dim=1,
        )


def _with_means(evidence: Tensor) -> Tensor:
    """Return the evidence and its local means, (B, 2·maps, M, M)."""
    means = F.avg_pool2d(evidence, SMOOTH, 1, SMOOTH // 2, count_include_pad=False)
    return torch.cat([evidence, means], dim=1)
