"""Metrics equal scikit-learn's and a brute-force AU-PRO; what cannot be said is None."""

from __future__ import annotations

import json
import secrets
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from almrr_core.errors import ErrorCode, StationError
from almrr_core.evaluate.metrics import (
    aupro,
    evaluate_maps,
    f1_max,
    image_ap,
    image_auroc,
    pixel_ap,
    pixel_auroc,
)

Arrays = list[np.ndarray]


def brute_force_aupro(maps: Arrays, masks: Arrays, limit: float = 0.3) -> float:
    """One point per distinct score, every region looked at for each, straight lines between."""
    regions = []
    for values, mask in zip(maps, masks, strict=True):
        labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
        regions += [values[labels == label] for label in range(1, count + 1)]
    normal = np.concatenate([v[~m] for v, m in zip(maps, masks, strict=True)])
    points = [(0.0, 0.0)]
    for threshold in np.unique(np.concatenate([m.ravel() for m in maps]))[::-1]:
        overlap = np.mean([np.mean(region >= threshold) for region in regions])
        points.append((float(np.mean(normal >= threshold)), float(overlap)))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 < limit and x1 > x0:
            end = min(x1, limit)
            y_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
            area += (end - x0) * (y0 + y_end) / 2
    return area / limit


def small_set(rng: np.random.Generator, levels: int | None) -> tuple[Arrays, Arrays]:
    """Pictures of different sizes with random blobs; with `levels` the scores are full of ties."""
    maps, masks = [], []
    for _ in range(4):
        height, width = rng.integers(6, 24, 2)
        mask = ndimage.gaussian_filter(rng.standard_normal((height, width)), 1.2) > 0.25
        values = rng.standard_normal((height, width)) + 1.2 * mask
        if levels:
            values = np.round(values * levels) / levels
        maps.append(values.astype(np.float32))
        masks.append(mask)
    masks[0][:] = False
    masks[1][2:4, 2:4] = True
    return maps, masks


@pytest.mark.parametrize("levels", [None, 20, 2])
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_aupro_equals_brute_force(levels: int | None, limit: float) -> None:
    seed = secrets.randbits(32)
    maps, masks = small_set(np.random.default_rng(seed), levels)
    assert aupro(maps, masks, limit) == pytest.approx(brute_force_aupro(maps, masks, limit), abs=1e-12), seed


def test_aupro_of_perfect_useless_and_constant_maps() -> None:
    mask = np.zeros((20, 20), bool)
    mask[3:6, 4:9] = mask[12:19, 15:17] = True
    perfect = mask.astype(np.float32)
    assert aupro([perfect], [mask]) == pytest.approx(1)
    assert aupro([-perfect], [mask]) == pytest.approx(0)
    assert aupro([np.zeros_like(perfect)], [mask]) == pytest.approx(0.15)  # the diagonal


def test_diagonal_neighbours_are_one_region() -> None:
    mask = np.zeros((8, 8), bool)
    mask[1, 1] = mask[2, 2] = mask[6, 6] = True
    values = np.zeros((8, 8), np.float32)
    values[6, 6] = 2
    values[1, 1] = 1
    assert aupro([values], [mask], 1e-6) == pytest.approx((1 + 0.5) / 2, abs=1e-5)


@pytest.mark.parametrize("levels", [None, 3])
def test_pixel_metrics_equal_scikit_learn(levels: int | None) -> None:
    seed = secrets.randbits(32)
    maps, masks = small_set(np.random.default_rng(seed), levels)
    scores = np.concatenate([m.ravel() for m in maps])
    truth = np.concatenate([m.ravel() for m in masks])
    precision, recall, _ = precision_recall_curve(truth, scores)
    best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-300))
    assert pixel_auroc(maps, masks) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12), seed
    assert pixel_ap(maps, masks) == pytest.approx(average_precision_score(truth, scores), abs=1e-12), seed
    assert f1_max(maps, masks) == pytest.approx(best, abs=1e-12), seed


def test_image_metrics_equal_scikit_learn_and_a_hand_count() -> None:
    seed = secrets.randbits(32)
    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, rng.integers(0, 2, 40)]
    scores = np.round(rng.standard_normal(42) + labels, 1)
    assert image_auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores)), seed
    assert image_ap(scores, labels) == pytest.approx(average_precision_score(labels, scores)), seed
    assert image_auroc([1, 2, 2, 3], [0, 0, 1, 1]) == pytest.approx(3.5 / 4)


def test_evaluate_maps_gives_every_metric() -> None:
    maps, masks = small_set(np.random.default_rng(1), None)
    labels = [int(mask.any()) for mask in masks]
    scores = [float(m.max()) for m in maps]
    found = evaluate_maps(maps, [None, *masks[1:]], scores, labels)
    assert labels[0] == 0 and all(labels[1:])
    assert found.to_json() == {
        "image_auroc": image_auroc(scores, labels),
        "image_ap": image_ap(scores, labels),
        "pixel_auroc": pixel_auroc(maps, masks),
        "pixel_ap": pixel_ap(maps, masks),
        "f1_max": f1_max(maps, masks),
        "aupro": aupro(maps, masks),
        "without_mask": 0,
    }
    assert all(0 <= value <= 1 for value in found.to_json().values() if value is not None)


def test_an_anomalous_picture_without_mask_leaves_the_pixel_metrics_alone() -> None:
    maps, masks = small_set(np.random.default_rng(2), None)
    extra = np.full((5, 5), 1e3, np.float32)
    before = evaluate_maps(maps, masks, [0, 1, 2, 3], [0, 1, 1, 1])
    after = evaluate_maps([*maps, extra], [*masks, None], [0, 1, 2, 3, -5], [0, 1, 1, 1, 1])
    assert after.without_mask == 1 and before.without_mask == 0
    assert (after.pixel_ap, after.aupro, after.f1_max) == (before.pixel_ap, before.aupro, before.f1_max)
    assert after.image_auroc == pytest.approx(3 / 4)


@pytest.mark.parametrize(
    ("kept", "unknown"),
    [
        ([], {"image_auroc", "image_ap", "pixel_auroc", "pixel_ap", "f1_max", "aupro"}),
        ([0], {"image_auroc", "image_ap", "pixel_auroc", "pixel_ap", "f1_max", "aupro"}),
        ([1, 2], {"image_auroc", "image_ap"}),
    ],
    ids=["nothing", "only good", "only anomalous"],
)
def test_what_cannot_be_said_is_null(kept: list[int], unknown: set[str]) -> None:
    maps, masks = small_set(np.random.default_rng(3), None)
    found = evaluate_maps(
        [maps[i] for i in kept],
        [masks[i] for i in kept],
        [float(i) for i in kept],
        [int(i > 0) for i in kept],
    )
    values = json.loads(json.dumps(found.to_json()))
    assert {key for key, value in values.items() if value is None} == unknown


def test_a_mask_that_covers_everything_or_is_missing_everywhere_gives_null() -> None:
    maps = [np.ones((4, 4), np.float32), np.zeros((4, 4), np.float32)]
    covered = evaluate_maps(maps[:1], [np.ones((4, 4), bool)], [1.0], [1])
    assert covered.pixel_auroc is covered.pixel_ap is covered.f1_max is covered.aupro is None
    missing = evaluate_maps(maps, [None, None], [1.0, 0.0], [1, 0])
    assert (missing.image_auroc, missing.pixel_auroc, missing.aupro, missing.without_mask) == (
        1.0,
        None,
        None,
        1,
    )


def test_inputs_that_contradict_each_other_are_refused() -> None:
    zeros, marked = np.zeros((4, 4), np.float32), np.eye(4, dtype=bool)
    wrong = [
        lambda: evaluate_maps([zeros], [marked], [1.0], [0]),  # good, yet marked
        lambda: evaluate_maps([zeros], [marked[:3]], [1.0], [1]),
        lambda: evaluate_maps([zeros], [marked], [1.0, 2.0], [1]),
        lambda: image_auroc([1, 2], [1]),
    ]
    for call in wrong:
        with pytest.raises(StationError) as caught:
            call()
        assert caught.value.code is ErrorCode.BAD_ARGUMENT


def test_values_that_are_not_finite_are_refused() -> None:
    bad = np.array([[0, np.nan]], np.float32)
    mask = np.array([[True, False]])
    for call in (lambda: evaluate_maps([bad], [mask], [1.0], [1]), lambda: image_ap([np.inf, 0], [1, 0])):
        with pytest.raises(StationError) as caught:
            call()
        assert caught.value.code is ErrorCode.SCORE_INVALID
