"""Retraining as a plant would, through the real window: `python -m app.bench.plant DATA --weights DIR`.

A new product's first model is trained on 120 of the normals of DATA (MVTec layout). 200 more go through the
line, are marked good in Review by the keyboard, and Retrain is pressed while the line runs on. Then both models
are measured on DATA/test and the line's latency from its log (`almrr_core.bench.plant`).

Each step is kept in STATION/story.json: the same command with the same `--station` goes on after the last one.
Without `--station` the folder goes when all is done, and stays when something fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QInputDialog, QPushButton, QWidget

from almrr_core.bench.plant import DRAWS, STORY, WEIGHTS, measure
from almrr_core.data.folders import find_normals
from almrr_core.files import read_json, write_json
from almrr_core.settings import Settings, SourceKind, SourceSettings, save_settings
from almrr_core.store.store import Store
from almrr_core.types import Label, LogFilter
from app.bench.drive import PATIENCE, running_program, until, wait_for
from app.compose import Program
from app.options import Options
from app.services.review import Review
from app.services.school import School
from app.services.training_values import Learning, Light, Phase
from app.views.pages import Page
from app.views.promote_dialog import PromoteDialog
from app.views.review_picture import ReviewPicture
from app.views.train_page import TrainPage

PRODUCT = "plant"
FIRST, MORE = 120, 200
QUICK = 200.0  # s that a quick retrain takes about, with its comparison
WARM = 5.0  # s that the line runs before Retrain is pressed
SAY_EVERY = 30.0  # s between two words of a training
LEFT = Qt.MouseButton.LeftButton
DONE = (Phase.READY, Phase.IDLE, Phase.DOUBTFUL)

W = TypeVar("W", bound=QWidget)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the whole story and print it; `--json` writes the figures."""
    options = _parser().parse_args(arguments)
    if options.weights is not None:
        os.environ[WEIGHTS] = str(options.weights.absolute())
    station = options.station or Path(tempfile.mkdtemp(prefix="almrr-plant-"))
    print(f"the station is {station}; all of it takes about {_minutes(options):.0f} minutes", flush=True)
    Plant(options, station.absolute()).run()
    found = measure(station, options.data, options.draws)
    if options.json is not None:
        write_json(options.json, found)
    print(json.dumps(found, indent=1))
    if options.station is None:
        shutil.rmtree(station)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, help=f"folder of the backbone's weights (else {WEIGHTS})")
    parser.add_argument("--station", type=Path, help="folder to keep, and to go on from")
    parser.add_argument("--first", type=int, default=FIRST, help="normals of the first model")
    parser.add_argument("--more", type=int, default=MORE, help="normals that go through the line")
    parser.add_argument("--first-minutes", type=float, default=10.0)
    parser.add_argument("--minutes", type=float, default=0.0, help="of the retrain (0: the button's own)")
    parser.add_argument("--steps", type=int, default=0, help="of both trainings instead, to try it")
    parser.add_argument("--rate", type=float, default=2.0, help="pictures/s of the line")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of the bootstrap")
    parser.add_argument("--json", type=Path)
    return parser


def _minutes(options: argparse.Namespace) -> float:
    trained = 2.0 if options.steps else options.first_minutes + QUICK / 60 + options.minutes
    return float(trained + (options.more / options.rate + 0.4 * options.more + 0.6 * options.draws) / 60 + 2)


class Plant:
    """One run of the story; what is done already is not done again."""

    def __init__(self, options: argparse.Namespace, station: Path) -> None:
        self._options, self._station, self._began = options, station, time.monotonic()
        self._path, self._said = station / STORY, 0.0
        self._story: dict[str, Any] = read_json(self._path) if self._path.is_file() else {"line": {}}

    def run(self) -> None:
        """Do all steps, or those that are left."""
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        if "lost" in self._story:  # all that is left is to measure
            return
        self._prepare()
        with running_program(self._station, Options(self._station)) as program:
            until(lambda: program.school is not None and not program.tasks.pending)
            for name, step in (("first", self._first), ("idle", self._feed), ("review", self._review)):
                if name not in self._story and name not in self._story["line"]:
                    step(program)
            if "retrain" not in self._story:
                self._retrain(program)
            lost = _behind(program)
        with closing(Store.open(self._station)) as store:
            labelled = store.count(LogFilter(product=PRODUCT, labels=(Label.GOOD,)))
        self._keep("lost", lost + self._options.more - labelled)

    def _prepare(self) -> None:
        """Copy the normals, and write the settings of a station with a replay of those for the line."""
        if self._story.get("first") is not None:
            return
        normals = find_normals(self._options.data)
        order = np.random.default_rng(0).permutation(len(normals))
        first, more = self._options.first, self._options.more
        assert len(order) >= first + more, f"{self._options.data} has only {len(order)} normals"
        for name, chosen in (("first", order[:first]), ("more", order[first : first + more])):
            folder = self._station / "pictures-of-the-plant" / name
            folder.mkdir(parents=True, exist_ok=True)
            for number, index in enumerate(chosen):
                shutil.copyfile(normals[index], folder / f"{number:03}{normals[index].suffix}")
        address, rate = str(self._station / "pictures-of-the-plant" / "more"), self._options.rate
        source = SourceSettings("replay", SourceKind.REPLAY, address, rate=rate, loop=False)
        settings = Settings(sources=(source,), active_source="replay", first_start_done=True)
        save_settings(self._station, settings)

    def _keep(self, name: str, value: Any) -> None:
        self._story[name] = value
        write_json(self._path, self._story)

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.0f} s  {text}", flush=True)

    def _first(self, program: Program) -> None:
        """Make the product and its first model, and promote it."""
        page = _page(program)
        QTest.mouseClick(page.product_choice.new_button, LEFT)
        dialog = _shown(program, QInputDialog)
        dialog.setTextValue(PRODUCT)
        dialog.accept()
        until(lambda: _school(program).samples.product == PRODUCT)
        page.add_folder(str(self._station / "pictures-of-the-plant" / "first"))
        until(lambda: f"{self._options.first} pictures were added" in page.said, 600)
        took = self._train(program, self._options.first_minutes)
        model = _promote(program, "first model")
        self._say(f"{model} is the first model")
        self._keep("first", {"model": model, "normals": self._options.first, **took})

    def _feed(self, program: Program) -> None:
        """Let the line inspect the other normals once."""
        station = program.station
        assert station is not None and program.store is not None
        fed = program.store.count(LogFilter(product=PRODUCT))
        assert not fed, "the line was interrupted while it was fed: begin anew with another --station"
        _start_line(program)
        began = _now()
        program.window.go(Page.TRAIN)  # the same page as while it trains
        due = self._options.more / self._options.rate
        until(lambda: station.status.recorded >= self._options.more, due + PATIENCE)
        until(lambda: not station.active)
        self._say(f"the line inspected {station.status.recorded} parts")
        self._story["line"]["idle"] = (began, _now())
        self._keep("line", self._story["line"])

    def _review(self, program: Program) -> None:
        """Mark all of them good by the key."""
        program.window.activateWindow()
        program.window.go(Page.REVIEW)
        asked, shown = program.findChild(Review), _shown(program, ReviewPicture, visible=False)
        assert asked is not None
        box = next(one for one in program.window.findChildren(QComboBox) if one.findData(100) >= 0)
        box.setCurrentIndex(box.findData(100))
        until(lambda: len(asked.rows) == self._options.more)
        began, pressed = time.monotonic(), 0
        while asked.row is not None and asked.row.label is None:
            at = asked.row.inspection_id
            until(lambda at=at: shown.shown_id == at)  # type: ignore[misc]  # mypy and defaults of a lambda
            QTest.keyClick(program.window, Qt.Key.Key_G)
            pressed += 1
        until(lambda: program.tasks.pending == 0)
        seconds = time.monotonic() - began
        self._say(f"{pressed} parts marked good in {seconds:.0f} s")
        self._keep("review", {"pressed": pressed, "seconds": round(seconds, 1)})

    def _retrain(self, program: Program) -> None:
        """Press Retrain while the line runs."""
        station = program.station
        assert station is not None and station.settings.source is not None
        station.use_source(replace(station.settings.source, loop=True))
        _start_line(program)
        _page(program)
        wait_for(WARM)
        took = self._train(program, self._options.minutes)
        report = _school(program).training.comparison.report
        candidate = _school(program).training.candidate
        assert report is not None and candidate is not None
        gate = {"light": report.light, "reasons": [one.sentence for one in report.reasons]}
        self._say(f"{candidate.model_id} is {report.light}: {' '.join(gate['reasons'])}")
        if report.light is not Light.RED:
            _promote(program, "200 more normals")
        self._story["line"] |= {name: took.pop(name) for name in ("training", "checking", "comparing")}
        self._keep("retrain", {"model": candidate.model_id, **took, "gate": gate})
        station.stop()
        until(lambda: not station.active)

    def _train(self, program: Program, minutes: float) -> dict[str, Any]:
        """Press Retrain and wait for the candidate; return the seconds, and when each phase began and ended."""
        page, training = _page(program), _school(program).training
        card = page.retrain_card
        card.options.set_open(True)
        card.minutes.setValue(minutes)
        card.steps.setValue(self._options.steps)
        wait_for(1.0)  # the card asks anew what it would do
        until(card.button.isEnabled, 600)
        self._say(card.sentence)
        training.trainer.learned.connect(self._hear)
        began, moments = time.monotonic(), [_now()]
        QTest.mouseClick(card.button, LEFT)
        until(lambda: training.phase in (Phase.TRAINING, *DONE), 600)
        if training.phase is Phase.DOUBTFUL:
            self._say(page.doubt.sentence)
            QTest.mouseClick(page.doubt.go_on_button, LEFT)
        moments.append(_now())
        until(lambda: training.phase in (Phase.COMPARING, *DONE), 7200)
        moments.append(_now())
        until(lambda: training.phase in DONE, 1200)
        moments.append(_now())
        training.trainer.learned.disconnect(self._hear)
        assert training.phase is Phase.READY, page.said
        spans = zip(("checking", "training", "comparing"), pairwise(moments), strict=True)
        return {"seconds": round(time.monotonic() - began, 1), **dict(spans)}

    def _hear(self, news: Learning) -> None:
        if time.monotonic() - self._said > SAY_EVERY:
            self._said = time.monotonic()
            speed = f"{news.pictures_per_second:.1f} pictures/s"
            self._say(f"{news.stage}, step {news.step}, {100 * news.fraction:.0f} %, {speed}")


def _start_line(program: Program) -> None:
    program.window.go(Page.INSPECT)
    button = next(one for one in program.window.findChildren(QPushButton) if one.text() == "Start line")
    QTest.mouseClick(button, LEFT)
    until(lambda: program.station is not None and program.station.running)


def _promote(program: Program, note: str) -> str:
    training = _school(program).training
    assert training.candidate is not None
    model = training.candidate.model_id
    QTest.mouseClick(_page(program).decision.promote_button, LEFT)
    dialog = _shown(program, PromoteDialog)
    QTest.keyClicks(dialog.text, note)
    QTest.mouseClick(dialog.yes, LEFT)
    until(lambda: training.phase is Phase.IDLE)
    until(lambda: program.station is not None and program.station.recipe is not None)
    return model


def _behind(program: Program) -> int:
    """Return how many parts were taken that the log lacks."""
    assert program.station is not None
    return program.station.status.inspected - program.station.status.recorded


def _page(program: Program) -> TrainPage:
    program.window.go(Page.TRAIN)
    return _shown(program, TrainPage)


def _shown(program: Program, kind: type[W], visible: bool = True) -> W:
    return next(one for one in program.window.findChildren(kind) if one.isVisible() or not visible)


def _school(program: Program) -> School:
    assert program.school is not None
    return program.school


def _now() -> str:
    return datetime.now(UTC).isoformat()


if __name__ == "__main__":
    main()
