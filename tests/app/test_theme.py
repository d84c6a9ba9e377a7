"""Colours can be read, icons are drawn offline, and the whole window follows a change of theme."""

from __future__ import annotations

import re

import pytest
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QPushButton, QSpinBox
from pytestqt.qtbot import QtBot

from almrr_core.types import Verdict
from app.theme import (
    DARK,
    LIGHT,
    STYLE,
    VERDICT_LOOK,
    Icon,
    Role,
    Tokens,
    apply_theme,
    contrast,
    icon,
    set_role,
    stylesheet,
    theme,
    tokens,
)

BOTH = pytest.mark.parametrize("of", [LIGHT, DARK], ids=["light", "dark"])


def grounds(of: Tokens) -> tuple[str, ...]:
    return of.window, of.surface, of.raised, of.field


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@BOTH
def test_text_can_be_read_on_every_ground(of: Tokens) -> None:
    texts = (of.text, of.muted, of.accent_text, *(of.verdict(verdict) for verdict in Verdict))
    assert min(contrast(text, ground) for text in texts for ground in grounds(of)) >= 4.5
    fills = (
        (of.on_accent, of.accent),
        (of.on_accent, of.accent_hover),
        (of.on_selection, of.selection),
        (of.text, of.selection),
        (of.on_fault, of.fault),
    )
    assert min(contrast(*pair) for pair in fills) >= 4.5


@BOTH
def test_lines_and_fills_can_be_seen(of: Tokens) -> None:
    assert min(contrast(of.line, ground) for ground in grounds(of)) >= 3
    assert min(contrast(of.accent, ground) for ground in (of.window, of.surface, of.field)) >= 3


def test_verdicts_differ_in_word_shape_and_colour() -> None:
    assert set(VERDICT_LOOK) == set(Verdict)
    looks = VERDICT_LOOK.values()
    assert all(contrast(look.ink, look.color) >= 4.5 for look in looks)
    for part in ("color", "word", "icon", "sign"):
        assert len({getattr(look, part) for look in looks}) == len(Verdict)
    assert VERDICT_LOOK[Verdict.NOT_INSPECTED].hatched


@BOTH
def test_the_stylesheet_has_no_colour_but_tokens(of: Tokens) -> None:
    text = (STYLE / "station.qss").read_text(encoding="utf-8")
    assert set(re.findall(r"#[0-9A-Fa-f]{6,8}\b", text)) <= {
        "#20000000"
    }  # a veil over the fault bar's button
    assert "$" not in stylesheet(of)
    used = set(re.findall(r"\$\{?(\w+)", text)) - {"style", "radius"}
    assert all(name in Tokens.__slots__ or name.endswith("_px") for name in used)


@pytest.mark.usefixtures("qapp")
def test_every_icon_is_drawn() -> None:
    for which in Icon:
        image = icon(which).pixmap(20, 20).toImage()
        alpha = [image.pixelColor(x, y).alpha() for x in range(image.width()) for y in range(image.height())]
        assert max(alpha) > 200, which


def test_a_change_of_theme_reaches_every_widget(qapp: QApplication, qtbot: QtBot) -> None:
    apply_theme(qapp, "light")
    button = QPushButton("Start")
    set_role(button, Role.PRIMARY)
    widgets = [button, QComboBox(), QSpinBox(), QCheckBox("x")]
    for widget in widgets:
        qtbot.addWidget(widget)
        widget.show()
    with qtbot.waitSignal(theme().changed) as told:
        apply_theme(qapp, "dark")
    assert told.args == [DARK]
    assert tokens() is DARK
    assert qapp.palette().color(QPalette.ColorRole.Window).name().upper() == DARK.window
    middle = button.grab().toImage().pixelColor(6, button.height() // 2).name().upper()
    assert middle == DARK.accent


def test_the_system_theme_follows_the_system(qapp: QApplication) -> None:
    apply_theme(qapp, "system")
    dark = qapp.styleHints().colorScheme().name == "Dark"
    assert tokens() is (DARK if dark else LIGHT)
