"""Review of more flagged parts than one page of the log: scrolling brings them, and all can be selected."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QListView
from pytestqt.qtbot import QtBot

from almrr_core.errors import ErrorCode, StationError
from almrr_core.settings import load_settings, save_settings
from almrr_core.store.store import Store
from almrr_core.types import Label, LogFilter, Verdict
from app.compose import Program
from app.services.review_pages import PAGE
from app.views import review_gallery
from app.views.pages import Page
from app.views.review_gallery import Gallery
from app.views.review_queue import QueuePanel
from tests.app.conftest import PATIENCE, Start
from tests.app.log_material import prepare, record
from tests.app.test_review_gallery import button
from tests.app.test_review_page import page, review, settle

FLAGGED = 4 * PAGE
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def program(start: Start, data_dir: Path, qtbot: QtBot) -> Program:
    with closing(Store.open(data_dir)) as store:
        recipe = prepare(store)["weave"]
        begin = datetime.now(UTC) - timedelta(hours=1)
        store.record_all(record(8 * n + 1, begin + timedelta(seconds=n), recipe) for n in range(FLAGGED))
    settings, _ = load_settings(data_dir)
    save_settings(data_dir, replace(settings, product="weave"))
    started = start()
    started.window.resize(1366, 768)
    started.window.go(Page.REVIEW)
    settle(started, qtbot, lambda: bool(review(started).rows))
    assert len(review(started).rows) == PAGE
    return started


def gallery(program: Program) -> Gallery:
    found = program.window.findChild(Gallery)
    assert found is not None
    return found


def scroll(program: Program, view: QListView, qtbot: QtBot) -> None:
    """Scroll to the end until there is nothing more; the place in the queue stays."""
    for pages in (2, 3, 4):
        view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
        qtbot.waitUntil(lambda wanted=pages: len(review(program).rows) == wanted * PAGE, timeout=PATIENCE)
        settle(program, qtbot)
    assert review(program).at == 0
    assert len({row.inspection_id for row in review(program).rows}) == FLAGGED


def test_scrolling_the_queue_brings_all_of_it(program: Program, qtbot: QtBot) -> None:
    scroll(program, program.window.findChild(QueuePanel).findChild(QListView), qtbot)


def test_scrolling_the_gallery_brings_all_of_it(program: Program, qtbot: QtBot) -> None:
    button(page(program), "Gallery").click()
    settle(program, qtbot)
    assert len(review(program).rows) == PAGE
    scroll(program, gallery(program).findChild(QListView), qtbot)


def test_all_that_nobody_said_anything_of_is_selected(program: Program, qtbot: QtBot) -> None:
    review(program).say(Label.BAD)
    button(page(program), "Gallery").click()
    goes_on = threading.Event()
    program.tasks.run(goes_on.wait, database=True)  # the log answers late, the window does not wait
    select = button(gallery(program), "Select unlabelled")
    qtbot.mouseClick(select, LEFT)
    assert not gallery(program).selected
    goes_on.set()
    qtbot.waitUntil(lambda: bool(gallery(program).selected), timeout=PATIENCE)
    assert len(gallery(program).selected) == FLAGGED - 1
    qtbot.mouseClick(button(gallery(program), "Mark 1199 as good"), LEFT)
    settle(program, qtbot)
    assert program.store is not None
    said = [program.store.count(LogFilter(labels=(label,))) for label in (Label.BAD, Label.GOOD)]
    assert said == [1, FLAGGED - 1]
    qtbot.waitUntil(lambda: review(program).progress.left == 0, timeout=PATIENCE)


def test_more_than_can_be_marked_at_once_says_so(
    program: Program, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_gallery, "MOST", 2 * PAGE + 50)
    button(page(program), "Gallery").click()
    qtbot.mouseClick(button(gallery(program), "Select unlabelled"), LEFT)
    qtbot.waitUntil(lambda: len(gallery(program).selected) == 2 * PAGE + 50, timeout=PATIENCE)
    hints = [one.text() for one in gallery(program).findChildren(QLabel)]
    assert "650 selected, there are more: mark these, then select again." in hints


def test_rows_that_cannot_be_read_are_asked_for_again(
    program: Program, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Store.page

    def locked(*_asked: object) -> None:
        raise StationError(ErrorCode.LOG_LOCKED, "The log is locked.", "Close what else reads it.")

    monkeypatch.setattr(Store, "page", locked)
    asked, said = review(program), list[str]()
    program.faults.noticed.connect(lambda notice: said.append(notice.sentence))
    asked.fetch_more()
    settle(program, qtbot, lambda: "The log is locked." in said)
    assert len(asked.rows) == PAGE and asked.more and not asked.fetching
    monkeypatch.setattr(Store, "page", read)
    asked.fetch_more()
    settle(program, qtbot, lambda: len(asked.rows) == 2 * PAGE)
    assert {row.verdict for row in asked.rows} == {Verdict.FAIL}
