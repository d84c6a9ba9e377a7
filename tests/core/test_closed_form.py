"""The closed form against brute force, and its honesty about pictures it was fitted on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from almrr_core.models.aggregation import Aggregation
from almrr_core.models.closed_form import (
    FLOOR,
    FOLDS,
    HIGHEST_LEVEL,
    SMOOTH,
    ClosedForm,
    GlobalResidual,
    Whitening,
)


def features(n: int, c: int, h: int, rank: int = 6) -> torch.Tensor:
    """Maps that share a few components, plus noise."""
    parts = torch.randn(rank, c, h, h)
    return torch.einsum("nr,rchw->nchw", torch.randn(n, rank), parts) + 0.3 * torch.randn(n, c, h, h) + 1.0


def test_whitening_gives_the_mahalanobis_distance_and_the_principal_axes_first() -> None:
    normals, fresh = features(20, 6, 8), features(3, 6, 8)
    model = Whitening(6)
    model.fit(normals)
    rows = normals.permute(0, 2, 3, 1).reshape(-1, 6).double().numpy()
    raw = np.cov(rows.T, bias=True)
    covariance = raw + FLOOR * np.trace(raw) / 6 * np.eye(6)
    centred = fresh.permute(0, 2, 3, 1).double().numpy() - rows.mean(0)
    expected = np.einsum("nhwc,cd,nhwd->nhw", centred, np.linalg.inv(covariance), centred)
    np.testing.assert_allclose(model(fresh).square().sum(1).numpy(), expected, rtol=1e-3)
    spread = np.linalg.norm(np.linalg.inv(model.matrix.double().numpy()), axis=0)
    assert (np.diff(spread) <= 1e-6).all(), "the first code channels must be the largest axes"


def test_global_residual_forgets_what_normal_pictures_share() -> None:
    everything = features(68, 8, 8)
    model = GlobalResidual(8, 8, components=12)
    model.fit(everything[:64], torch.arange(64) % FOLDS)
    normal = everything[64:]
    odd = normal.clone()
    odd[:, :, 2:4, 2:4] += 3 * torch.randn(4, 8, 1, 1)
    rise = model(odd) / model(normal)
    assert rise[:, 0, 2:4, 2:4].mean() > 3 * rise[:, 0, 5:, 5:].mean()
    torch.testing.assert_close(model.basis @ model.basis.T, torch.eye(12), atol=1e-4, rtol=0)


def test_folds_show_a_picture_the_components_that_never_saw_it() -> None:
    normals = torch.randn(24, 6, 8, 8)  # nothing in common: in-sample residuals are far too small
    model = GlobalResidual(6, 8, components=12)
    folds = torch.arange(24) % FOLDS
    model.fit(normals, folds)
    in_sample, honest = model(normals).mean(), model(normals, folds).mean()
    fresh = model(torch.randn(24, 6, 8, 8)).mean()
    assert in_sample < 0.8 * fresh
    assert abs(honest / fresh - 1) < 0.1
    alone = GlobalResidual(6, 8, components=12)
    alone.fit(normals[folds != 1], torch.zeros(18, dtype=torch.long))
    torch.testing.assert_close(model(normals, folds)[1], alone(normals)[1], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_very_few_pictures_give_finite_evidence(count: int) -> None:
    model = ClosedForm((4, 6), (16, 8), Aggregation(64, (16, 8)))
    stages = [torch.randn(count, 4, 16, 16), torch.randn(count, 6, 8, 8)]
    model.fit(stages, torch.arange(count) % FOLDS)
    for given in (stages, [torch.zeros(1, 4, 16, 16), torch.zeros(1, 6, 8, 8)]):
        white = model.whiten(given)
        evidence, level = model(white)
        assert evidence.shape == (len(given[0]), model.maps, 16, 16)
        assert level.shape == (len(given[0]), 1, 1, 1)
        assert torch.isfinite(evidence).all()
        assert torch.isfinite(level).all()
        assert torch.isfinite(model.features(white)).all()


def test_the_level_rises_with_a_change_that_is_spread_over_the_whole_picture() -> None:
    model = ClosedForm((4, 6), (16, 8), Aggregation(64, (16, 8)))
    folds, own = torch.arange(36) % FOLDS, torch.full((1,), HIGHEST_LEVEL)
    while own.max() >= HIGHEST_LEVEL:  # now and then a normal is so odd that its level ends there
        stages = [features(40, 4, 16), features(40, 6, 8)]
        model.fit([stage[:36] for stage in stages], folds)
        _, own = model(model.whiten([stage[:36] for stage in stages]), folds)
    torch.testing.assert_close(own.mean(), torch.zeros(()), atol=1e-4, rtol=0)
    torch.testing.assert_close(own.std(correction=0), torch.ones(()), atol=1e-3, rtol=0)
    faint = [stage[36:] + 0.8 * torch.randn_like(stage[36:]) for stage in stages]
    _, level = model(model.whiten(faint))
    assert level.min() > own.max() or level.min() == HIGHEST_LEVEL
    _, level = model(model.whiten([100 * stage for stage in stages]))
    torch.testing.assert_close(level, torch.full_like(level, HIGHEST_LEVEL))


def test_global_residual_is_that_of_the_pooled_leading_channels() -> None:
    normals, fresh = torch.randn(30, 6, 8, 8), torch.randn(3, 6, 8, 8)
    model = GlobalResidual(4, 2, components=5)
    model.fit(normals, torch.arange(30) % FOLDS)
    rows = torch.nn.functional.avg_pool2d(normals[:, :4], 4).flatten(1).double().numpy()
    axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:5]
    centred = torch.nn.functional.avg_pool2d(fresh[:, :4], 4).flatten(1).double().numpy() - rows.mean(0)
    left = (centred - centred @ axes.T @ axes).reshape(3, 4, 2, 2)
    np.testing.assert_allclose(model(fresh).numpy(), (left**2).mean(1, keepdims=True), rtol=1e-3)


def test_the_shade_sees_a_faint_wide_change_of_tone_that_the_stages_do_not() -> None:
    """Pictures whose brightness wanders from one to the next, and one with a patch of 8 gray levels."""
    heights = (16, 16, 8)
    model = ClosedForm((3, 4, 6), heights, Aggregation(64, heights), shade=True)
    light = 0.5 + 0.05 * torch.randn(49, 1, 1, 1)
    shade = light + 0.004 * torch.randn(49, 3, 16, 16)
    stages = [shade, features(49, 4, 16), features(49, 6, 8)]
    model.fit([stage[:48] for stage in stages], torch.arange(48) % FOLDS)
    fresh = [stage[48:] for stage in stages]
    plain, _ = model(model.whiten(fresh))
    fresh[0][:, :, 4:8, 4:8] += 8 / 255
    evidence, _ = model(model.whiten(fresh))
    rise = (evidence - plain)[0]
    own = [0, 3, 4]  # the local map of the shade, and its two whole-picture ones
    others = [index for index in range(model.maps) if index not in own]
    assert torch.equal(rise[others], torch.zeros_like(rise[others]))
    local, fine, coarse = (float(one[5:7, 5:7].mean()) for one in rise[own])
    assert min(fine, coarse) > 2 > local, "the wandering light hides it from all but the whole picture"


def test_logit_is_a_logistic_regression_on_evidence_and_its_local_means() -> None:
    model = ClosedForm((4, 6), (16, 8), Aggregation(64, (16, 8)))
    evidence = torch.randn(6, model.maps, 16, 16)
    masks = (evidence[:, :1] + 0.5 * evidence[:, 2:3] + torch.randn(6, 1, 16, 16) > 1.5).float()
    decay = 1e-3
    model.fit_logit(evidence, masks, decay)
    means = torch.nn.functional.avg_pool2d(evidence, SMOOTH, 1, SMOOTH // 2, count_include_pad=False)
    rows = torch.cat([evidence, means], 1).movedim(1, -1).reshape(-1, 2 * model.maps)
    rows = torch.cat([rows, torch.ones(len(rows), 1)], 1).numpy()
    exact = {"solver": "newton-cholesky", "tol": 1e-10, "max_iter": 200}
    theirs = LogisticRegression(C=1 / (decay * len(rows)), fit_intercept=False, **exact)
    theirs.fit(rows.astype(np.float64), masks.flatten().numpy())
    ours = np.append(model.weight.numpy(), float(model.bias))
    np.testing.assert_allclose(ours, theirs.coef_[0], atol=2e-3)


def test_pictures_of_one_colour_give_finite_evidence() -> None:
    heights = (16, 16, 8)
    model = ClosedForm((3, 4, 6), heights, Aggregation(64, heights), shade=True)
    stages = [torch.ones(12, 3, 16, 16), features(12, 4, 16), features(12, 6, 8)]
    model.fit(stages, torch.arange(12) % FOLDS)
    evidence, level = model(model.whiten(stages))
    assert bool(torch.isfinite(evidence).all()) and bool(torch.isfinite(level).all())
