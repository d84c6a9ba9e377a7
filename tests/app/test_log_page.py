"""The log page in the program's window, over a real log of two thousand parts, by real keys and clicks."""

from __future__ import annotations

import csv
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store.store import Store
from almrr_core.types import Label, LogFilter, LogRow, Verdict
from app.compose import Program
from app.views.image_view import ImageView
from app.views.log_choice import Choice, Period
from app.views.log_detail import LogDetailPanel
from app.views.log_export import ExportMenu
from app.views.log_filters import FilterBar, VerdictChips
from app.views.log_model import LogModel
from app.views.log_page import LogPage
from app.views.log_table import ROW_HEIGHT, LogTable
from app.views.pages import Page
from tests.app.conftest import PATIENCE, Start, close
from tests.app.log_material import fill

COUNT = 2000


@pytest.fixture
def program(start: Start, data_dir: Path, qtbot: QtBot) -> Program:
    fill(data_dir, COUNT - 8, pictures=8)
    started = start()
    started.window.resize(1366, 768)
    started.window.show_page(Page.LOG)
    model = started.window.findChild(LogModel)
    qtbot.waitUntil(lambda: model.rowCount() > 0 and not model.waiting, timeout=PATIENCE)
    return started


@pytest.fixture
def page(program: Program) -> LogPage:
    found = program.window.findChild(LogPage)
    assert found is not None
    return found


def table(page: LogPage) -> LogTable:
    return page.findChild(LogTable)


def rows(page: LogPage) -> list[LogRow]:
    model = page.findChild(LogModel)
    return [model.row(at) for at in range(model.rowCount())]


def settle(page: LogPage, qtbot: QtBot) -> None:
    """Wait for the first page of what was asked last."""
    model = page.findChild(LogModel)
    qtbot.waitUntil(lambda: not model.waiting, timeout=PATIENCE)


def click_row(page: LogPage, at: int, qtbot: QtBot) -> None:
    place = QPoint(40, at * ROW_HEIGHT + ROW_HEIGHT // 2 - table(page).verticalScrollBar().value())
    qtbot.mouseClick(table(page).viewport(), Qt.MouseButton.LeftButton, pos=place)


def detail(page: LogPage) -> LogDetailPanel:
    return page.findChild(LogDetailPanel)


def shows(page: LogPage, row: LogRow) -> bool:
    shown = detail(page).detail
    return shown is not None and shown.row.inspection_id == row.inspection_id


def button(page: LogPage, text: str) -> QPushButton:
    found = page.findChildren(QPushButton) + page.findChildren(QToolButton)
    return next(one for one in found if one.text() == text and one.isVisible())


def texts(page: LogPage) -> str:
    return "\n".join(label.text() for label in page.findChildren(QLabel) if label.isVisible())


def test_newest_first_with_counts_and_a_trend(page: LogPage, qtbot: QtBot) -> None:
    assert rows(page)[0].part_id == f"P-{COUNT - 1:05}"
    qtbot.waitUntil(lambda: "2,000 inspections" in texts(page), timeout=PATIENCE)
    chips = [one.text() for one in page.findChild(VerdictChips).findChildren(QPushButton)]
    numbers = [int(one.rsplit(" ", 1)[1].replace(",", "")) for one in chips]
    assert sum(numbers) == COUNT
    assert min(numbers) > 0


def test_rows_come_as_one_scrolls(page: LogPage, qtbot: QtBot) -> None:
    before = len(rows(page))
    table(page).setFocus()
    qtbot.keyClick(table(page), Qt.Key.Key_End)
    qtbot.waitUntil(lambda: len(rows(page)) > before, timeout=PATIENCE)
    assert len({row.inspection_id for row in rows(page)}) == len(rows(page))


def test_a_row_shows_its_detail(page: LogPage, qtbot: QtBot) -> None:
    first, third = rows(page)[0], rows(page)[2]
    click_row(page, 0, qtbot)
    qtbot.waitUntil(lambda: shows(page, first), timeout=PATIENCE)
    assert detail(page).findChild(ImageView).isVisible()
    said = texts(page)
    assert first.part_id in said
    assert "review 1.40 · fail 2.60" in said
    assert "Bad: scratch by anna. on the edge" in said
    assert "Regions over the pixel limit (1)" in said
    qtbot.keyClick(table(page), Qt.Key.Key_Down)
    qtbot.keyClick(table(page), Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: shows(page, third), timeout=PATIENCE)
    qtbot.keyClick(table(page), Qt.Key.Key_Escape)
    assert detail(page).detail is None
    assert "No inspection chosen" in texts(page)


def test_it_says_why_there_is_no_picture(page: LogPage, qtbot: QtBot) -> None:
    without = next(at for at, row in enumerate(rows(page)) if not row.has_picture)
    click_row(page, without, qtbot)
    qtbot.waitUntil(lambda: shows(page, rows(page)[without]), timeout=PATIENCE)
    assert "The picture was not kept." in texts(page)
    assert not button(page, "Open folder").isEnabled()


def test_copying_a_row(page: LogPage, qtbot: QtBot) -> None:
    click_row(page, 0, qtbot)
    qtbot.keyClick(table(page), Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert rows(page)[0].part_id in QGuiApplication.clipboard().text().split("\t")


def test_counts_filter_by_verdict(page: LogPage, qtbot: QtBot) -> None:
    chips = page.findChild(VerdictChips).findChildren(QPushButton)
    qtbot.waitUntil(lambda: "…" not in chips[2].text(), timeout=PATIENCE)
    number = chips[2].text().split()[-1]
    qtbot.mouseClick(chips[2], Qt.MouseButton.LeftButton)
    settle(page, qtbot)
    assert {row.verdict for row in rows(page)} == {Verdict.FAIL}
    qtbot.waitUntil(lambda: f"{number} inspections" in texts(page), timeout=PATIENCE)
    assert chips[2].text().split()[-1] == number  # the counts are those without the verdicts chosen
    assert chips[0].text().split()[-1] != "0"


def test_worst_first(page: LogPage, qtbot: QtBot) -> None:
    order = next(one for one in page.findChildren(QComboBox) if one.accessibleName() == "Order")
    order.setFocus()
    qtbot.keyClick(order, Qt.Key.Key_Down)
    order.activated.emit(order.currentIndex())
    settle(page, qtbot)
    scores = [row.score for row in rows(page)]
    assert scores[0] == 3.0
    assert scores == sorted(scores, reverse=True)


def test_searching_and_the_way_out_of_nothing(page: LogPage, qtbot: QtBot) -> None:
    qtbot.keyClick(page, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    field = page.findChild(FilterBar).findChild(QLineEdit)
    qtbot.waitUntil(field.hasFocus, timeout=PATIENCE)
    qtbot.keyClicks(field, "p-00017")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    settle(page, qtbot)
    assert [row.part_id for row in rows(page)] == ["P-00017"]
    qtbot.keyClicks(field, "xyz")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "No inspection matches" in texts(page), timeout=PATIENCE)
    qtbot.mouseClick(button(page, "Clear filters"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(rows(page)) > 1, timeout=PATIENCE)
    assert field.text() == ""


def test_an_empty_time_offers_all_time(page: LogPage, qtbot: QtBot) -> None:
    since = rows(page)[0].at
    page.findChild(FilterBar).choose(
        Choice(Period.CUSTOM, since.replace(year=2001), since.replace(year=2002))
    )
    qtbot.waitUntil(lambda: "Nothing in this time" in texts(page), timeout=PATIENCE)
    qtbot.mouseClick(button(page, "Show all time"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(rows(page)) > 1, timeout=PATIENCE)


def test_labelling(page: LogPage, qtbot: QtBot) -> None:
    click_row(page, 1, qtbot)
    qtbot.waitUntil(lambda: shows(page, rows(page)[1]), timeout=PATIENCE)
    qtbot.mouseClick(button(page, "Good"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: rows(page)[1].label is Label.GOOD, timeout=PATIENCE)
    qtbot.waitUntil(lambda: "Good by" in texts(page), timeout=PATIENCE)
    assert table(page).chosen_row == rows(page)[1]


@pytest.mark.parametrize("suffix", ["csv", "zip"])
def test_export_says_what_it_holds_and_holds_it(
    page: LogPage, qtbot: QtBot, tmp_path: Path, suffix: str
) -> None:
    fail = page.findChild(VerdictChips).findChildren(QPushButton)[2]
    qtbot.mouseClick(fail, Qt.MouseButton.LeftButton)
    menu = page.findChild(ExportMenu)
    actions = [one for one in menu.menu().actions() if not one.isSeparator()]
    action = actions[0 if suffix == "csv" else 1]
    qtbot.waitUntil(action.isEnabled, timeout=PATIENCE)
    assert fail.text().split()[-1] in action.text()
    action.trigger()
    dialog = next(one for one in QApplication.topLevelWidgets() if isinstance(one, QFileDialog))
    target = tmp_path / f"out.{suffix}"
    dialog.fileSelected.emit(str(target))
    dialog.reject()
    qtbot.waitUntil(lambda: f"written to {target}" in texts(page), timeout=PATIENCE)
    if suffix == "zip":
        with zipfile.ZipFile(target) as archive:
            assert any(name.endswith(".png") for name in archive.namelist())
            text = archive.read("inspections.csv").decode("utf-8-sig")
    else:
        text = target.read_text(encoding="utf-8-sig")
    lines = list(csv.DictReader(text.splitlines()))
    assert {line["verdict"] for line in lines} == {"FAIL"}
    assert f"{len(lines):,}" == fail.text().split()[-1]


def test_an_export_can_be_stopped_and_a_failed_one_says_why(
    page: LogPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    menu, begun = page.findChild(ExportMenu), threading.Event()
    qtbot.waitUntil(lambda: all(one.isEnabled() for one in menu.menu().actions()), timeout=PATIENCE)
    write = Store.export_zip

    def slow(store: Store, wanted: LogFilter, target: Path, stop: Callable[[], bool]) -> int:
        begun.set()
        while not stop():
            threading.Event().wait(0.01)
        return write(store, wanted, target, stop)

    monkeypatch.setattr(Store, "export_zip", slow)
    (tmp_path / "out").mkdir()
    menu.export(tmp_path / "out" / "log.zip")
    qtbot.waitUntil(begun.is_set, timeout=PATIENCE)
    stop = button(page, "Stop the export")
    offered = [one for one in menu.menu().actions() if ": " in one.text()]
    assert len(offered) == 2 and not any(one.isEnabled() for one in offered)
    qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "The export was stopped" in texts(page), timeout=PATIENCE)
    assert not stop.isVisible() and not list((tmp_path / "out").iterdir())
    assert all(one.isEnabled() for one in offered)
    (tmp_path / "file").touch()
    menu.export(tmp_path / "file" / "log.csv")
    qtbot.waitUntil(lambda: "could not be written" in texts(page), timeout=PATIENCE)


def test_the_end_of_the_program_ends_an_export(
    start: Start, qtbot: QtBot, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), list[bool]()

    def endless(store: Store, wanted: LogFilter, target: Path, stop: Callable[[], bool]) -> int:
        begun.set()
        while not stop():
            threading.Event().wait(0.01)
        threading.Event().wait(0.2)
        with pytest.raises(StationError):
            Store.open(data_dir)  # its log is still in use
        ended.append(True)
        raise StationError(ErrorCode.EXPORT_STOPPED, "It was stopped.")

    monkeypatch.setattr(Store, "export_csv", endless)
    program = start()
    program.window.findChild(ExportMenu).export(tmp_path / "log.csv")
    qtbot.waitUntil(begun.is_set, timeout=PATIENCE)
    close(program, qtbot)
    assert ended


def test_an_empty_log_offers_to_start_the_line(start: Start, qtbot: QtBot) -> None:
    program = start()
    program.window.show_page(Page.LOG)
    page = program.window.findChild(LogPage)
    page.findChild(FilterBar).choose(Choice(Period.ALL))
    qtbot.waitUntil(lambda: "The log is empty" in texts(page), timeout=PATIENCE)
    assert button(page, "Start line").isEnabled()
