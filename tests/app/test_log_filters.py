"""The log's chips and their dialogs, by real keys and clicks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtCore import QDateTime, Qt
from PySide6.QtWidgets import QApplication, QDateTimeEdit, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from almrr_core.types import Counts, Verdict
from app.views.log_choice import Choice, LabelChoice, Period
from app.views.log_filter_dialogs import RangeDialog, ScoreDialog
from app.views.log_filters import FilterBar, MenuChip, VerdictChips
from tests.app.conftest import PATIENCE


@pytest.fixture
def bar(qtbot: QtBot) -> FilterBar:
    made = FilterBar()
    qtbot.addWidget(made)
    made.offer(("tile", "weave & co"), ("camera-1",))
    made.show()
    return made


def chip(bar: FilterBar, name: str) -> MenuChip:
    return next(one for one in bar.findChildren(MenuChip) if one.accessibleName() == name)


def press(one: MenuChip, text: str) -> None:
    """Choose an entry of a chip's menu."""
    next(action for action in one.menu().actions() if action.text() == text).trigger()


def dialog_of(kind: type[RangeDialog] | type[ScoreDialog]) -> RangeDialog | ScoreDialog:
    return next(one for one in QApplication.topLevelWidgets() if isinstance(one, kind) and one.isVisible())


def show_of(dialog: RangeDialog | ScoreDialog) -> QPushButton:
    return next(one for one in dialog.findChildren(QPushButton) if one.text() == "Show")


def test_each_chip_says_what_it_restricts(bar: FilterBar) -> None:
    press(chip(bar, "Time"), "Last hour")
    press(chip(bar, "Product"), "weave && co")
    press(chip(bar, "Source"), "camera-1")
    press(chip(bar, "Label"), "Label disagrees with verdict")
    wanted = Choice(Period.HOUR, product="weave & co", source_id="camera-1", label=LabelChoice.DISAGREES)
    assert bar.choice == wanted
    assert all(chip(bar, name).isChecked() for name in ("Time", "Product", "Source", "Label"))
    assert not chip(bar, "Score").isChecked()
    assert chip(bar, "Product").text() == "weave && co"
    press(chip(bar, "Product"), "All products")
    assert bar.choice.product == ""
    assert not chip(bar, "Product").isChecked()


def test_typing_asks_once_and_return_at_once(bar: FilterBar, qtbot: QtBot) -> None:
    heard: list[Choice] = []
    bar.changed.connect(heard.append)
    field = bar.findChild(QLineEdit)
    assert field is not None
    qtbot.keyClicks(field, "P-17")
    qtbot.waitUntil(lambda: bool(heard), timeout=PATIENCE)
    assert [one.text for one in heard] == ["P-17"]
    qtbot.keyClicks(field, "0")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert [one.text for one in heard] == ["P-17", "P-170"]


def test_clear_keeps_the_time(bar: FilterBar, qtbot: QtBot) -> None:
    bar.choose(Choice(Period.TODAY, text="x", least_score=1.0))
    clear = next(one for one in bar.children() if getattr(one, "text", str)() == "Clear")
    qtbot.mouseClick(clear, Qt.MouseButton.LeftButton)
    assert bar.choice == Choice(Period.TODAY)
    assert bar.findChild(QLineEdit).text() == ""


def test_a_score_range(bar: FilterBar, qtbot: QtBot) -> None:
    press(chip(bar, "Score"), "Score range…")
    dialog = dialog_of(ScoreDialog)
    least, most = dialog.findChildren(QLineEdit)
    assert not show_of(dialog).isEnabled()
    qtbot.keyClicks(least, "abc")
    assert not show_of(dialog).isEnabled()
    least.clear()
    qtbot.keyClicks(least, "3")
    qtbot.keyClicks(most, "2.5")
    assert not show_of(dialog).isEnabled()
    least.clear()
    least.insert("−1,5")  # pasted: key events of the test kit are ASCII
    qtbot.mouseClick(show_of(dialog), Qt.MouseButton.LeftButton)
    assert (bar.choice.least_score, bar.choice.most_score) == (-1.5, 2.5)
    assert chip(bar, "Score").text() == "Score −1.50 to 2.50"
    press(chip(bar, "Score"), "Any score")
    assert bar.choice.least_score is None


def test_a_custom_time(bar: FilterBar, qtbot: QtBot) -> None:
    press(chip(bar, "Time"), "Custom range…")
    dialog = dialog_of(RangeDialog)
    since, _until = dialog.findChildren(QDateTimeEdit)
    since.setDateTime(QDateTime.currentDateTime().addDays(2))
    assert not show_of(dialog).isEnabled()
    since.setDateTime(QDateTime.currentDateTime().addDays(-3))
    qtbot.mouseClick(show_of(dialog), Qt.MouseButton.LeftButton)
    assert bar.choice.period is Period.CUSTOM
    assert bar.choice.since is not None
    assert abs(datetime.now(UTC) - timedelta(days=3) - bar.choice.since) < timedelta(minutes=5)
    assert bar.choice.until is not None


def test_giving_up_a_dialog_changes_nothing(bar: FilterBar, qtbot: QtBot) -> None:
    press(chip(bar, "Time"), "Custom range…")
    qtbot.keyClick(dialog_of(RangeDialog), Qt.Key.Key_Escape)
    assert bar.choice == Choice()
    assert chip(bar, "Time").text() == "Last 7 days"


def test_counts_are_chips(qtbot: QtBot) -> None:
    chips = VerdictChips()
    qtbot.addWidget(chips)
    chips.show()
    chips.show_counts(Counts(4100, 22, 31, 1))
    buttons = chips.findChildren(QPushButton)
    assert [one.text() for one in buttons] == ["PASS  4,100", "REVIEW  22", "FAIL  31", "NOT INSPECTED  1"]
    heard: list[frozenset[Verdict]] = []
    chips.changed.connect(heard.append)
    qtbot.mouseClick(buttons[2], Qt.MouseButton.LeftButton)
    qtbot.keyClick(buttons[1], Qt.Key.Key_Space)
    qtbot.mouseClick(buttons[2], Qt.MouseButton.LeftButton)
    fail, review = frozenset({Verdict.FAIL}), frozenset({Verdict.REVIEW})
    assert heard == [fail, fail | review, review]
