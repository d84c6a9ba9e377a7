"""The window from its opening to its end, with the real log, the real line and a real, tiny model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QMessageBox, QToolButton
from pytestqt.qtbot import QtBot

from almrr_core.settings import ThemeName
from almrr_core.store.store import Store
from almrr_core.types import Action, Counts, LogFilter, LogOrder, Shown
from app.compose import Program
from app.services.station import Station
from app.theme import DARK, tokens
from app.views.notices import BugDialog, FaultBar
from app.views.pages import PAGES, Page
from tests.app.conftest import PATIENCE, Start, close


def station_of(program: Program) -> Station:
    assert program.station is not None
    return program.station


def run_until(program: Program, qtbot: QtBot, parts: int) -> list[Shown]:
    """Run the demo line until so many parts were shown."""
    shown: list[Shown] = []
    station_of(program).showed.connect(shown.append)
    qtbot.waitUntil(lambda: len(shown) >= parts, timeout=PATIENCE)
    station_of(program).showed.disconnect(shown.append)
    return shown


def test_the_window_stands_before_anything_heavy_is_loaded() -> None:
    code = """
import sys
from app.compose import make_application
from app.services.faults import Faults
from app.views.main_window import MainWindow
from pathlib import Path
make_application()
window = MainWindow(Faults(Path("x")))
window.show()
print({"torch", "sqlalchemy", "numba", "pyqtgraph"} & set(sys.modules))
"""
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.stdout.strip() == "set()", done.stdout + done.stderr


def test_the_demo_line_shows_what_is_logged(start: Start, qtbot: QtBot, data_dir: Path) -> None:
    program = start(demo=True)
    shown = run_until(program, qtbot, 8)
    station = station_of(program)
    assert station.running
    assert [one.number for one in shown] == sorted({one.number for one in shown})
    assert program.window.page is Page.INSPECT
    station.stop()
    qtbot.waitUntil(lambda: not station.active, timeout=PATIENCE)
    counts, truth = station.counts_since_reset, station.simulated_truth
    assert counts == station.shift_counts
    assert counts.total == station.status.inspected == station.status.recorded
    assert truth is not None
    assert truth.good + truth.caught + truth.escaped == counts.inspected
    close(program, qtbot)
    store = Store.open(data_dir)
    rows = store.page(LogFilter(), LogOrder.NEWEST, None, 1000)
    assert store.tally(LogFilter()) == counts
    store.close()
    logged = {row.inspection_id: row for row in rows}
    assert all(logged[one.inspection_id].part_id == one.record.request.part_id for one in shown)
    assert not list(data_dir.rglob("*.tmp"))


def test_stop_and_start_and_the_counters_go_on(start: Start, qtbot: QtBot) -> None:
    program = start(demo=True)
    run_until(program, qtbot, 3)
    station = station_of(program)
    station.stop()
    qtbot.waitUntil(lambda: not station.active, timeout=PATIENCE)
    before = station.counts_since_reset.total
    station.start()
    run_until(program, qtbot, 3)
    assert station.counts_since_reset.total > before
    station.reset_counts()
    qtbot.waitUntil(lambda: station.counts_since_reset.total < before, timeout=PATIENCE)
    assert station.shift_counts.total > before


def test_counters_survive_a_restart(start: Start, qtbot: QtBot) -> None:
    first = start(demo=True)
    run_until(first, qtbot, 3)
    station_of(first).reset_counts()
    run_until(first, qtbot, 3)
    station_of(first).stop()
    qtbot.waitUntil(lambda: not station_of(first).active, timeout=PATIENCE)
    counts = station_of(first).counts_since_reset, station_of(first).shift_counts
    reset_at = station_of(first).reset_at
    close(first, qtbot)
    again = station_of(start())
    assert (again.counts_since_reset, again.shift_counts, again.reset_at) == (*counts, reset_at)
    assert counts[0] != Counts()


def test_limits_apply_from_the_next_part_on(start: Start, qtbot: QtBot) -> None:
    program = start(demo=True)
    run_until(program, qtbot, 3)
    station = station_of(program)
    assert station.recipe is not None
    version = station.recipe.version
    assert program.recipes is not None
    limits = station.recipe.limits
    qtbot.waitUntil(lambda: program.recipes.what_if(limits).total > 0, timeout=PATIENCE)
    lowest = min(program.recipes.recent_scores)
    wanted = type(limits)(lowest - 2, lowest - 1, limits.pixel, limits.min_area)
    would = program.recipes.what_if(wanted)
    assert (would.fail, would.passed) == (would.total, 0)
    with qtbot.waitSignal(program.recipes.applied, timeout=PATIENCE):
        program.recipes.apply(wanted, "everything fails")
    assert station.recipe.version == version + 1
    qtbot.waitUntil(lambda: station.counts_since_reset.fail > 0, timeout=PATIENCE)
    shown = run_until(program, qtbot, 3)[-1]
    assert (shown.record.recipe.limits, shown.record.verdict.value) == (wanted, "FAIL")
    assert program.store is not None
    assert program.store.events(10)[0].action in (Action.RECIPE_APPLIED, Action.LINE_STARTED)


def test_every_page_by_key_and_the_theme_by_settings(start: Start, qtbot: QtBot) -> None:
    program = start()
    window, station = program.window, station_of(program)
    for number, page in enumerate(window.pages, 1):
        qtbot.keyClick(window, getattr(Qt.Key, f"Key_{number}"), Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda page=page: window.page is page)
        button = next(one for one in window.findChildren(QToolButton) if one.text() == PAGES[page].word)
        assert button.isChecked()
        assert min(button.width(), button.height()) >= 44
        assert button.toolTip()
    station.change_settings(replace(station.settings, theme=ThemeName.DARK))
    assert tokens() is DARK


def test_the_operator_sees_nothing_else(start: Start, qtbot: QtBot) -> None:
    window = start().window
    window.go(Page.LOG)
    qtbot.keyClick(window, Qt.Key.Key_F11)
    qtbot.waitUntil(lambda: window.page is Page.INSPECT and window.isFullScreen())
    assert not any(
        button.isVisible() for button in window.findChildren(QToolButton) if button.text() == "Log"
    )
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not window.isFullScreen())
    assert any(button.isVisible() for button in window.findChildren(QToolButton) if button.text() == "Log")


def test_the_operators_view_is_not_what_the_next_start_begins_with(start: Start, qtbot: QtBot) -> None:
    first = start()
    first.window.resize(1100, 700)
    qtbot.keyClick(first.window, Qt.Key.Key_F11)
    qtbot.waitUntil(first.window.isFullScreen)
    first.window.close()
    qtbot.waitUntil(lambda: first.window.over, timeout=PATIENCE)
    close(first, qtbot)
    window = start().window
    assert not window.isFullScreen()
    assert window.height() == 700
    qtbot.keyClick(window, Qt.Key.Key_F11)
    qtbot.waitUntil(window.isFullScreen)
    assert not any(one.isVisible() for one in window.findChildren(QToolButton) if one.text() == "Log")
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not window.isFullScreen())


def test_closing_asks_while_the_line_runs_and_remembers_the_page(
    start: Start, qtbot: QtBot, data_dir: Path
) -> None:
    program = start(demo=True)
    run_until(program, qtbot, 2)
    window = program.window
    window.go(Page.LOG)
    window.close()
    box = next(iter(window.findChildren(QMessageBox)))
    assert box.isVisible()
    assert window.isVisible()
    next(one for one in box.buttons() if box.buttonRole(one) is QMessageBox.ButtonRole.RejectRole).click()
    qtbot.waitUntil(lambda: not window.findChildren(QMessageBox) or not box.isVisible())
    assert station_of(program).running
    window.close()
    box = next(one for one in window.findChildren(QMessageBox) if one.isVisible())
    next(one for one in box.buttons() if box.buttonRole(one) is QMessageBox.ButtonRole.AcceptRole).click()
    qtbot.waitUntil(lambda: window.over, timeout=PATIENCE)
    program.end()
    assert json.loads((data_dir / "settings.json").read_text())["layout"].startswith("log:")
    store = Store.open(data_dir)
    assert store.events(1)[0].action == Action.LINE_STOPPED
    store.close()


def test_the_second_station_on_a_folder_is_refused(start: Start, qtbot: QtBot) -> None:
    start()
    second = start(furnished=False)
    qtbot.waitUntil(
        lambda: "already" in second.window.refusal or bool(second.window.refusal), timeout=PATIENCE
    )
    assert second.window.refusal.endswith(".")
    assert second.window.page is None


def test_broken_settings_are_kept_aside_and_said(start: Start, qtbot: QtBot, data_dir: Path) -> None:
    (data_dir / "settings.json").write_text("{broken", encoding="utf-8")
    program = start()
    bar = program.window.findChild(FaultBar)
    assert bar is not None
    assert bar.isVisible()
    assert "settings" in bar.sentence
    assert len(list(data_dir.glob("settings.json.broken-*"))) == 1
    bar.press()
    assert not bar.isVisible()
    qtbot.wait(0)


def test_a_bug_shows_where_its_log_is(start: Start, qtbot: QtBot, data_dir: Path) -> None:
    program = start()

    def break_down() -> None:
        raise ZeroDivisionError("a bug")

    program.tasks.run(break_down)
    qtbot.waitUntil(lambda: bool(program.window.findChildren(BugDialog)), timeout=PATIENCE)
    dialog = program.window.findChildren(BugDialog)[0]
    assert str(data_dir / "logs" / "station.log") in dialog.informativeText()
    program.tasks.run(break_down)  # one dialog is enough
    qtbot.waitUntil(lambda: not program.tasks.pending, timeout=PATIENCE)
    assert len(program.window.findChildren(BugDialog)) == 1
    dialog.close()
    QTimer.singleShot(0, break_down)  # in a slot of Qt, with pyqtgraph's own hook in between
    qtbot.waitUntil(lambda: any(one.isVisible() for one in program.window.findChildren(BugDialog)))
    next(one for one in program.window.findChildren(BugDialog) if one.isVisible()).close()


def test_keys_do_not_reach_what_is_not_there(qapp: QApplication, start: Start, qtbot: QtBot) -> None:
    program = start(furnished=False)
    qapp.sendEvent(
        program.window, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_F11, Qt.KeyboardModifier.NoModifier)
    )
    assert not program.window.isFullScreen()
    qtbot.waitUntil(lambda: program.station is not None, timeout=PATIENCE)


@pytest.mark.parametrize("size", [(1366, 768), (1024, 640)])
def test_it_fits_small_screens(start: Start, qtbot: QtBot, size: tuple[int, int]) -> None:
    window = start().window
    window.resize(*size)
    for page in window.pages:
        window.go(page)
        qtbot.wait(1)
        assert (window.width(), window.height()) == size, page
