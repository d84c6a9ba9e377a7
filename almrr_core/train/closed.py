"""Fits the closed form of the hybrid model: a few seconds of features, no gradients."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.data.anomalies import AnomalyOptions, simulate
from almrr_core.models.closed_form import FOLDS
from almrr_core.train.session import Session

SURVEY = 512  # inputs the normal statistics are taken from: 1.8 MB of ResNet-18 features each
SIMULATED = 320  # inputs, half with an anomaly, that the logit is fitted on
CHUNK = 16


@torch.no_grad()
def fit_closed_form(session: Session) -> None:
    """Fit the model's closed form to the training normals and the session's simulated anomalies.

    Memory: about three times the features of SURVEY inputs.
    """
    model, generator = session.model, session.generator
    model.eval()
    survey = session.pool.survey(SURVEY, generator)
    folds = survey.owners % FOLDS
    parts = [session.stages(images) for images in survey.images.split(CHUNK)]
    stages = [torch.cat(stage) for stage in zip(*parts, strict=True)]
    del survey, parts
    model.closed_form.fit(stages, folds, turned=session.job.warm)
    del stages
    evidence, masks = zip(*(_simulated(session) for _ in range(SIMULATED // CHUNK)), strict=True)
    model.closed_form.fit_logit(torch.cat(evidence), torch.cat(masks))


def _simulated(session: Session) -> tuple[Tensor, Tensor]:
    """Return evidence (CHUNK, maps, M, M) and masks (CHUNK, 1, M, M) of fresh simulated anomalies."""
    batch = session.pool.sample(CHUNK, session.generator)
    made = simulate(batch.images, session.textures, session.generator, AnomalyOptions())
    model = session.model
    white = model.closed_form.whiten(session.stages(made.images))
    evidence, _ = model.closed_form(white, batch.owners % FOLDS)
    return evidence, F.adaptive_avg_pool2d(made.masks, evidence.shape[-2:])
