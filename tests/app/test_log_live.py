"""The log page while the line runs: new rows at the top, or a chip where they would disturb."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from almrr_core.types import Limits, Verdict
from app.compose import Program
from app.views.log_model import LogModel
from app.views.log_page import LogPage
from app.views.log_table import ROW_HEIGHT, LogTable
from app.views.log_trend import EDGE, TEXT, Trend
from app.views.pages import Page
from tests.app.conftest import PATIENCE, Start
from tests.app.log_material import fill, later

COUNT = 600


@pytest.fixture
def program(start: Start, data_dir: Path, qtbot: QtBot) -> Program:
    fill(data_dir, COUNT, pictures=0)
    started = start()
    started.window.show_page(Page.LOG)
    model = started.window.findChild(LogModel)
    qtbot.waitUntil(lambda: model.rowCount() > 0 and not model.waiting, timeout=PATIENCE)
    return started


class Line:
    """Records parts as a line does, and says so by the station's status."""

    def __init__(self, program: Program) -> None:
        assert program.store is not None
        assert program.station is not None
        self.store, self.station = program.store, program.station
        recipe = self.store.active_recipe("weave")
        assert recipe is not None
        self.recipe, self.number = recipe, COUNT

    def record(self, parts: int) -> None:
        self.store.record_all(later(self.number + one, self.recipe) for one in range(parts))
        self.number += parts
        self.station.status_changed.emit(replace(self.station.status, recorded=self.number))


def red(trend: Trend) -> NDArray[np.bool_]:
    """Return where the trend has dots or lines in the colour of FAIL, (height, width)."""
    image = trend.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    colors = pixels[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)
    return colors[..., 0] - colors[..., 1] > 45  # a line between two pixels is half as strong


def parts(program: Program) -> list[str]:
    model = program.window.findChild(LogModel)
    return [model.row(at).part_id for at in range(model.rowCount())]


def chip(program: Program) -> QPushButton:
    page = program.window.findChild(LogPage)
    found = (one for one in page.findChildren(QPushButton) if one.accessibleName() == "Show new inspections")
    return next(found)


def test_new_parts_appear_at_the_top(program: Program, qtbot: QtBot) -> None:
    line = Line(program)
    line.record(3)
    newest = [f"P-{COUNT + 2:05}", f"P-{COUNT + 1:05}", f"P-{COUNT:05}", f"P-{COUNT - 1:05}"]
    qtbot.waitUntil(lambda: parts(program)[:4] == newest, timeout=PATIENCE)
    assert not chip(program).isVisible()
    line.record(2)
    qtbot.waitUntil(lambda: parts(program)[0] == f"P-{COUNT + 4:05}", timeout=PATIENCE)
    assert len(set(parts(program))) == len(parts(program))


def test_the_chosen_row_and_its_place_stay(program: Program, qtbot: QtBot) -> None:
    table, line = program.window.findChild(LogTable), Line(program)
    place = QPoint(40, 2 * ROW_HEIGHT + ROW_HEIGHT // 2)
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    chosen = table.chosen_row
    assert chosen is not None
    line.record(7)
    qtbot.waitUntil(lambda: chip(program).text() == "7 new — show", timeout=PATIENCE)
    assert table.indexAt(place).row() == 2
    line.record(2)
    qtbot.waitUntil(lambda: chip(program).text() == "9 new — show", timeout=PATIENCE)
    assert table.chosen_row == chosen
    qtbot.mouseClick(chip(program), Qt.MouseButton.LeftButton)
    assert parts(program)[0] == f"P-{COUNT + 8:05}"
    assert table.chosen_row == chosen
    assert not chip(program).isVisible()
    assert table.at_top


def test_one_who_reads_further_down_is_not_moved(program: Program, qtbot: QtBot) -> None:
    table, line = program.window.findChild(LogTable), Line(program)
    table.verticalScrollBar().setValue(50 * ROW_HEIGHT)
    seen = table.indexAt(QPoint(40, 10)).row()
    line.record(5)
    qtbot.waitUntil(lambda: chip(program).isVisible(), timeout=PATIENCE)
    assert table.indexAt(QPoint(40, 10)).row() == seen
    assert parts(program)[0] == f"P-{COUNT - 1:05}"


def test_more_than_a_page_is_read_again(program: Program, qtbot: QtBot) -> None:
    table, line = program.window.findChild(LogTable), Line(program)
    table.verticalScrollBar().setValue(50 * ROW_HEIGHT)
    line.record(450)
    qtbot.waitUntil(lambda: chip(program).text() == "200+ new — show", timeout=PATIENCE)
    qtbot.mouseClick(chip(program), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: parts(program)[0] == f"P-{COUNT + 449:05}", timeout=PATIENCE)
    assert table.at_top


def test_a_page_left_open_stays_small(program: Program, qtbot: QtBot) -> None:
    line = Line(program)
    for _ in range(9):
        newest = line.number + 149
        line.record(150)
        qtbot.waitUntil(lambda last=newest: parts(program)[0] == f"P-{last:05}", timeout=PATIENCE)
    assert len(parts(program)) <= 1000


def test_the_newest_part_is_right_in_the_trend_and_its_limits_are_drawn(
    program: Program, qtbot: QtBot
) -> None:
    line, trend = Line(program), program.window.findChild(Trend)
    older = replace(line.recipe, limits=Limits(4.0, 6.0, 6.0))
    newest = replace(line.recipe, limits=Limits(0.0, 10.0, 10.0))
    good = [
        replace(later(COUNT + number, older), score=2.0, verdict=Verdict.PASS, reason="")
        for number in range(220)
    ]
    bad = replace(later(COUNT + 220, newest), score=10.0, verdict=Verdict.FAIL, reason="")
    line.store.record_all([*good, bad])
    program.window.findChild(LogPage).reload()
    qtbot.waitUntil(lambda: not program.tasks.pending, timeout=PATIENCE)
    painted, right = red(trend), slice(trend.width() - TEXT - 3, trend.width() - TEXT - 1)
    assert painted[EDGE - 1 : EDGE + 1, right].all()
    assert painted[EDGE - 1 : EDGE + 2, : -2 * TEXT].any()  # its fail limit, at the height of its score
    assert not painted[2 * EDGE :].any()  # no other red dot, no older fail limit


def test_nobody_asks_while_the_page_is_hidden(program: Program, qtbot: QtBot) -> None:
    line, before = Line(program), parts(program)
    program.window.show_page(Page.SETTINGS)
    line.record(4)
    qtbot.wait(1500)
    assert parts(program) == before
    program.window.show_page(Page.LOG)
    qtbot.waitUntil(lambda: parts(program)[0] == f"P-{COUNT + 3:05}", timeout=PATIENCE)
