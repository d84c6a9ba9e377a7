"""How well scores and maps find defects: image AUROC and AP, pixel AUROC, AP, F1-max and AU-PRO.

Labels are 1 (or True) for anomalous, 0 for good; higher scores are worse. Every metric is a float in
0..1, or None where the data cannot say (one class only, no masks). Memory grows with the total number
of test pixels, about 90 bytes each at the peak, inside scikit-learn: 256 pictures of 256×256 take
1.5 GB and 26 s on one core of a busy machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from almrr_core.errors import ErrorCode, StationError
from almrr_core.types import Mask, ScoreMap

FPR_LIMIT = 0.3  # of AU-PRO

Scores = NDArray[np.float32]
Truth = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Metrics:
    """Six metrics in 0..1, None where nothing can be said.

    `without_mask` counts the anomalous pictures without a mask, which the pixel metrics leave out.
    """

    image_auroc: float | None
    image_ap: float | None
    pixel_auroc: float | None
    pixel_ap: float | None
    f1_max: float | None
    aupro: float | None
    without_mask: int = 0

    def to_json(self) -> dict[str, float | int | None]:
        """Return the fields by name, None for what cannot be said."""
        return asdict(self)


def image_auroc(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Area under the ROC curve of one score per picture, as scikit-learn's."""
    return _auroc(*_flat(scores, labels))


def image_ap(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Average precision of one score per picture, as scikit-learn's."""
    return _ap(*_flat(scores, labels))


def pixel_auroc(maps: Sequence[ScoreMap], masks: Sequence[Mask]) -> float | None:
    """Area under the ROC curve over all pixels of all pictures; each mask has its map's shape."""
    return _auroc(*_pixels(maps, masks))


def pixel_ap(maps: Sequence[ScoreMap], masks: Sequence[Mask]) -> float | None:
    """Average precision over all pixels of all pictures; each mask has its map's shape."""
    return _ap(*_pixels(maps, masks))


def f1_max(maps: Sequence[ScoreMap], masks: Sequence[Mask]) -> float | None:
    """Highest F1 over all thresholds on all pixels of all pictures; each mask has its map's shape."""
    return _f1_max(*_ascending(*_pixels(maps, masks)))


def aupro(maps: Sequence[ScoreMap], masks: Sequence[Mask], fpr_limit: float = FPR_LIMIT) -> float | None:
    """Area under the per-region overlap curve up to a false positive rate, divided by that rate; exact.

    A region is an 8-connected component of a mask; every region of the data set counts alike. The
    curve joins the points of all distinct thresholds by straight lines, beginning at (0, 0).
    Source: Bergmann et al., MVTec AD, IJCV 2021.
    """
    normal, _ = _ascending(*_pixels(maps, masks))
    return _aupro(normal, *_weighted_regions(maps, masks), fpr_limit)


def evaluate_maps(
    maps: Sequence[ScoreMap],
    masks: Sequence[Mask | None],
    scores: Sequence[float],
    labels: Sequence[int],
) -> Metrics:
    """Return all metrics of a test set: per picture a map (h, w), its mask (h, w), score and label.

    Sizes may differ from picture to picture. A good picture counts as an all-zero mask. An anomalous
    picture without a mask is left out of the pixel metrics, and counted. Raises BAD_ARGUMENT when
    lengths or shapes differ or a good picture's mask marks a defect, SCORE_INVALID when a score or a
    map is not finite.
    """
    if not len(maps) == len(masks) == len(scores) == len(labels):
        raise _bad("The numbers of maps, masks, scores and labels differ.")
    flat = _flat(scores, labels)
    if any(mask is not None and not label and mask.any() for mask, label in zip(masks, labels, strict=True)):
        raise _bad("A picture is labelled good, but its mask marks a defect.")
    pictures = [
        (values, np.zeros(values.shape, np.bool_) if mask is None else mask)
        for values, mask, label in zip(maps, masks, labels, strict=True)
        if mask is not None or not label
    ]
    used_maps, used_masks = [p[0] for p in pictures], [p[1] for p in pictures]
    pixels = _pixels(used_maps, used_masks)
    normal, defect = _ascending(*pixels)
    return Metrics(
        image_auroc=_auroc(*flat),
        image_ap=_ap(*flat),
        pixel_auroc=_auroc(*pixels),
        pixel_ap=_ap(*pixels),
        f1_max=_f1_max(normal, defect),
        aupro=_aupro(normal, *_weighted_regions(used_maps, used_masks), FPR_LIMIT),
        without_mask=len(maps) - len(pictures),
    )


def _bad(sentence: str) -> StationError:
    return StationError(ErrorCode.BAD_ARGUMENT, sentence, "Check the test folder and its masks.")


def _flat(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], Truth]:
    values, truth = np.asarray(scores, np.float64), np.asarray(labels).astype(np.bool_)
    if values.shape != truth.shape or values.ndim != 1:
        raise _bad("Scores and labels must be two lists of the same length.")
    return _finite(values), truth


def _pixels(maps: Sequence[ScoreMap], masks: Sequence[Mask]) -> tuple[Scores, Truth]:
    """All pixels of all pictures, one after the other."""
    if [m.shape for m in maps] != [m.shape for m in masks]:
        raise _bad("Each score map needs a mask of its own size.")
    values = [np.zeros(0, np.float32), *(np.ravel(m) for m in maps)]
    truth = [np.zeros(0, np.bool_), *(np.ravel(m).astype(np.bool_) for m in masks)]
    return _finite(np.concatenate(values, dtype=np.float32)), np.concatenate(truth)


def _finite(scores: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(scores).all():
        remedy = "Run the self-test of the model; retrain or go back to the model before it."
        raise StationError(ErrorCode.SCORE_INVALID, "Some scores are not finite numbers.", remedy)
    return scores


def _ascending(scores: Scores, truth: Truth) -> tuple[Scores, Scores]:
    """The scores of normal and of defective pixels, each sorted."""
    return np.sort(scores[~truth]), np.sort(scores[truth])


def _auroc(scores: NDArray[Any], truth: Truth) -> float | None:
    return float(roc_auc_score(truth, scores)) if _has_both(truth) else None


def _ap(scores: NDArray[Any], truth: Truth) -> float | None:
    return float(average_precision_score(truth, scores)) if _has_both(truth) else None


def _has_both(truth: Truth) -> bool:
    return bool(truth.any() and not truth.all())


def _f1_max(normal: Scores, defect: Scores) -> float | None:
    """F1 = 2 TP / (positives + TP + FP); between two defective scores a lower threshold only adds FP."""
    if not normal.size or not defect.size:
        return None
    thresholds, first = np.unique(defect, return_index=True)
    found = defect.size - first
    false = normal.size - np.searchsorted(normal, thresholds, side="left")
    return float(np.max(2 * found / (defect.size + found + false)))


def _weighted_regions(maps: Sequence[ScoreMap], masks: Sequence[Mask]) -> tuple[Scores, NDArray[np.float64]]:
    """Scores of all defective pixels, and their weights: 1 / (area of their region × number of regions)."""
    scores, weights, regions = [np.zeros(0, np.float32)], [np.zeros(0)], 0
    for values, mask in zip(maps, masks, strict=True):
        binary = np.ascontiguousarray(mask, dtype=np.bool_).view(np.uint8)
        if not binary.any():
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
        inside = labels > 0
        scores.append(np.asarray(values, np.float32)[inside])
        weights.append(1.0 / stats[labels[inside], cv2.CC_STAT_AREA])
        regions += count - 1
    return np.concatenate(scores), np.concatenate(weights) / max(regions, 1)


def _aupro(normal: Scores, defect: Scores, weights: NDArray[np.float64], fpr_limit: float) -> float | None:
    """Integrate the curve exactly; it rises only at defective scores and is level between them.

    So its corners are the points just before and at each distinct defective score.
    """
    if not normal.size or not defect.size:
        return None
    thresholds, where = np.unique(-defect, return_inverse=True)  # from the highest score down
    overlap = np.cumsum(np.bincount(where, weights=weights))
    at = 1 - np.searchsorted(normal, -thresholds, side="left") / normal.size
    before = 1 - np.searchsorted(normal, -thresholds, side="right") / normal.size
    fpr = np.concatenate([[0.0], np.stack([before, at], axis=1).ravel(), [1.0]])
    pro = np.concatenate([[0.0], np.stack([np.append(0.0, overlap[:-1]), overlap], axis=1).ravel(), [1.0]])
    inside = fpr <= fpr_limit
    x = np.append(fpr[inside], fpr_limit)
    y = np.append(pro[inside], _at(fpr_limit, fpr, pro, int(inside.sum())))
    area = np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2
    return float(np.clip(area / fpr_limit, 0.0, 1.0))


def _at(x: float, fpr: NDArray[np.float64], pro: NDArray[np.float64], right: int) -> float:
    """Height of the curve at `x`, which lies between its corners `right - 1` and `right`."""
    if right == fpr.size:
        return float(pro[-1])
    part = (x - fpr[right - 1]) / (fpr[right] - fpr[right - 1])
    return float(pro[right - 1] + part * (pro[right] - pro[right - 1]))
