"""The parts of the Inspect page by themselves: banner, gauge, counters, strips, figures."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QSpinBox
from pytestqt.qtbot import QtBot

from almrr_core.types import Box, Counts, LineState, LineStatus, SourceState, SourceStatus, Verdict
from app.services.values import TruthCounts
from app.theme import apply_theme
from app.views.counters import Counters
from app.views.film_strip import FilmStrip
from app.views.kept_part import MOST, SIDE, Kept, kept_of
from app.views.line_figures import LineFigures
from app.views.roi_bar import RoiBar
from app.views.score_gauge import FAIL_AT, REVIEW_AT, ScoreGauge
from app.views.score_strip import ScoreStrip
from app.views.verdict_banner import VerdictBanner
from app.views.verdict_shape import shape_of
from tests.app.shown_parts import LIMITS, picture, shown
from tests.snapshots.compare import assert_looks

linux_fonts = pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: fonts of the kept pictures")


def texts(widget: Counters | LineFigures) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel) if label.text()]


@linux_fonts
@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_looks_of_the_banner(qapp: QApplication, qtbot: QtBot, verdict: Verdict, name: str) -> None:
    apply_theme(qapp, name)
    banner = VerdictBanner()
    qtbot.addWidget(banner)
    banner.resize(360, 120)
    banner.show_verdict(verdict, "part-0001 · 14:02:11 UTC")
    banner.set_live(True)
    assert_looks(banner, f"banner-{verdict.value.lower()}-{name}")


def test_the_banner_says_word_and_part(qtbot: QtBot) -> None:
    banner = VerdictBanner()
    qtbot.addWidget(banner)
    assert "No part yet" in banner.accessibleName()
    banner.show_verdict(Verdict.NOT_INSPECTED, "The picture is damaged.")
    banner.set_live(True)
    assert banner.accessibleName() == "Verdict: NOT INSPECTED. The picture is damaged."
    banner.set_live(False)
    assert "Last part: The picture is damaged." in banner.accessibleName()


def test_shapes_differ_in_outline() -> None:
    shapes = [shape_of(verdict, QRectF(0, 0, 40, 40)) for verdict in Verdict]
    corners = {shape.elementCount() for shape in shapes}
    assert len(corners) == len(Verdict)


def test_the_gauge_keeps_the_limits_in_their_places(qtbot: QtBot) -> None:
    gauge = ScoreGauge()
    qtbot.addWidget(gauge)
    gauge.show_score(1.5, LIMITS)
    assert gauge.place_of(1.0) == pytest.approx(REVIEW_AT)
    assert gauge.place_of(2.0) == pytest.approx(FAIL_AT)
    assert gauge.place_of(1e9) == 1 and gauge.place_of(-1e9) == 0
    assert gauge.accessibleName() == "Score 1.50, review limit 1.00, fail limit 2.00"
    gauge.show_score(math.nan, replace(LIMITS, review=2.0))
    gauge.grab()


def test_counters_show_counts_shares_and_truth(qtbot: QtBot) -> None:
    counters = Counters()
    qtbot.addWidget(counters)
    counters.show_counts(Counts(4000, 40, 10, 5), Counts(9, 1, 0, 0))
    found = texts(counters)
    assert {"4,050", "4,000", "40", "10", "5", "98.6 %", "1.0 %", "0.2 %", "0.1 %"} <= set(found)
    assert "90.0 %" in found  # the shift's yield
    now = datetime.now(UTC)
    counters.show_times(now, now)
    assert f"since {now.astimezone():%H:%M}" in texts(counters)
    counters.show_truth(TruthCounts(12, 1, 2, 200, 3))
    words = "Demo truth: 12 of 13 defects caught, 1 escaped; 2 of 200 good parts rejected"
    assert words in texts(counters)
    counters.show_truth(None)
    with qtbot.waitSignal(counters.reset_asked):
        QTest.mouseClick(counters.reset_button, Qt.MouseButton.LeftButton)
    counters.show_counts(Counts(), Counts())
    assert texts(counters).count("–") == 2


def test_figures_of_the_line(qtbot: QtBot) -> None:
    figures = LineFigures()
    qtbot.addWidget(figures)
    source = SourceStatus("demo", SourceState.LIVE)
    status = LineStatus(LineState.RUNNING, source, Counts(), 12, 9, 3, 14.2, 92.4, 118.0)
    figures.show_status(status)
    figures.show_disk(512 * 10**9)
    assert {"92 / 118 ms", "3 parts", "512 GB"} <= set(texts(figures))
    figures.show_disk(3 * 10**9)
    figures.show_status(replace(status, latency_p50=None, latency_p95=None))
    assert {"–", "3.0 GB"} <= set(texts(figures))


def test_a_kept_part_is_small() -> None:
    part = kept_of(shown(1, 3.0, picture(2000, 2600)))
    assert part.size == (2600, 2000) and part.reduced
    small = part.record.frame.picture
    assert small is not None and max(small.shape) <= SIDE and part.score_map is not None
    assert part.score_map.dtype == np.float16 and part.score_map.shape == small.shape[:2]
    assert abs(float(part.score_map.max()) - 3.0) < 0.05
    assert part.record.score_map is None and part.record.model_map is None
    whole = shown(1, 3.0)
    kept = kept_of(whole)
    assert not kept.reduced and kept.record.frame.picture is not whole.record.frame.picture


@pytest.fixture
def film(qtbot: QtBot) -> FilmStrip:
    made = FilmStrip()
    made.resize(400, 90)
    qtbot.addWidget(made)
    made.show()
    return made


def test_the_film_strip_keeps_thirty_and_shows_the_newest(film: FilmStrip, qtbot: QtBot) -> None:
    parts = [kept_of(shown(n, n % 4)) for n in range(MOST + 5)]
    for part in parts:
        film.add(part)
    assert film.place_of(parts[0]).isNull() or film.place_of(parts[0]).x() <= 0
    bar = film.horizontalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    with qtbot.waitSignal(film.chosen) as chosen:
        QTest.mouseClick(film.film, Qt.MouseButton.LeftButton, pos=film.place_of(parts[-2]))
    assert chosen.args == [parts[-2]]


def test_the_film_strip_is_walked_by_keys(film: FilmStrip) -> None:
    parts = [kept_of(shown(n)) for n in range(20)]
    for part in parts:
        film.add(part)
    found: list[Kept] = []
    film.chosen.connect(found.append)
    film.chosen.connect(film.select)
    for _ in range(3):
        QTest.keyClick(film.film, Qt.Key.Key_Left)
    QTest.keyClick(film.film, Qt.Key.Key_Right)
    assert found == [parts[19], parts[18], parts[17], parts[18]]
    assert film.viewport().rect().contains(film.film.mapTo(film.viewport(), film.place_of(parts[18])))
    film.clear()
    film.grab()


def test_the_score_strip_keeps_two_hundred(qtbot: QtBot) -> None:
    strip = ScoreStrip()
    qtbot.addWidget(strip)
    strip.resize(600, 92)
    strip.grab()
    strip.begin_with([float(n) for n in range(300)], LIMITS)  # newest first
    assert strip.scores[0] == 199 and strip.scores[-1] == 0
    for n, score in enumerate((0.5, 1.5, 99.0, math.nan)):
        strip.add(shown(n, score).record)
    assert len(strip.scores) == 200 and strip.scores[-2] == 99.0 and math.isnan(strip.scores[-1])
    strip.grab()
    strip.clear()
    assert not strip.scores


def test_a_region_can_be_typed(qtbot: QtBot) -> None:
    bar = RoiBar()
    qtbot.addWidget(bar)
    bar.show()
    bar.begin((160, 120), None)
    assert bar.box == Box(0, 0, 160, 120)
    bar.show_box(Box(150, 110, 5, 5))  # too small, at the corner
    assert bar.box == Box(128, 88, 32, 32)
    found: list[Box | None] = []
    bar.roi_chosen.connect(found.append)
    bar.show_box(Box(10, 20, 100, 80))
    QTest.mouseClick(bar.use_button, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    QTest.mouseClick(bar.whole_button, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert found == [Box(10, 20, 100, 80), None]
    bar.show_box(Box(10, 20, 100, 80))
    width = bar.findChildren(QSpinBox)[2]
    width.setFocus()
    width.selectAll()
    QTest.keyClicks(width, "64")
    QTest.mouseClick(bar.use_button, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert found[-1] == Box(10, 20, 64, 80)
