"""A source on a network share that answers no more: no view waits for it, and late answers are no news."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from almrr_core.settings import SourceKind, SourceSettings, load_settings, save_settings
from app.views.pages import Page
from app.views.settings_page import SettingsPage
from app.views.source_form import SourceForm
from tests.app.conftest import PATIENCE, Start
from tests.app.test_settings_page import button, complaints, editor, retype, said, section, station_of
from tests.app.test_settings_sources import set_folder

LEFT = Qt.MouseButton.LeftButton


class DeadShare:
    """A folder about which the file system says nothing before `answer`, and who asked for it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.asked = folder, set[str]()
        self._answers, self._stat = threading.Event(), os.stat
        monkeypatch.setattr(os, "stat", self._ask)

    def answer(self) -> None:
        """Answer what was asked and what will be."""
        self._answers.set()

    def _ask(self, path: object, **how: bool) -> os.stat_result:
        if isinstance(path, str | Path) and str(path).startswith(str(self.folder)):
            self.asked.add(threading.current_thread().name)
            if threading.current_thread() is not threading.main_thread():
                self._answers.wait()
        return self._stat(path, **how)  # type: ignore[arg-type]


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeadShare]:
    made = DeadShare(tmp_path / "share", monkeypatch)
    yield made
    made.answer()


def opened(start: Start, data_dir: Path, share: DeadShare) -> SettingsPage:
    """Start a station whose line takes its pictures from the share, and show that source."""
    settings, _fault = load_settings(data_dir)
    source = SourceSettings("press", SourceKind.REPLAY, str(share.folder))
    save_settings(data_dir, replace(settings, sources=(source,), active_source="press"))
    program = start()
    program.window.show_page(Page.SETTINGS)
    page = program.window.findChild(SettingsPage)
    assert station_of(program).settings.source == source
    section(page, "Sources")
    return page


def test_the_page_works_while_a_share_does_not_answer(
    start: Start, data_dir: Path, share: DeadShare, qtbot: QtBot
) -> None:
    page = opened(start, data_dir, share)
    retype(editor(page, "Name"), "gate", qtbot)
    set_folder(page, "Folder", share.folder / "two", qtbot)
    qtbot.waitUntil(lambda: bool(share.asked), timeout=PATIENCE)
    assert complaints(page) == []
    qtbot.mouseClick(button(page, "Apply"), LEFT)
    assert "Everything here is in force." in said(page)
    set_folder(page, "Folder", share.folder / "three", qtbot)
    share.answer()
    qtbot.waitUntil(lambda: complaints(page) == ["This folder does not exist."], timeout=PATIENCE)
    assert not button(page, "Apply").isEnabled()
    assert threading.main_thread().name not in share.asked


def test_a_late_answer_says_nothing_of_another_folder(
    start: Start, data_dir: Path, share: DeadShare, tmp_path: Path, qtbot: QtBot
) -> None:
    page = opened(start, data_dir, share)
    form = next(one for one in page.findChildren(SourceForm) if one.isVisible())
    qtbot.waitUntil(lambda: bool(share.asked), timeout=PATIENCE)
    set_folder(page, "Folder", tmp_path, qtbot)
    heard: list[tuple[str, list[str]]] = []
    form.checked.connect(lambda source: heard.append((source.address, complaints(page))))
    share.answer()
    qtbot.waitUntil(lambda: bool(heard), timeout=PATIENCE)
    assert heard == [(str(tmp_path), [])]
    assert button(page, "Apply").isEnabled()
