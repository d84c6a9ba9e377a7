"""Retraining as a plant would: `python -m almrr_core.bench.plant DATA --weights DIR [--textures DIR]`.

120 of the normals of DATA (MVTec layout) train a first model. 200 more go through the line and are marked good
in review, then a quick retrain makes a candidate while the line runs on. Both models are measured once on
DATA/test at their calibrated limits, with a paired bootstrap over its pictures, and so is the line's latency,
with and without the training. Nothing is chosen by the test pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from almrr_core.data.folders import TestPicture, find_normals, find_test, read_mask
from almrr_core.evaluate.bootstrap import Chosen, Difference, paired_difference
from almrr_core.evaluate.metrics import image_ap, image_auroc, pixel_ap
from almrr_core.evaluate.report import Report, evaluate_folder
from almrr_core.imaging import read_picture, resize
from almrr_core.lifecycle import pools
from almrr_core.lifecycle.gate import Gate
from almrr_core.lifecycle.places import bundle_of
from almrr_core.lifecycle.process import Failed, Finished, TrainingProcess, thread_cap
from almrr_core.lifecycle.promotion import promote
from almrr_core.lifecycle.retrain import Mode, Wish, adopt, plan
from almrr_core.line.assembly import Assembled, assemble, load_engine
from almrr_core.runtime.engine import Engine
from almrr_core.settings import Settings, SourceKind, SourceSettings
from almrr_core.store.store import Store
from almrr_core.types import (
    Actor,
    Label,
    LineState,
    LogFilter,
    LogOrder,
    Mask,
    ModelRow,
    Recipe,
    ScoreMap,
)

PRODUCT, ACTOR = "plant", Actor("bench")
FIRST, MORE = 120, 200
SPARSE = 4  # pixel AP of the bootstrap uses every fourth pixel of both axes
DRAWS = 500
WEIGHTS = "ALMRR_WEIGHTS"  # where engines and trainings look for the backbone's weights


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the whole story and print it; `--json` writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, help=f"folder of the backbone's weights (else {WEIGHTS})")
    parser.add_argument("--textures", type=Path)
    parser.add_argument("--first-minutes", type=float, default=10.0)
    parser.add_argument("--minutes", type=float, help="of the retrain (default: the quick mode's)")
    parser.add_argument("--rate", type=float, default=2.0, help="pictures/s of the line")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if options.weights is not None:
        os.environ[WEIGHTS] = str(options.weights)
    with tempfile.TemporaryDirectory(prefix="almrr-plant-") as place:
        result = Plant(options, Path(place)).run()
    print(json.dumps(result, indent=1))
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """A model on the test pictures: the protocol's report, and per picture score, map and what is true."""

    report: Report
    scores: tuple[float, ...]
    maps: tuple[ScoreMap, ...]


class Plant:
    """One run of the story in a temporary station."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options, self._folder = options, folder
        normals = find_normals(options.data)
        order = np.random.default_rng(0).permutation(len(normals))[: FIRST + MORE]
        chosen = [normals[index] for index in order]
        self._first, self._more = chosen[:FIRST], chosen[FIRST:]

    def run(self) -> dict[str, Any]:
        """Return all figures as JSON types."""
        wish = Wish(PRODUCT, Mode.FULL, self._options.first_minutes, textures=self._options.textures)
        with closing(Store.open(self._folder / "station")) as store:
            store.add_product(PRODUCT, ACTOR)
            pools.add_files(store, PRODUCT, self._first, ACTOR)
            first, first_seconds = _trained(store, wish)
            recipe = promote(store, first.model_id, ACTOR, "first model").recipe
            idle = self._feed(store, recipe)
            for row in store.page(LogFilter(product=PRODUCT), LogOrder.NEWEST, None, 10_000):
                pools.label_part(store, row.inspection_id, Label.GOOD, ACTOR)
            quick = replace(wish, mode=Mode.QUICK, minutes=self._options.minutes)
            with closing(self._line(store, recipe, loop=True)) as line:
                line.line.start()
                second, seconds = _trained(store, quick, line_runs=True)
                busy = line.line.status()
            gate = Gate.load(store, second.model_id).compare(recent=0)
            tested = [self._test(store, row) for row in (first, second)]
        return {
            "first_seconds": round(first_seconds, 1),
            "retrain_seconds": round(seconds, 1),
            "latency_p95_ms": {"idle": idle.latency_p95, "training": busy.latency_p95},
            "while_training": {"inspected": busy.inspected, "not_inspected": busy.counts.not_inspected},
            "line_fault": busy.fault or idle.fault or None,
            "gate": {"light": gate.light, "reasons": [one.sentence for one in gate.reasons]},
            "before": _figures(tested[0].report),
            "after": _figures(tested[1].report),
            "differences": self._differences(*tested),
        }

    def _line(self, store: Store, recipe: Recipe, loop: bool) -> Assembled:
        folder = self._folder / "more"
        if not folder.is_dir():
            folder.mkdir()
            for number, path in enumerate(self._more):
                shutil.copyfile(path, folder / f"{number:03}{path.suffix}")
        rate = self._options.rate
        source = SourceSettings("replay", SourceKind.REPLAY, str(folder), rate=rate, loop=loop)
        settings = Settings(product=PRODUCT, sources=(source,), active_source="replay")
        return assemble(store, settings, recipe, load_engine(store, recipe), ACTOR)

    def _feed(self, store: Store, recipe: Recipe) -> Any:
        """Let the line inspect the pictures once and return its last status."""
        with closing(self._line(store, recipe, loop=False)) as line:
            line.line.start()
            status = line.line.status()
            while status.state is LineState.RUNNING and status.recorded < len(self._more):
                time.sleep(0.2)
                status = line.line.status()
            return status

    def _test(self, store: Store, row: ModelRow) -> Tested:
        maps = self._folder / f"maps-{row.model_id}"
        engine = Engine.load(bundle_of(store.folder, row))
        report = evaluate_folder(engine, self._options.data, maps)
        names = [(one, maps / one.class_name / f"{one.path.stem}.npy") for one in self._pictures()]
        found = tuple(np.load(path) for _, path in names)
        scores = tuple(engine.inspect(read_picture(one.path)).score for one, _ in names)
        return Tested(report, scores, tuple(one[::SPARSE, ::SPARSE] for one in found))

    def _pictures(self) -> list[TestPicture]:
        return find_test(self._options.data)

    def _differences(self, before: Tested, after: Tested) -> dict[str, dict[str, float] | None]:
        """Return after minus before in points, with 95 % intervals."""
        truth = np.array([one.anomalous for one in self._pictures()])
        masks = [_mask(one, small.shape) for one, small in zip(self._pictures(), before.maps, strict=True)]

        def of_scores(
            metric: Callable[..., float | None], tested: Tested
        ) -> Callable[[Chosen], float | None]:
            scores = np.array(tested.scores)
            return lambda chosen: metric(scores[chosen], truth[chosen])

        def of_pixels(tested: Tested) -> Callable[[Chosen], float | None]:
            return lambda chosen: pixel_ap([tested.maps[i] for i in chosen], [masks[i] for i in chosen])

        figures: dict[str, Callable[..., float | None]] = {"image_auroc": image_auroc, "image_ap": image_ap}
        found = {
            name: paired_difference(of_scores(metric, before), of_scores(metric, after), len(truth), DRAWS)
            for name, metric in figures.items()
        }
        found["pixel_ap"] = paired_difference(of_pixels(before), of_pixels(after), len(truth), DRAWS)
        return {name: _points(one) for name, one in found.items()}


def _mask(picture: TestPicture, shape: tuple[int, ...]) -> Mask:
    if picture.mask_path is None:
        return np.zeros(shape, np.bool_)
    mask = read_mask(picture.mask_path).astype(np.uint8) * np.uint8(255)
    return np.asarray(resize(mask, shape[0] * SPARSE, shape[1] * SPARSE)[::SPARSE, ::SPARSE] > 127)


def _points(one: Difference | None) -> dict[str, float] | None:
    return None if one is None else {name: round(100 * value, 2) for name, value in asdict(one).items()}


def _figures(report: Report) -> dict[str, Any]:
    whole = report.to_json()
    metrics = ("image_auroc", "image_ap", "pixel_auroc", "pixel_ap", "f1_max", "aupro")
    names = (*metrics, "good", "anomalous", "false_rejects", "escapes")
    return {name: whole[name] for name in names}


def _trained(store: Store, wish: Wish, line_runs: bool = False) -> tuple[ModelRow, float]:
    """Train a candidate; return it and the seconds from the plan to the row."""
    began = time.monotonic()
    made = plan(store, wish)
    with closing(TrainingProcess(made.job, thread_cap(line_runs))) as process:
        while True:
            news = process.poll(1.0)
            if isinstance(news, Failed):
                raise news.fault
            if isinstance(news, Finished):
                break
    return adopt(store, made, ACTOR), time.monotonic() - began


if __name__ == "__main__":
    main()
