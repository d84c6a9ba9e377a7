"""What a retraining changed, from the station it was done in: `python -m almrr_core.bench.plant STATION DATA`.

`python -m app.bench.plant` drives the station through its window and leaves STATION/story.json: which model was
first, which came after, and when the line ran beside what. This measures both models once on DATA/test (MVTec
layout) at their calibrated limits, with a paired bootstrap over its pictures, and the line's latency from its
log. Nothing is chosen by the test pictures, and nothing in the station is changed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from almrr_core.data.folders import TestPicture, find_test, read_mask
from almrr_core.evaluate.bootstrap import Chosen, Difference, paired_difference
from almrr_core.evaluate.metrics import image_ap, image_auroc, pixel_ap
from almrr_core.evaluate.report import Report, evaluate_folder
from almrr_core.files import read_json, write_json
from almrr_core.imaging import resize
from almrr_core.lifecycle.places import bundle_of
from almrr_core.runtime.engine import Engine
from almrr_core.store.store import Store
from almrr_core.types import Limits, LogFilter, LogOrder, Mask, ModelId, ScoreMap, Verdict

STORY = "story.json"
WEIGHTS = "ALMRR_WEIGHTS"  # where engines look for the backbone's weights
SPARSE = 4  # pixel AP of the bootstrap uses every fourth pixel of both axes
DRAWS = 500
IDLE, WARM = "idle", 3  # the window that begins with a line's start; s whose parts count for no latency then
LONGEST_RETRAIN, MOST_SLOWER, LEAST_DIFFERENCE = 180.0, 2.0, -1.0  # s, times, points: the goals
LEAST_PACE = 0.95  # of the idle line's parts a second: a replay that is kept waiting shows fewer
Figure = Callable[[Chosen], float | None]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures; `--json` writes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("station", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, help=f"folder of the backbone's weights (else {WEIGHTS})")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of the bootstrap")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if options.weights is not None:
        os.environ[WEIGHTS] = str(options.weights)
    found = measure(options.station, options.data, options.draws)
    print(json.dumps(found, indent=1))
    if options.json is not None:
        write_json(options.json, found)


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """A model on the test pictures: the report, its limits and steps, each picture's sparse map and score."""

    report: Report
    limits: Limits
    steps: int
    maps: tuple[ScoreMap, ...]
    scores: tuple[float, ...]


def measure(station: Path, data: Path, draws: int = DRAWS) -> dict[str, Any]:
    """Return all figures as JSON types: the story's own, the line's, and the models' before and after."""
    story = read_json(station / STORY)
    with closing(Store.open(station)) as store:
        line = {name: _line(store, name, *story["line"][name]) for name in story["line"]}
        before, after = (_test(store, ModelId(story[name]["model"]), data) for name in ("first", "retrain"))
    differences = _differences(before, after, find_test(data), draws)
    return {
        **{name: value for name, value in story.items() if name != "line"},
        "line": line,
        "before": _figures(before),
        "after": _figures(after),
        "differences": differences,
        "goals": _goals(story, line, differences),
    }


def _line(store: Store, name: str, begin: str, end: str) -> dict[str, float | None]:
    """Return how the line did between two moments."""
    since, until = (datetime.fromisoformat(one) for one in (begin, end))
    rows = store.page(LogFilter(since=since, until=until), LogOrder.OLDEST, None, 100_000)
    warm = since + timedelta(seconds=WARM if name == IDLE else 0)
    times = [one.latency_ms for one in rows if one.at > warm and one.verdict is not Verdict.NOT_INSPECTED]
    middle, late = np.percentile(times, [50, 95]) if times else (None, None)
    seconds = (until - since).total_seconds()
    return {
        "seconds": round(seconds, 1),
        "parts": len(rows),
        "parts_per_second": round(len(rows) / seconds, 2) if seconds else None,
        "not_inspected": sum(one.verdict is Verdict.NOT_INSPECTED for one in rows),
        "flagged": sum(one.verdict in (Verdict.REVIEW, Verdict.FAIL) for one in rows),
        "latency_p50_ms": _rounded(middle),
        "latency_p95_ms": _rounded(late),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 1)


def _test(store: Store, model: ModelId, data: Path) -> Tested:
    row = store.model(model)
    assert row is not None, f"the station has no {model}"
    engine = Engine.load(bundle_of(store.folder, row))
    with tempfile.TemporaryDirectory(prefix="almrr-maps-") as place:
        report = evaluate_folder(engine, data, Path(place), _say_done(model))
        found = [np.load(_map_path(Path(place), one)) for one in find_test(data)]
        scores = _scores(Path(place), find_test(data))
    sparse = tuple(one[::SPARSE, ::SPARSE].copy() for one in found)
    return Tested(report, engine.limits, engine.card.steps, sparse, scores)


def _scores(maps: Path, pictures: Sequence[TestPicture]) -> tuple[float, ...]:
    """Return the scores that the verdicts came from, in the order of the pictures."""
    with (maps / "scores.csv").open(encoding="utf-8", newline="") as file:
        found = {(row["class"], row["stem"]): float(row["score"]) for row in csv.DictReader(file)}
    return tuple(found[one.class_name, one.path.stem] for one in pictures)


def _say_done(model: ModelId) -> Callable[[int, int], None]:
    def say(done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            print(f"{model} tested on {done} of {total} pictures", flush=True)

    return say


def _map_path(maps: Path, one: TestPicture) -> Path:
    return maps / one.class_name / f"{one.path.stem}.npy"


def _differences(
    before: Tested, after: Tested, pictures: Sequence[TestPicture], draws: int
) -> dict[str, dict[str, float] | None]:
    """Return after minus before in points, with 95 % intervals; higher is better in all of them."""
    truth = np.array([one.anomalous for one in pictures])
    masks = [_mask(one, small.shape) for one, small in zip(pictures, before.maps, strict=True)]
    figures: dict[str, Callable[[Tested], Figure]] = {
        "image_auroc": partial(_ranked, image_auroc, truth),
        "image_ap": partial(_ranked, image_ap, truth),
        "good_passed": partial(_share, ~truth, False),
        "defects_caught": partial(_share, truth, True),
        "pixel_ap": partial(_pixels, masks),
    }
    found = {}
    for name, figure in figures.items():
        print(f"bootstrap of {name}, {draws} draws", flush=True)
        found[name] = _points(paired_difference(figure(before), figure(after), len(truth), draws))
    return found


def _ranked(metric: Callable[..., float | None], truth: Mask, tested: Tested) -> Figure:
    scores = np.array(tested.scores)
    return lambda chosen: metric(scores[chosen], truth[chosen])


def _share(kind: Mask, flagged: bool, tested: Tested) -> Figure:
    """Return the share of the pictures of a kind that are (or are not) flagged at the calibrated limits."""
    right = (np.array(tested.scores) >= tested.limits.review) == flagged
    return lambda chosen: float(right[chosen][kind[chosen]].mean()) if kind[chosen].any() else None


def _pixels(masks: Sequence[Mask], tested: Tested) -> Figure:
    return lambda chosen: pixel_ap([tested.maps[i] for i in chosen], [masks[i] for i in chosen])


def _mask(picture: TestPicture, shape: tuple[int, ...]) -> Mask:
    if picture.mask_path is None:
        return np.zeros(shape, np.bool_)
    mask = read_mask(picture.mask_path).astype(np.uint8) * np.uint8(255)
    return np.asarray(resize(mask, shape[0] * SPARSE, shape[1] * SPARSE)[::SPARSE, ::SPARSE] > 127)


def _points(one: Difference | None) -> dict[str, float] | None:
    return None if one is None else {name: round(100 * value, 2) for name, value in asdict(one).items()}


def _figures(tested: Tested) -> dict[str, Any]:
    whole = tested.report.to_json()
    metrics = ("image_auroc", "image_ap", "pixel_auroc", "pixel_ap", "f1_max", "aupro")
    names = (*metrics, "good", "anomalous", "false_rejects", "escapes")
    return {"steps": tested.steps} | {name: whole[name] for name in names}


def _goals(story: dict[str, Any], line: dict[str, Any], differences: dict[str, Any]) -> dict[str, bool]:
    """Say which goals were met; they hold for a machine with nothing else to do."""
    idle, busy = (line[name]["latency_p95_ms"] for name in (IDLE, "training"))
    still, training = (line[name]["parts_per_second"] for name in (IDLE, "training"))
    lows = [one["low"] for one in differences.values() if one is not None]
    return {
        f"retrained in {LONGEST_RETRAIN:.0f} s": story["retrain"]["seconds"] <= LONGEST_RETRAIN,
        f"p95 while training at most {MOST_SLOWER:.0f} times idle": busy <= MOST_SLOWER * idle,
        f"pace while training at least {LEAST_PACE} of idle": training >= LEAST_PACE * still,
        "nothing dropped": not any(one["not_inspected"] for one in line.values()) and story["lost"] == 0,
        f"no figure falls: all lower bounds >= {LEAST_DIFFERENCE:.0f} point": min(lows) >= LEAST_DIFFERENCE,
    }


if __name__ == "__main__":
    main()
