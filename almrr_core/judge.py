"""From score maps to verdicts, and limits from held-out normal scores only, never from defects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, genpareto, norm

from almrr_core.errors import ErrorCode, StationError
from almrr_core.types import Box, Limits, Region, ScoreMap, Verdict

WINDOW = 9  # side of the mean filter in map pixels
TAIL_FIT_FROM = 200  # normals; below it the limits are provisional
FAIL_RATE, REVIEW_RATE = 1 / 1000, 1 / 100
HIGHEST_RATE = 0.1  # above it a limit would leave the fitted tail

Floats = NDArray[np.float64]


def frame_score(score_map: ScoreMap) -> float:
    """Return the score of one (h, w) map: its maximum after a 9×9 mean filter, exact in float32.

    At the border the mean is over the pixels that exist, as in torch's
    `avg_pool2d(map, 9, stride=1, padding=4, count_include_pad=False)`, so small maps are fine too.
    Source: ALMRR's image score. Raises SCORE_INVALID for an empty, non-2-D or non-finite map: such a
    map must never PASS.
    """
    values = _checked(score_map)
    # float64 sums: a running sum in float32 would drift beside a large value
    zeros = cv2.BORDER_CONSTANT
    sums = cv2.boxFilter(values, cv2.CV_64F, (WINDOW, WINDOW), None, (-1, -1), False, zeros)
    means = np.asarray(sums, np.float64) / _window_sizes(values.shape[0])[:, None]
    means /= _window_sizes(values.shape[1])
    return float(np.float32(means.max()))


def _window_sizes(length: int) -> Floats:
    """How many pixels of a line lie within the window around each of its pixels."""
    at, half = np.arange(length, dtype=np.float64), WINDOW // 2
    return np.minimum(at + half + 1, length) - np.maximum(at - half, 0)


def _checked(score_map: ScoreMap) -> ScoreMap:
    values = np.ascontiguousarray(score_map, dtype=np.float32)
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise _invalid("The model gave a score map that is empty, not two-dimensional or not finite.")
    return values


def _invalid(sentence: str) -> StationError:
    remedy = "Run the self-test of the model; retrain or go back to the model before it."
    return StationError(ErrorCode.SCORE_INVALID, sentence, remedy)


def verdict_of(score: float, limits: Limits) -> Verdict:
    """Judge one raw score: score ≥ fail → FAIL, ≥ review → REVIEW, else PASS; NaN → NOT_INSPECTED."""
    if np.isnan(score):
        return Verdict.NOT_INSPECTED
    if score >= limits.fail:
        return Verdict.FAIL
    return Verdict.REVIEW if score >= limits.review else Verdict.PASS


def regions_of(score_map: ScoreMap, limits: Limits) -> tuple[Region, ...]:
    """Return the 8-connected areas where the map is ≥ the pixel limit, highest maximum first.

    Areas below `limits.min_area` pixels are left out. As with the verdict the limit itself counts, so one input
    that FAILs shows a region by default (blending tiles may level a narrow peak). Raises SCORE_INVALID.
    """
    values = _checked(score_map)
    above = (values >= _float32_not_below(limits.pixel)).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(above, connectivity=8, ltype=cv2.CV_32S)
    where = np.flatnonzero(above)
    label, value = labels.ravel()[where], values.ravel()[where]
    maxima = np.full(count, -np.inf, np.float32)
    np.maximum.at(maxima, label.astype(np.intp), value)
    area = stats[:, cv2.CC_STAT_AREA]
    means = np.bincount(label, weights=value, minlength=count) / np.maximum(area, 1)
    kept = 1 + np.flatnonzero(area[1:] >= limits.min_area)
    kept = kept[np.argsort(-maxima[kept], kind="stable")]
    rows = zip(stats[kept].tolist(), maxima[kept].tolist(), means[kept].tolist(), strict=True)
    return tuple(Region(Box(*box), size, high, mean) for (*box, size), high, mean in rows)


def _float32_not_below(limit: float) -> np.float32:
    """The smallest float32 that is ≥ `limit`, so that comparing in float32 equals comparing exactly."""
    with np.errstate(over="ignore"):
        rounded = np.float32(limit)
    return rounded if float(rounded) >= limit else np.nextafter(rounded, np.float32(np.inf))


@dataclass(frozen=True, slots=True)
class LimitEstimate:
    """A limit as raw score, with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What held-out normal scores say about limits.

    `scores` are all raw scores; `review` and `fail` the scores that `review_rate` and `fail_rate` of
    normal frames reach; `pixel` as `fail`, for the map maxima when given; `provisional`: too few normals.
    """

    scores: tuple[float, ...]
    review: LimitEstimate
    fail: LimitEstimate
    pixel: LimitEstimate | None
    review_rate: float
    fail_rate: float
    provisional: bool
    method: str

    @property
    def n(self) -> int:
        """The number of normals."""
        return len(self.scores)

    def to_json(self) -> dict[str, Any]:
        """Return JSON types only; `from_json` gives an equal value back."""
        return asdict(self) | {"scores": list(self.scores)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Calibration:
        """Read what `to_json` wrote; raises KeyError or TypeError for anything else."""
        names = [name for name in ("review", "fail", "pixel") if value[name] is not None]
        estimates = {name: LimitEstimate(**value[name]) for name in names}
        return cls(**(value | estimates | {"scores": tuple(value["scores"])}))


def calibrate(
    scores: Iterable[float],
    pixel_maxima: Iterable[float] | None = None,
    fail_rate: float = FAIL_RATE,
    review_rate: float = REVIEW_RATE,
) -> Calibration:
    """Place limits by held-out normal frame scores (raw, any order); deterministic, under 1 s.

    From 200 normals by a generalised-Pareto fit of the highest 20 %; with fewer, or a tail of ties, by
    the maximum plus a margin, marked provisional. `pixel_maxima`: the highest map values of the frames.
    Raises TOO_FEW_NORMALS without scores, SCORE_INVALID for non-finite ones, BAD_ARGUMENT unless
    0 < fail_rate ≤ review_rate ≤ 0.1.
    """
    if not 0 < fail_rate <= review_rate <= HIGHEST_RATE:
        sentence = f"A fail rate of {fail_rate} with a review rate of {review_rate} cannot be used."
        remedy = f"Choose 0 < fail rate ≤ review rate ≤ {HIGHEST_RATE}."
        raise StationError(ErrorCode.BAD_ARGUMENT, sentence, remedy)
    normals = _finite(scores)
    tail = _tail_of(normals)
    pixel = None if pixel_maxima is None else _tail_of(_finite(pixel_maxima)).estimate(fail_rate)
    review, fail = tail.estimate(review_rate), tail.estimate(fail_rate)
    provisional = isinstance(tail, _MarginTail)
    return Calibration(normals, review, fail, pixel, review_rate, fail_rate, provisional, tail.method)


def default_limits(calibration: Calibration, pixel: float | None = None, min_area: int = 1) -> Limits:
    """Return the calibrated limits; the pixel limit is the fail limit unless one is given."""
    review, fail = calibration.review.value, calibration.fail.value
    return Limits(review, fail, fail if pixel is None else pixel, min_area)


def expected_false_rejects(calibration: Calibration, limit: float) -> float:
    """Return how many of 1000 normal frames are expected at or over `limit`, 0..1000.

    By counting below the fitted tail, by the fit within it: at the fail limit it is the fail rate.
    """
    return 1000 * _tail_of(calibration.scores).survival(limit)


def expected_escapes(defect_scores: Iterable[float], limit: float) -> float | None:
    """Return how many of 1000 defective frames are expected below `limit`, by counting; None without any."""
    values = np.asarray(list(defect_scores), dtype=np.float64)
    if np.isnan(values).any():
        raise _invalid("Some scores are not finite numbers.")
    return 1000 * float(np.mean(values < limit)) if values.size else None


def _finite(scores: Iterable[float]) -> tuple[float, ...]:
    values = tuple(float(score) for score in scores)
    if not values:
        sentence = "There is no normal picture to calibrate with."
        remedy = "Add normal pictures; 200 or more give limits that are not provisional."
        raise StationError(ErrorCode.TOO_FEW_NORMALS, sentence, remedy)
    if not np.isfinite(values).all():
        raise _invalid("Some scores are not finite numbers.")
    return values


@lru_cache(maxsize=16)  # a limit is dragged, its scores stay
def _tail_of(scores: tuple[float, ...]) -> _ParetoTail | _MarginTail:
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    if ordered.size >= TAIL_FIT_FROM:
        start = ordered[-1 - min(ordered.size // 5, _ParetoTail.MOST)]
        if np.unique(ordered[ordered > start]).size >= _ParetoTail.LEAST:
            return _ParetoTail(ordered, start)
    return _MarginTail(ordered)


class _ParetoTail:
    """Generalised Pareto over a threshold, by its posterior on a grid of shape, scale and tail weight.

    The shape has a N(0, 0.2²) prior within ±0.5, the log scale a flat one, the fraction over the
    threshold its Beta posterior. A limit is the posterior median of the quantile, its interval the
    2.5 % and 97.5 % points. By simulation (exponential, normal, Gumbel, lognormal, t5, GPD ±0.2),
    error of the exceedance rate at n = 300 in decades: this 0.56, maximum likelihood 0.58, probability-
    weighted moments 0.65; the interval covers 88-100 % of the time; the top 10 to 30 % do alike.
    """

    LEAST, MOST = 20, 400  # scores over the threshold; with more normals it rises, and the bias falls
    method = "generalised Pareto tail, posterior median"

    def __init__(self, ordered: Floats, start: float) -> None:
        excess = ordered[ordered > start] - start
        over, n = excess.size, ordered.size
        self._ordered, self._start = ordered, start
        # the median scales, not the mean: one gross outlier must not move the grid off the data
        unit = float(np.median(excess)) / np.log(2)
        self._shape = np.linspace(-0.5, 0.5, 51)[:, None, None]
        self._scale = unit * np.exp(np.linspace(-1.5, 1.5, 81))[:, None]
        log_prior = norm.logpdf(self._shape[..., 0], scale=0.2)
        log_density = np.asarray(genpareto.logpdf(excess, self._shape, scale=self._scale))
        log_posterior = log_density.sum(axis=-1) + log_prior
        self._over = beta.ppf((np.arange(9) + 0.5) / 9, over, n - over + 1)
        weights = np.exp(log_posterior - log_posterior.max())
        self._weights = np.repeat(weights.ravel(), self._over.size)

    def estimate(self, rate: float) -> LimitEstimate:
        fraction = np.minimum(rate / self._over, 1.0)
        excess = np.asarray(genpareto.isf(fraction, self._shape, scale=self._scale))
        low, middle, high = self._start + _quantiles(excess.ravel(), self._weights, (0.025, 0.5, 0.975))
        return LimitEstimate(float(middle), float(low), float(high))

    def survival(self, limit: float) -> float:
        counted = float(np.mean(self._ordered >= limit))
        if limit <= self._start:
            return counted
        fraction = self._over * np.asarray(genpareto.sf(limit - self._start, self._shape, scale=self._scale))
        return float(_quantiles(fraction.ravel(), self._weights, (0.5,))[0])


def _quantiles(values: Floats, weights: Floats, at: Sequence[float]) -> Floats:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return np.asarray(values[order][np.searchsorted(total, np.asarray(at) * total[-1])])


class _MarginTail:
    """The maximum plus a margin, for fewer normals than a tail fit needs.

    The margin is a multiple of the spread (mean of the upper half over the median), the one that an
    exponential tail, the border between light and heavy, needs: for samples of this size from it,
    (true quantile - maximum) / spread has one distribution, whatever location and scale. Its median
    gives the margin, its 2.5 % and 97.5 % points the interval, honestly wide for a handful of normals.
    """

    method, DRAWS = "maximum plus exponential margin", 4000

    def __init__(self, ordered: Floats) -> None:
        self._ordered, self._maximum = ordered, float(ordered[-1])
        # engines agree to about 1e-3 relative: no limit may stand closer to a normal than that
        self._least = 1e-3 * (float(np.abs(ordered).max()) or 1.0)
        own_spread = float(_upper_spread(ordered[None])[0])
        # one normal has no spread: that of two from an exponential of one logit, the score's unit, stands in
        self._spread = max(own_spread if ordered.size > 1 else 0.5, self._least)
        self._maxima, self._spreads = _exponential_samples(min(max(ordered.size, 2), TAIL_FIT_FROM))

    def estimate(self, rate: float) -> LimitEstimate:
        multiples = (-np.log(rate) - self._maxima) / self._spreads
        low, middle, high = self._maximum + self._spread * np.quantile(multiples, (0.025, 0.5, 0.975))
        value = max(float(middle), self._maximum + self._least)
        return LimitEstimate(value, min(float(low), value), max(float(high), value))

    def survival(self, limit: float) -> float:
        if limit <= self._maximum:
            return float(np.mean(self._ordered >= limit))
        margin = (limit - self._maximum) / self._spread
        return float(np.median(np.exp(-(self._maxima + margin * self._spreads))))


def _upper_spread(ordered: Floats) -> Floats:
    """Mean of the upper half over the median, for each row of sorted scores (rows, n)."""
    upper = ordered[:, -max(ordered.shape[1] // 2, 1) :]
    return np.asarray(upper.mean(axis=1) - np.median(ordered, axis=1))


@lru_cache(maxsize=16)
def _exponential_samples(n: int) -> tuple[Floats, Floats]:
    """Maximum and upper spread of samples of size n from the unit exponential; always the same ones."""
    draws = np.sort(np.random.default_rng(0).exponential(size=(_MarginTail.DRAWS, n)), axis=1)
    return draws[:, -1], _upper_spread(draws)
