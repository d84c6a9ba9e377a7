"""Reviews 200 pictures of 5 MP by key presses through the real window: `python -m app.bench.review`.

Each key is pressed when the picture before has been on the screen for `--look` ms. Timed is from the key until
the window has painted the next picture. At the end every label is looked up in the log.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtTest import QTest

from almrr_core.files import resources
from almrr_core.judge import regions_of
from almrr_core.line.products import install_product
from almrr_core.settings import Settings, save_settings
from almrr_core.store.store import Store
from almrr_core.types import (
    Actor,
    DefectClass,
    Frame,
    Label,
    Limits,
    PartId,
    PartRequest,
    Picture,
    Recipe,
    Record,
    Verdict,
)
from app.bench.limits import surface
from app.compose import Program, make_application
from app.options import Options
from app.services.review import Review
from app.views.pages import Page
from app.views.review_picture import ReviewPicture

WIDTH = 2592  # 5 MP, of 4 : 3
GOAL = 50.0  # ms from the key to the next picture
PATIENCE = 60.0  # s
PRODUCT, ACTOR = "weave", Actor("bench")
LIMITS = Limits(1.4, 2.6, 2.75, 4)
SAID = (
    (Qt.Key.Key_G, Label.GOOD, ""),
    (Qt.Key.Key_B, Label.BAD, ""),
    (Qt.Key.Key_U, Label.UNSURE, ""),
    (Qt.Key.Key_1, Label.BAD, "hole"),
    (Qt.Key.Key_G, Label.GOOD, ""),
)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Milliseconds from each key to the painted next picture, by the clock and of the GUI thread's CPU.

    `lost`: how many labels the log lacks.
    """

    times: tuple[float, ...]
    cpu: tuple[float, ...]
    lost: int


def main(arguments: list[str] | None = None) -> None:
    """Print how long the keys took, and the labels lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--look", type=int, default=600, help="ms a person looks at a picture")
    parser.add_argument("--width", type=int, default=WIDTH, help="of a picture, in pixels")
    options = parser.parse_args(arguments)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="almrr-review-") as folder:
        found = review(Path(folder) / "station", options.pictures, options.look, options.width)
    middle, late = np.percentile(found.times, [50, 95])
    print(f"{len(found.times) + 1} pictures, {options.width} pixels wide, {options.look} ms looked at each")
    print(
        f"key to next picture p50 {middle:.1f} ms, p95 {late:.1f} ms, longest {max(found.times):.1f} ms "
        f"(goal: p50 <= {GOAL:.0f} ms)"
    )
    busy = np.percentile(found.cpu, [50, 95])
    print(f"CPU time of the GUI thread for it p50 {busy[0]:.1f} ms, p95 {busy[1]:.1f} ms")
    print(f"labels lost: {found.lost}")


def review(folder: Path, pictures: int, look: int, width: int = WIDTH) -> Reviewed:
    """Write a log, review all of it in the window, close the program, and count what the log holds."""
    folder.mkdir()
    _write_log(folder, pictures, width)
    program = Program(make_application(), folder, folder / "station.log", Options(folder))
    program.window.resize(1366, 768)
    program.window.show()
    _until(lambda: program.station is not None)
    program.window.activateWindow()
    program.window.go(Page.REVIEW)
    times, cpu, said = _press_keys(program, look)
    assert program.station is not None
    program.station.close(True)
    _until(lambda: program.window.over)
    program.end()
    with closing(Store.open(folder)) as store:
        rows = {number: store.detail(number).row for number in said}
    lost = sum((rows[number].label, rows[number].defect_class) != said[number] for number in said)
    return Reviewed(tuple(times), tuple(cpu), lost + pictures - len(said))


def _press_keys(program: Program, look: int) -> tuple[list[float], list[float], dict[int, tuple[Label, str]]]:
    """Say something of every part in the queue; return both times and what was said."""
    asked = program.findChild(Review)
    shown = program.window.findChild(ReviewPicture)
    assert asked is not None and shown is not None
    times, cpu, said = list[float](), list[float](), dict[int, tuple[Label, str]]()
    _until(lambda: asked.row is not None and shown.shown_id == asked.row.inspection_id)
    while asked.row is not None and asked.row.label is None:
        _until(_after(look / 1000))  # not QTest.qWait: it holds the GIL, so that nothing is read ahead
        before = asked.row.inspection_id
        key, label, defect_class = SAID[len(said) % len(SAID)]
        said[before] = (label, defect_class)
        begin, busy = time.perf_counter(), time.thread_time()
        QTest.keyClick(program.window, key)
        if asked.row.inspection_id == before:  # that was the last one
            break
        _until(lambda: asked.row is not None and shown.shown_id == asked.row.inspection_id, beat=0)
        program.window.repaint()  # at once, with all that is in it
        times.append(1000 * (time.perf_counter() - begin))
        cpu.append(1000 * (time.thread_time() - busy))
    return times, cpu, said


def _after(seconds: float) -> Callable[[], bool]:
    last = time.monotonic() + seconds
    return lambda: time.monotonic() >= last


def _write_log(folder: Path, pictures: int, width: int) -> None:
    """Write a product and its parts, all FAIL or REVIEW."""
    square = surface(width)
    with closing(Store.open(folder)) as store:
        recipe = _recipe(store)
        begin = datetime.now(UTC) - timedelta(hours=1)
        for number in range(pictures):
            picture = np.ascontiguousarray(np.roll(square, 7 * number, axis=1)[: width * 3 // 4])
            store.record(_record(number, begin + timedelta(seconds=number), recipe, picture), True)
        store.set_defect_classes(PRODUCT, (DefectClass("hole", "#D55E00", "1"),), ACTOR)
    save_settings(folder, replace(Settings(), product=PRODUCT, first_start_done=True))


def _recipe(store: Store) -> Recipe:
    installed = install_product(store, PRODUCT, resources() / "demo" / "bundle", ACTOR)
    return store.add_recipe(replace(installed, limits=LIMITS, reason="bench"), ACTOR)


def _record(number: int, at: datetime, recipe: Recipe, picture: Picture) -> Record:
    high, wide = picture.shape[0] // 8, picture.shape[1] // 8
    score_map = np.full((high, wide), -4, np.float32)
    score_map[high // 6 : high // 4, wide // 6 : wide // 4 + number % (wide // 3)] = 4
    fails = number % 2 == 0
    return Record(
        request=PartRequest(PartId(f"P-{number:05}"), at, 0),
        frame=Frame(picture, at, 0, "camera-1"),
        verdict=Verdict.FAIL if fails else Verdict.REVIEW,
        score=3.0 if fails else 2.0,
        score_map=score_map,
        model_map=score_map,
        regions=regions_of(score_map.repeat(8, 0).repeat(8, 1), LIMITS),
        recipe=recipe,
        model_hash="5e" * 32,
        station_id="station-1",
        line_id="line-1",
        view="top",
        decided_at=at,
        output_at=None,
        inspect_ms=40.0,
        latency_ms=50.0,
    )


def _until(done: Callable[[], bool], beat: int = 10) -> None:
    """Run the event loop until something is so; raises TimeoutError."""
    loop, timer, last = QEventLoop(), QTimer(), time.monotonic() + PATIENCE

    def look() -> None:
        if done() or time.monotonic() > last:
            loop.quit()

    timer.timeout.connect(look)
    timer.start(beat)
    if not done():
        loop.exec()
    timer.stop()
    if time.monotonic() > last:
        raise TimeoutError("the program did not get as far as it should")


if __name__ == "__main__":
    main()
