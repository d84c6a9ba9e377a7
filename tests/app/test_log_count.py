"""The log's count and what hangs on it: nothing is exported that was not counted, and a fault is said."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store.store import Store
from app.compose import Program
from app.views.log_export import ExportMenu
from app.views.log_filters import VerdictChips
from app.views.log_page import LogPage
from tests.app.conftest import PATIENCE
from tests.app.test_log_page import page, program, texts

__all__ = ["page", "program"]


def exports(page: LogPage) -> list[QAction]:
    return [one for one in page.findChild(ExportMenu).menu().actions() if ": " in one.text()]


def test_nothing_is_exported_before_the_filter_is_counted(
    page: LogPage, program: Program, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: all(one.isEnabled() for one in exports(page)), timeout=PATIENCE)
    assert len(exports(page)) == 2
    goes_on = threading.Event()
    program.tasks.run(goes_on.wait, database=True)  # the log answers late
    fail = page.findChild(VerdictChips).findChildren(QPushButton)[2]
    qtbot.mouseClick(fail, Qt.MouseButton.LeftButton)
    assert not any(one.isEnabled() for one in exports(page))
    assert not any("2,000" in one.text() for one in exports(page))
    goes_on.set()
    qtbot.waitUntil(lambda: all(one.isEnabled() for one in exports(page)), timeout=PATIENCE)
    assert all(f"{fail.text().split()[-1]} inspections" in one.text() for one in exports(page))


def test_what_cannot_be_counted_says_so(
    page: LogPage, program: Program, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    qtbot.waitUntil(lambda: not program.tasks.pending, timeout=PATIENCE)
    count = Store.tally

    def locked(*_asked: object) -> None:
        raise StationError(ErrorCode.LOG_LOCKED, "The log is locked.", "Close what else reads it.")

    monkeypatch.setattr(Store, "tally", locked)
    page.reload()
    qtbot.waitUntil(lambda: "Not counted" in texts(page), timeout=PATIENCE)
    assert "The log is locked. Close what else reads it." in texts(page)
    assert not any(one.isEnabled() for one in exports(page))
    monkeypatch.setattr(Store, "tally", count)
    page.reload()
    qtbot.waitUntil(lambda: "2,000 inspections" in texts(page), timeout=PATIENCE)
    assert all(one.isEnabled() for one in exports(page))
