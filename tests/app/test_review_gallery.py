"""Marking many in the gallery, and editing the defect classes, in the program's window."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox, QLineEdit, QListView, QPushButton
from pytestqt.qtbot import QtBot

from almrr_core.types import DefectClass, Label
from app.compose import Program
from app.views.defect_classes import DefectClassesDialog
from app.views.review_gallery import Gallery
from app.views.review_page import ReviewPage
from app.views.review_say import SayPanel
from tests.app.conftest import PATIENCE
from tests.app.test_review_page import here, labels, page, press, program, review, seen, settle

__all__ = ["program"]


def button(parent: ReviewPage | SayPanel | Gallery | DefectClassesDialog, start: str) -> QPushButton:
    return next(one for one in parent.findChildren(QPushButton) if one.text().startswith(start))


def tiles(program: Program) -> QListView:
    return program.window.findChild(Gallery).findChild(QListView)


def click(program: Program, at: int, qtbot: QtBot, key: Qt.KeyboardModifier) -> None:
    place = tiles(program).visualRect(tiles(program).model().index(at, 0)).center()
    qtbot.mouseClick(tiles(program).viewport(), Qt.MouseButton.LeftButton, key, place)


def test_many_are_marked_good_at_once(program: Program, qtbot: QtBot) -> None:
    ids = [row.inspection_id for row in review(program).rows]
    button(page(program), "Gallery").click()
    assert tiles(program).isVisible()
    qtbot.keyClick(program.window, Qt.Key.Key_G)  # nothing is selected
    click(program, 0, qtbot, Qt.KeyboardModifier.NoModifier)
    click(program, 2, qtbot, Qt.KeyboardModifier.ShiftModifier)
    click(program, 4, qtbot, Qt.KeyboardModifier.ControlModifier)
    mark = button(program.window.findChild(Gallery), "Mark")
    assert mark.text() == "Mark 4 as good (G)"
    qtbot.mouseClick(mark, Qt.MouseButton.LeftButton)
    settle(program, qtbot)
    said = [[one.label for one in labels(program, one_id)] for one_id in ids]
    assert said == [[Label.GOOD]] * 3 + [[], [Label.GOOD], []]
    assert program.store is not None
    assert len(program.store.samples("weave")) == 4
    assert review(program).progress.done == 4


def test_a_double_click_opens_one(program: Program, qtbot: QtBot) -> None:
    wanted = review(program).rows[3].inspection_id
    button(page(program), "Gallery").click()
    place = tiles(program).visualRect(tiles(program).model().index(3, 0)).center()
    qtbot.mouseClick(tiles(program).viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(tiles(program).viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: seen(program) and here(program) == wanted, timeout=PATIENCE)
    assert not tiles(program).isVisible()


def test_classes_are_edited_and_their_keys_work(program: Program, qtbot: QtBot) -> None:
    first = here(program)
    button(program.window.findChild(SayPanel), "Edit").click()
    dialog = page(program).findChild(DefectClassesDialog)
    button(dialog, "Add").click()
    save = dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Save)
    field = dialog.findChildren(QLineEdit)[-1]
    qtbot.keyClicks(field, "hole")
    assert not save.isEnabled()  # two of one name
    field.clear()
    qtbot.keyClicks(field, "stain")
    qtbot.mouseClick(save, Qt.MouseButton.LeftButton)
    settle(program, qtbot, lambda: len(review(program).classes) == 2)
    assert review(program).classes == (
        DefectClass("hole", "#D55E00", "1"),
        DefectClass("stain", "#56B4E9", "2"),
    )
    qtbot.waitUntil(lambda: page(program).findChild(DefectClassesDialog) is None, timeout=PATIENCE)
    program.window.activateWindow()
    qtbot.waitUntil(program.window.isActiveWindow, timeout=PATIENCE)
    page(program)._take_focus()
    press(program, qtbot, Qt.Key.Key_2)
    settle(program, qtbot)
    assert [(one.label, one.defect_class) for one in labels(program, first)] == [(Label.BAD, "stain")]
