"""The Inspect page of the whole program, on a real line: keys, buttons, freezing, regions, operator mode."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QPushButton, QSlider
from pytestqt.qtbot import QtBot

from almrr_core.types import Box, LineState, Verdict
from app.compose import Program
from app.services.station import Station
from app.services.tally import shift_start
from app.views.image_layers import Layer
from app.views.inspect_page import InspectPage
from app.views.log_words import whole
from app.views.zoom_view import ZoomView
from tests.app.conftest import PATIENCE, Start
from tests.app.shown_parts import shown


@pytest.fixture
def program(start: Start, qtbot: QtBot) -> Program:
    made = start(demo=True)
    station = made.station
    assert station is not None
    qtbot.waitUntil(lambda: station.counts_since_reset.total >= 3, timeout=PATIENCE)
    qtbot.waitUntil(lambda: len(page_of(made).scores.scores) >= 2, timeout=PATIENCE)
    return made


def page_of(program: Program) -> InspectPage:
    page = program.window.findChild(InspectPage)
    assert page is not None
    return page


def station_of(program: Program) -> Station:
    assert program.station is not None
    return program.station


def stop(program: Program, qtbot: QtBot) -> None:
    station = station_of(program)
    station.stop()
    qtbot.waitUntil(lambda: not station.active, timeout=PATIENCE)


def says(page: InspectPage, text: str) -> bool:
    return any(text in label.text() for label in page.findChildren(QLabel) if label.isVisible())


def columns(page: InspectPage) -> tuple[str, str]:
    """Return how many parts the counters show as inspected since the reset and in the shift."""
    grid = page.side.counters.findChild(QGridLayout)
    assert grid is not None
    since, shift = (grid.itemAtPosition(1, at).widget() for at in (1, 3))
    assert isinstance(since, QLabel) and isinstance(shift, QLabel)
    return since.text(), shift.text()


def test_f5_stops_and_starts_the_line(program: Program, qtbot: QtBot) -> None:
    page, station = page_of(program), station_of(program)
    focus = program.window.focusWidget()
    assert focus is not None and page.isAncestorOf(focus)  # without a click into the page
    assert page.side.line_button.text() == "Stop line" and says(page, "Running")
    QTest.keyClick(focus, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: not station.active, timeout=PATIENCE)
    assert page.side.line_button.text() == "Start line" and says(page, "Stopped")
    assert "Last part" in page.side.banner.accessibleName()
    QTest.keyClick(page.picture.view.focusProxy(), Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: station.running, timeout=PATIENCE)
    QTest.mouseClick(page.side.line_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not station.active, timeout=PATIENCE)


def test_opening_the_limits_scrolls_only_where_they_do_not_fit(program: Program, qtbot: QtBot) -> None:
    page = page_of(program)
    apply = next(one for one in page.limits.findChildren(QPushButton) if one.text() == "Apply limits")
    for height, scrolls in ((768, True), (1300, False)):
        program.window.resize(1366, height)
        page.side.limits_section.set_open(True)
        qtbot.waitUntil(lambda: apply.visibleRegion().boundingRect() == apply.rect(), timeout=PATIENCE)
        cut = page.side.counters.visibleRegion().boundingRect().height() < page.side.counters.height()
        assert cut is scrolls
        page.side.limits_section.set_open(False)


def test_space_triggers_and_never_stops(program: Program, qtbot: QtBot) -> None:
    """After a click on a button Space still takes a part: the mouse gives no button the focus."""
    page, station = page_of(program), station_of(program)
    page.picture.setFocus()
    QTest.mouseClick(page.side.trigger_button, Qt.MouseButton.LeftButton)
    focus = page.window().focusWidget()
    before = station.counts_since_reset.total
    QTest.keyClick(focus, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: station.counts_since_reset.total > before, timeout=PATIENCE)
    assert station.running


def test_a_chosen_part_is_frozen_while_the_line_goes_on(program: Program, qtbot: QtBot) -> None:
    page, station = page_of(program), station_of(program)
    found: list[object] = []
    page.film.chosen.connect(found.append)
    page.film.film.setFocus()
    QTest.keyClick(page.film.film, Qt.Key.Key_Left)
    part = page.picture.frozen
    assert part is not None and found == [part]
    assert says(page, f"Frozen on {part.record.request.part_id}")
    before = station.counts_since_reset.total
    qtbot.waitUntil(lambda: station.counts_since_reset.total > before + 1, timeout=PATIENCE)
    assert page.picture.frozen is part
    QTest.keyClick(page.film.film, Qt.Key.Key_Escape)
    assert page.picture.frozen is None and not says(page, "Frozen on")


def test_the_whole_picture_of_a_frozen_part_comes_from_the_log(program: Program, qtbot: QtBot) -> None:
    page = page_of(program)
    stop(program, qtbot)
    QTest.keyClick(page.film.film, Qt.Key.Key_Left)
    part = page.picture.frozen
    assert part is not None
    whole = part.record.frame.picture
    assert whole is not None
    page.picture.thaw()
    frame = replace(part.record.frame, picture=np.ascontiguousarray(whole[::2, ::2]))
    small = replace(part, record=replace(part.record, frame=frame))
    page.film.add(small)
    page.film.chosen.emit(small)
    assert says(page, "reduced picture") and page.picture.frozen is small
    assert page.picture.view.frame_size == part.size
    qtbot.waitUntil(lambda: not says(page, "reduced picture"), timeout=PATIENCE)
    layers = [item for item in page.picture.view.findChild(ZoomView).scene().items() if type(item) is Layer]
    assert layers[0].image.shape == whole.shape


def test_the_newest_part_is_shown_with_its_numbers(program: Program, qtbot: QtBot) -> None:
    page, station = page_of(program), station_of(program)
    stop(program, qtbot)
    station.showed.emit(shown(7, 2.5))
    assert page.side.banner.verdict is Verdict.FAIL and page.scores.scores[-1] == 2.5
    station.showed.emit(shown(8, math.nan, reason="The file is damaged."))
    assert page.side.banner.verdict is Verdict.NOT_INSPECTED
    assert says(page, "The file is damaged.")


def test_a_region_of_interest_reaches_the_recipe_when_it_is_used(program: Program, qtbot: QtBot) -> None:
    page, station = page_of(program), station_of(program)
    before = station.recipe
    QTest.mouseClick(page.header.region, Qt.MouseButton.LeftButton)
    page.picture.view.roi_drawn.emit(Box(40, 40, 96, 80))
    bar = page.picture.roi_bar
    assert bar.isVisible() and bar.box == Box(40, 40, 96, 80) and station.recipe is before
    QTest.keyClick(bar, Qt.Key.Key_Escape)
    assert not bar.isVisible() and station.recipe is before
    QTest.mouseClick(page.header.region, Qt.MouseButton.LeftButton)
    page.picture.view.roi_drawn.emit(Box(40, 40, 96, 80))
    with qtbot.waitSignal(station.recipe_changed, timeout=PATIENCE):
        QTest.mouseClick(bar.use_button, Qt.MouseButton.LeftButton)
    assert station.recipe is not None and station.recipe.geometry.roi == Box(40, 40, 96, 80)
    assert not page.header.region.isChecked()


def test_operator_mode_shows_the_least(program: Program, qtbot: QtBot) -> None:
    page = page_of(program)
    page.set_operator_mode(True)
    hidden = (page.header, page.film, page.scores, page.side.trigger_button, page.side.limits_section)
    assert not any(widget.isVisible() for widget in hidden)
    assert not page.side.counters.reset_button.isVisible()
    shown_ones = (page.picture, page.side.banner, page.side.counters, page.side.line_button)
    assert all(widget.isVisible() for widget in shown_ones)
    page.set_operator_mode(False)
    assert page.header.isVisible() and page.side.trigger_button.isVisible()


def test_the_counters_are_reset(program: Program, qtbot: QtBot) -> None:
    page, station = page_of(program), station_of(program)
    stop(program, qtbot)
    before = station.counts_since_reset
    assert before.inspected and before == station.shift_counts
    assert columns(page) == (whole(before.inspected),) * 2
    with qtbot.waitSignal(station.status_changed, timeout=PATIENCE):
        QTest.mouseClick(page.side.counters.reset_button, Qt.MouseButton.LeftButton)
    assert columns(page) == ("0", whole(before.inspected))
    assert station.counts_since_reset.total == 0


def test_a_stopped_line_is_shown_as_the_hours_go_by(
    start: Start, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.views.inspect_page.REFRESH_EVERY", 50)
    program = start(demo=True)
    page, station = page_of(program), station_of(program)
    qtbot.waitUntil(lambda: station.shift_counts.inspected > 0, timeout=PATIENCE)
    stop(program, qtbot)
    before = whole(station.shift_counts.inspected)
    assert columns(page) == (before, before)
    tomorrow = shift_start(datetime.now(UTC) + timedelta(days=1))
    monkeypatch.setattr("app.services.tally.shift_start", lambda _now: tomorrow)
    qtbot.waitUntil(lambda: columns(page) == (before, "0"), timeout=PATIENCE)


def test_the_opacity_is_remembered(program: Program, qtbot: QtBot) -> None:
    page, station = page_of(program), station_of(program)
    page.side.view_section.set_open(True)
    slider = page.side.view_section.findChild(QSlider)
    assert slider is not None
    with qtbot.waitSignal(station.settings_changed, timeout=PATIENCE):
        slider.setValue(35)
    assert station.settings.heat_opacity == pytest.approx(0.35)
    for box in page.side.view_section.findChildren(QCheckBox):
        QTest.keyClick(box, Qt.Key.Key_Space)  # a box that has the focus takes Space for itself
        assert not box.isChecked()
    assert station.running


def test_an_idle_page_says_what_will_be_here(start: Start, qtbot: QtBot) -> None:
    program = start()
    page, station = page_of(program), station_of(program)
    qtbot.waitUntil(lambda: not station.busy, timeout=PATIENCE)
    assert station.status.state is LineState.READY
    assert says(page, "No product is chosen") and not page.side.line_button.isEnabled()
    assert page.grab().width() == page.width()
