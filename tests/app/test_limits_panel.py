"""The limits panel on a real station: dragging, typing, what-if, and that nothing is in force until applied."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDoubleSpinBox, QLabel, QLineEdit, QPushButton, QSlider
from pytestqt.qtbot import QtBot

from almrr_core.types import Box, Limits, Notice, Shown
from app.compose import Program
from app.views.histogram import Histogram
from app.views.inspect_page import InspectPage
from app.views.limits_form import LimitsForm
from app.views.limits_panel import LimitsPanel
from tests.app.conftest import PATIENCE, Start
from tests.app.shown_parts import LIMITS


def drag(histogram: Histogram, start: float, end: float) -> None:
    """Drag the line at a score to another score."""
    y, left = histogram.height() / 2, Qt.MouseButton.LeftButton
    first, last = (QPoint(round(histogram.x_of(score)), round(y)) for score in (start, end))
    QTest.mousePress(histogram, left, pos=first)
    for share in (0.5, 1.0):
        point = first + (last - first) * share
        where, none = QPointF(histogram.mapToGlobal(point)), Qt.KeyboardModifier.NoModifier
        kind = QEvent.Type.MouseMove
        QApplication.sendEvent(histogram, QMouseEvent(kind, QPointF(point), where, left, left, none))
    QTest.mouseRelease(histogram, left, pos=last)


@pytest.fixture
def histogram(qtbot: QtBot) -> Histogram:
    made = Histogram()
    made.resize(400, 140)
    qtbot.addWidget(made)
    made.show_scores([0.1 * n for n in range(-20, 10)], [0.0, 0.2, 3.0], [4.0, 5.0])
    made.show_limits(LIMITS)
    made.show()
    return made


def test_lines_are_dragged_and_never_cross(histogram: Histogram) -> None:
    found: list[Limits] = []
    histogram.moved.connect(found.append)
    drag(histogram, LIMITS.fail, 2.5)
    assert found[-1].fail == pytest.approx(2.5, abs=0.05) and found[-1].review == LIMITS.review
    drag(histogram, found[-1].review, 0.3)
    assert found[-1].review == pytest.approx(0.3, abs=0.05)
    drag(histogram, found[-1].review, found[-1].fail + 1)
    assert found[-1].review == found[-1].fail
    drag(histogram, found[-1].fail, found[-1].fail - 1)  # of two on one spot one moves left
    assert found[-1].review < found[-1].fail


def test_a_press_far_from_both_lines_moves_nothing(histogram: Histogram) -> None:
    found: list[Limits] = []
    histogram.moved.connect(found.append)
    drag(histogram, -1.5, 0.0)
    assert not found
    histogram.grab()


@pytest.fixture
def form(qtbot: QtBot) -> LimitsForm:
    made = LimitsForm()
    qtbot.addWidget(made)
    made.set_span(-3.0, 7.0)
    made.show_limits(LIMITS)
    made.follow_fail(True)
    return made


def test_typed_limits_keep_their_order(form: LimitsForm) -> None:
    found: list[Limits] = []
    form.edited.connect(found.append)
    review, fail, pixel = form.findChildren(QDoubleSpinBox)
    review.setValue(2.5)
    assert found[-1] == Limits(2.5, 2.5, 2.5, 4)  # the pixel limit goes with the fail limit
    fail.setValue(1.5)
    assert found[-1] == Limits(1.5, 1.5, 1.5, 4)
    pixel.setValue(0.75)
    fail.setValue(3.0)
    assert found[-1] == Limits(1.5, 3.0, 0.75, 4)


def test_the_slider_moves_the_pixel_limit_alone(form: LimitsForm) -> None:
    found: list[Limits] = []
    form.edited.connect(found.append)
    slider = form.findChild(QSlider)
    assert slider is not None
    slider.setValue(700)
    assert found[-1] == replace(LIMITS, pixel=4.0)


def test_showing_limits_says_nothing(form: LimitsForm, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(form.edited):
        form.show_limits(Limits(0.123456, 1.0, 1.0, 9))
        form.follow_fail(False)
        form.set_span(0.0, 9.0)
    assert form.limits.review == 0.123456  # what was not touched keeps every digit


def panel_of(program: Program, qtbot: QtBot) -> tuple[InspectPage, LimitsPanel]:
    """A program whose demo line has inspected some parts, with the panel open."""
    assert program.station is not None
    station = program.station
    qtbot.waitUntil(lambda: station.counts_since_reset.total >= 4, timeout=PATIENCE)
    page = program.window.findChild(InspectPage)
    assert page is not None
    page.side.limits_section.set_open(True)
    qtbot.waitUntil(page.limits.isVisible)
    return page, page.limits


def words(panel: LimitsPanel) -> str:
    return " ".join(label.text() for label in panel.findChildren(QLabel))


def button(panel: LimitsPanel, text: str) -> QPushButton:
    return next(one for one in panel.findChildren(QPushButton) if one.text() == text)


def test_limits_are_tried_reverted_and_applied(start: Start, qtbot: QtBot) -> None:
    program = start(demo=True)
    page, panel = panel_of(program, qtbot)
    station = program.station
    assert station is not None and station.recipe is not None
    before = station.recipe
    assert station.calibration is not None
    low = round(min(*page.scores.scores, *station.calibration.scores) - 1.0, 2)
    with qtbot.waitSignal(panel.tried):
        panel.form.take(replace(before.limits, review=low, fail=low))
    assert panel.trying and "0 review" in words(panel) and "would fail" in words(panel)
    qtbot.waitUntil(
        lambda: "Expected of 1000 good parts: 1000 fail, 0 review" in words(panel), timeout=PATIENCE
    )
    assert not button(panel, "Apply limits").isEnabled()  # it asks why
    assert station.recipe is before
    QTest.mouseClick(button(panel, "Revert"), Qt.MouseButton.LeftButton)
    assert not panel.trying and panel.limits == before.limits
    panel.form.take(replace(before.limits, review=low, fail=low))
    reason = panel.findChild(QLineEdit, "reason")
    assert reason is not None
    QTest.keyClicks(reason, "test")
    with qtbot.waitSignal(station.recipe_changed, timeout=PATIENCE):
        QTest.keyClick(reason, Qt.Key.Key_Return)
    now = station.recipe
    assert now.version == before.version + 1 and now.reason == "test" and now.limits.fail == low
    assert not panel.trying and not reason.text()
    qtbot.waitUntil(lambda: page.side.banner.verdict is not None and page.side.banner.verdict.value == "FAIL")


def test_a_region_keeps_the_limits_and_says_that_scores_move(start: Start, qtbot: QtBot) -> None:
    program = start(demo=True)
    page, panel = panel_of(program, qtbot)
    station, said, parts = program.station, list[Notice](), list[Shown]()
    assert station is not None and station.recipe is not None
    assert program.store is not None and program.recipes is not None
    before = station.recipe
    qtbot.waitUntil(lambda: "Expected of 1000" in words(panel), timeout=PATIENCE)
    program.faults.noticed.connect(said.append)
    page.picture.roi_chosen.emit(before.geometry.roi)  # the same region: nothing changes
    page.picture.roi_chosen.emit(Box(8, 8, 96, 80))
    qtbot.waitUntil(lambda: bool(said), timeout=PATIENCE)
    now = station.recipe
    assert (now.version, now.limits) == (before.version + 1, before.limits)
    assert "scores will move, the limits were kept" in said[0].sentence and "normal parts" in said[0].remedy
    newest = program.store.events(1)[0]
    assert newest.before.endswith("whole picture") and newest.after.endswith("region 8,8 96×80")
    assert "the limits were kept" in newest.reason
    qtbot.waitUntil(lambda: "calibration is of another region" in words(panel), timeout=PATIENCE)
    station.showed.connect(parts.append)
    qtbot.waitUntil(lambda: len(parts) >= 3, timeout=PATIENCE)
    scores = {row.score for row in program.store.recent_scores(now.product, 500)}
    assert {part.record.score for part in parts} <= scores
    page.picture.roi_chosen.emit(None)
    qtbot.waitUntil(lambda: len(said) == 2 and "Expected of 1000" in words(panel), timeout=PATIENCE)
