"""Review in the program's window, over a real log, by real keys and clicks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from almrr_core.settings import load_settings, save_settings
from almrr_core.store.store import Store
from almrr_core.types import DefectClass, Label, LabelRow, LogFilter, LogOrder, Pool, Verdict
from app.compose import Program
from app.services.review import Review
from app.services.review_values import Show
from app.views.empty_state import EmptyState
from app.views.pages import Page
from app.views.review_bar import ReviewBar
from app.views.review_page import ReviewPage
from app.views.review_picture import ReviewPicture
from app.views.review_queue import QueuePanel
from app.views.review_say import SayPanel
from tests.app.conftest import PATIENCE, Start
from tests.app.log_material import ANNA, prepare, record

SIDE, PARTS = 64, 24  # of every eight parts one fails and one is to be reviewed


def write_log(folder: Path, parts: int = PARTS) -> None:
    with closing(Store.open(folder)) as store:
        recipe = prepare(store)["weave"]
        begin = datetime.now(UTC) - timedelta(hours=1)
        for number in range(parts):
            one = record(number, begin + timedelta(seconds=number), recipe, side=SIDE)
            picture = np.random.default_rng(number).integers(0, 255, (SIDE, SIDE), np.uint8)
            store.record(replace(one, frame=replace(one.frame, picture=picture)), keep_picture=True)
        store.set_defect_classes("weave", (DefectClass("hole", "#D55E00", "1"),), ANNA)
    settings, _ = load_settings(folder)
    save_settings(folder, replace(settings, product="weave"))


@pytest.fixture
def program(start: Start, data_dir: Path, qtbot: QtBot) -> Program:
    write_log(data_dir)
    started = start()
    started.window.resize(1366, 768)
    open_review(started, qtbot)
    return started


def open_review(program: Program, qtbot: QtBot) -> None:
    program.window.activateWindow()
    program.window.go(Page.REVIEW)
    qtbot.waitUntil(lambda: seen(program), timeout=PATIENCE)


def page(program: Program) -> ReviewPage:
    found = program.window.findChild(ReviewPage)
    assert found is not None
    return found


def review(program: Program) -> Review:
    found = program.findChild(Review)
    assert found is not None
    return found


def picture(program: Program) -> ReviewPicture:
    return program.window.findChild(ReviewPicture)


def seen(program: Program) -> bool:
    """Whether the picture of the part one is at is on the screen."""
    row = review(program).row
    return row is not None and picture(program).shown_id == row.inspection_id


def press(program: Program, qtbot: QtBot, *keys: Qt.Key) -> None:
    for key in keys:
        qtbot.waitUntil(lambda: seen(program), timeout=PATIENCE)
        qtbot.keyClick(program.window, key)


def here(program: Program) -> int:
    row = review(program).row
    assert row is not None
    return row.inspection_id


def labels(program: Program, inspection_id: int) -> tuple[LabelRow, ...]:
    assert program.store is not None
    return program.store.labels(inspection_id)


def settle(program: Program, qtbot: QtBot, true: Callable[[], bool] = bool) -> None:
    qtbot.waitUntil(lambda: program.tasks.pending == 0 and (true is bool or true()), timeout=PATIENCE)


def test_keys_label_and_go_on_by_themselves(program: Program, qtbot: QtBot) -> None:
    flagged = review(program).rows
    assert [row.verdict in (Verdict.FAIL, Verdict.REVIEW) for row in flagged] == [True] * 6
    assert [row.at for row in flagged] == sorted((row.at for row in flagged), reverse=True)
    press(program, qtbot, Qt.Key.Key_G, Qt.Key.Key_B, Qt.Key.Key_U, Qt.Key.Key_1)
    settle(program, qtbot)
    said = [labels(program, row.inspection_id) for row in flagged]
    assert [[(one.label, one.defect_class) for one in of] for of in said] == [
        *([(label, "")] for label in (Label.GOOD, Label.BAD, Label.UNSURE)),
        [(Label.BAD, "hole")],
        [],
        [],
    ]
    assert all(one.actor and one.at.tzinfo for of in said for one in of)
    assert here(program) == flagged[4].inspection_id
    qtbot.waitUntil(lambda: review(program).progress.left == 2, timeout=PATIENCE)
    assert review(program).progress.done == 4


def test_labels_feed_the_pools(program: Program, qtbot: QtBot) -> None:
    good, bad = (row.inspection_id for row in review(program).rows[:2])
    press(program, qtbot, Qt.Key.Key_G, Qt.Key.Key_B)
    settle(program, qtbot)
    assert program.store is not None
    samples = {one.inspection_id: one for one in program.store.samples("weave")}
    assert samples[good].label is Label.GOOD
    assert (samples[bad].label, samples[bad].pool) == (Label.BAD, Pool.ACCEPTANCE)
    qtbot.keyClick(program.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settle(program, qtbot)
    assert [one.inspection_id for one in program.store.samples("weave")] == [good]


def test_undo_goes_back_and_appends(program: Program, qtbot: QtBot) -> None:
    first = here(program)
    press(program, qtbot, Qt.Key.Key_G)
    qtbot.keyClick(program.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settle(program, qtbot, lambda: seen(program))
    assert here(program) == first
    assert review(program).row is not None and review(program).row.label is None
    assert [(one.label, one.withdrawn) for one in labels(program, first)] == [
        (Label.GOOD, False),
        (Label.GOOD, True),
    ]
    assert not review(program).can_undo
    press(program, qtbot, Qt.Key.Key_B, Qt.Key.Key_Left, Qt.Key.Key_G)
    qtbot.keyClick(program.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settle(program, qtbot)
    assert program.store is not None
    assert program.store.detail(first).row.label is Label.BAD  # the word before counts again
    assert review(program).rows[0].label is Label.BAD


def test_arrows_only_move_and_enter_finds_the_next_open(program: Program, qtbot: QtBot) -> None:
    rows = review(program).rows
    press(program, qtbot, Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left)
    assert review(program).at == 1
    press(program, qtbot, Qt.Key.Key_G)
    assert review(program).at == 2
    press(program, qtbot, Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Return)
    assert review(program).at == 2  # 1 has its label
    settle(program, qtbot)
    assert [bool(labels(program, row.inspection_id)) for row in rows] == [False, True, *[False] * 4]


def test_auto_advance_can_be_switched_off(program: Program, qtbot: QtBot) -> None:
    bar = program.window.findChild(ReviewBar)
    bar.advance.click()
    first = here(program)
    press(program, qtbot, Qt.Key.Key_G)
    settle(program, qtbot)
    assert here(program) == first
    said = program.window.findChild(SayPanel).findChildren(QPushButton)
    assert next(one for one in said if one.text().startswith("Good")).isChecked()


def test_space_switches_the_heat_map(program: Program, qtbot: QtBot) -> None:
    heat = picture(program).heat
    assert heat.isChecked()
    press(program, qtbot, Qt.Key.Key_Space)
    assert not heat.isChecked()
    press(program, qtbot, Qt.Key.Key_Space)
    assert heat.isChecked()


def test_a_note_waits_for_its_label(program: Program, qtbot: QtBot) -> None:
    first = here(program)
    press(program, qtbot, Qt.Key.Key_N)
    field = program.window.findChild(SayPanel).findChild(QLineEdit)
    assert field.hasFocus()
    qtbot.keyClicks(field, "big gob")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert not field.hasFocus() and here(program) == first
    press(program, qtbot, Qt.Key.Key_B)
    settle(program, qtbot)
    assert [(one.label, one.note) for one in labels(program, first)] == [(Label.BAD, "big gob")]
    assert field.text() == ""


def test_worst_first_a_share_of_pass_and_disagreement(program: Program, qtbot: QtBot) -> None:
    queue, asked = program.window.findChild(QueuePanel), review(program)
    queue._order.setCurrentIndex(queue._order.findData(LogOrder.WORST.value))
    settle(program, qtbot)
    assert [row.score for row in asked.rows] == [3.0] * 3 + [2.0] * 3
    queue._passes.setCurrentIndex(queue._passes.findData(100))
    settle(program, qtbot)
    assert {row.verdict for row in asked.rows} == {Verdict.FAIL, Verdict.REVIEW, Verdict.PASS}
    asked.go(len(asked.rows) - 1)  # a PASS
    press(program, qtbot, Qt.Key.Key_B)  # an escape
    asked.go(0)
    press(program, qtbot, Qt.Key.Key_G)  # a false reject
    qtbot.waitUntil(
        lambda: (asked.progress.escapes, asked.progress.false_rejects) == (1, 1), timeout=PATIENCE
    )
    bar = program.window.findChild(ReviewBar)
    next(one for one in bar.findChildren(QPushButton) if one.text().startswith("Escapes 1")).click()
    settle(program, qtbot, lambda: len(asked.rows) == 2)
    assert asked.wanted.show is Show.DISAGREES
    assert {(row.verdict, row.label) for row in asked.rows} == {
        (Verdict.PASS, Label.BAD),
        (Verdict.FAIL, Label.GOOD),
    }


def test_the_sample_of_pass_is_fixed(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path)) as store:
        recipe = prepare(store)["weave"]
        now = datetime.now(UTC)
        store.record_all(record(8 * n, now + timedelta(seconds=n), recipe) for n in range(400))
        counts = [store.count(LogFilter(pass_percent=share)) for share in (0, 5, 50, 100)]
        rows = store.page(LogFilter(pass_percent=5), LogOrder.OLDEST, None, 100)
    assert counts == [0, 20, 200, 400]
    assert np.diff([row.inspection_id for row in rows]).max() <= 41


def test_when_all_is_said_the_page_says_so(program: Program, qtbot: QtBot) -> None:
    press(program, qtbot, *[Qt.Key.Key_G] * 6)
    settle(program, qtbot)
    assert program.store is not None
    open_ones = LogFilter(verdicts=(Verdict.FAIL, Verdict.REVIEW), unlabelled=True)
    assert program.store.count(open_ones) == 0
    page(program)._look_again()
    settle(program, qtbot, lambda: not review(program).rows)
    assert any(one.isVisible() for one in page(program).findChildren(EmptyState))
    qtbot.keyClick(program.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settle(program, qtbot, lambda: len(review(program).rows) == 1)
    assert program.store.count(open_ones) == 1


def test_without_a_product_it_says_what_will_be_here(start: Start, qtbot: QtBot) -> None:
    program = start()
    program.window.go(Page.REVIEW)
    empty = [one for one in page(program).findChildren(EmptyState) if one.isVisible()]
    assert len(empty) == 1
    qtbot.keyClick(program.window, Qt.Key.Key_G)  # harmless
    assert not review(program).can_undo
