"""Review without a mouse: Tab reaches buttons and boxes, and the one with the focus has its own keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from almrr_core.types import Label, LogOrder
from app.compose import Program
from app.views.review_queue import QueuePanel
from tests.app.test_review_page import here, labels, picture, press, program, review, settle

__all__ = ["program"]


def tab_to(program: Program, name: str, qtbot: QtBot) -> QWidget:
    """Press Tab until the widget of this text or accessible name has the focus."""
    for _ in range(60):
        qtbot.keyClick(QApplication.focusWidget() or program.window, Qt.Key.Key_Tab)
        found = QApplication.focusWidget()
        text = found.text() if isinstance(found, QPushButton) else found.accessibleName()
        if text.startswith(name):
            return found
    raise AssertionError(f"Tab does not reach {name}")


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_the_button_with_the_focus_is_pressed_by_keys(program: Program, qtbot: QtBot, key: Qt.Key) -> None:
    first, heat = here(program), picture(program).heat.isChecked()
    qtbot.keyClick(tab_to(program, "Bad", qtbot), key)
    settle(program, qtbot)
    assert [one.label for one in labels(program, first)] == [Label.BAD]
    assert picture(program).heat.isChecked() == heat
    qtbot.keyClick(tab_to(program, "Undo", qtbot), key)
    settle(program, qtbot)
    assert [one.withdrawn for one in labels(program, first)] == [False, True]
    assert here(program) == first


def test_a_box_with_the_focus_is_changed_by_arrows(program: Program, qtbot: QtBot) -> None:
    first = here(program)
    qtbot.keyClick(tab_to(program, "Order", qtbot), Qt.Key.Key_Down)
    settle(program, qtbot)
    assert review(program).wanted.order is LogOrder.WORST
    assert here(program) == first
    for name in ("Product", "What the queue holds", "Share of PASS parts"):
        assert tab_to(program, name, qtbot).isVisible()


def test_a_click_takes_no_focus_from_the_page(program: Program, qtbot: QtBot) -> None:
    """The offscreen platform opens no list below a box, so that its policy stands for the click."""
    for box in program.window.findChild(QueuePanel).findChildren(QComboBox):
        assert not box.focusPolicy() & Qt.FocusPolicy.ClickFocus
    first, heat = here(program), picture(program).heat.isChecked()
    press(program, qtbot, Qt.Key.Key_Space)
    assert picture(program).heat.isChecked() != heat
    press(program, qtbot, Qt.Key.Key_G)
    settle(program, qtbot)
    assert [one.label for one in labels(program, first)] == [Label.GOOD]
