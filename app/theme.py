"""How the program looks: one table of tokens, one stylesheet made from it, one look per verdict.

Colours are "#RRGGBB". Text on its ground has a contrast of 4.5:1 or more, lines and icons 3:1 (a test
computes both). Views take colours from `tokens()` and set them again when `theme().changed` says so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from string import Template

import qtawesome
from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from almrr_core.types import Verdict
from app.icons import Icon as Icon  # noqa: PLC0414 - views take it from here

STYLE = Path(__file__).resolve().parent.parent / "resources" / "style"

# Type in pixels and spacing (ui.md): everything on screen is one of these.
CAPTION, BODY, FIGURE, VERDICT = 11, 13, 20, 64
STEP = 4
GAP, MARGIN = 2 * STEP, 3 * STEP  # between things that belong together; inside a card
RADIUS = 8
TARGET = 44  # least side of what a finger presses
ICON = 20


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one theme. Grounds: window, surface (a card), raised (hovered), field (an input)."""

    dark: bool
    window: str
    surface: str
    raised: str
    field: str
    text: str
    muted: str  # captions
    disabled: str
    line: str  # outlines of what can be used, axes
    accent: str  # fill of what can be pressed
    accent_hover: str
    on_accent: str
    accent_text: str  # links, focus, what is chosen
    selection: str
    on_selection: str
    picture: str  # the ground around a picture
    fault: str  # fill of the fault bar
    on_fault: str
    passed: str  # verdicts as text and lines on the grounds above; fills are VERDICT_LOOK's
    review: str
    fail: str
    not_inspected: str

    def verdict(self, verdict: Verdict) -> str:
        """Return the verdict's colour for text and lines on a ground of this theme."""
        colors = (self.passed, self.review, self.fail, self.not_inspected)
        return dict(zip(Verdict, colors, strict=True))[verdict]


LIGHT = Tokens(
    dark=False,
    window="#E6E8EB",
    surface="#F5F6F8",
    raised="#DCDFE3",
    field="#FFFFFF",
    text="#1B1F24",
    muted="#4F5761",
    disabled="#8D949D",
    line="#767D86",
    accent="#00649C",
    accent_hover="#00527F",
    on_accent="#FFFFFF",
    accent_text="#005A8C",
    selection="#C3DCEC",
    on_selection="#10161C",
    picture="#C9CDD2",
    fault="#D55E00",
    on_fault="#111111",
    passed="#006B4E",
    review="#7A5200",
    fail="#A84300",
    not_inspected="#555B64",
)
DARK = Tokens(
    dark=True,
    window="#17191C",
    surface="#202327",
    raised="#2C3035",
    field="#121416",
    text="#E4E7EA",
    muted="#A6ADB6",
    disabled="#6B727A",
    line="#7A818A",
    accent="#0072B2",
    accent_hover="#005F96",
    on_accent="#FFFFFF",
    accent_text="#6CBFEE",
    selection="#1F4C69",
    on_selection="#FFFFFF",
    picture="#0D0E10",
    fault="#D55E00",
    on_fault="#111111",
    passed="#2BC396",
    review="#E69F00",
    fail="#FF8A3D",
    not_inspected="#A6ADB6",
)


class Role(StrEnum):
    """What a widget is to the stylesheet (`set_role`)."""

    CARD = "card"  # QFrame: a surface with round corners
    CAPTION = "caption"  # QLabel: 11 px, muted
    TITLE = "title"  # QLabel: 20 px, heads a page
    HEADING = "heading"  # QLabel: 13 px bold, heads a card
    NUMBER = "number"  # QLabel: 20 px, tabular, a figure that matters
    MUTED = "muted"  # QLabel: 13 px, muted
    PRIMARY = "primary"  # QPushButton: the one thing to do here
    QUIET = "quiet"  # QPushButton, QToolButton: no outline until hovered
    DANGER = "danger"  # QPushButton: destroys something
    CHIP = "chip"  # QToolButton, QPushButton: a filter that is on or off
    TOUCH = "touch"  # QPushButton: at least 44 px high
    PRIMARY_TOUCH = "primary-touch"
    RAIL = "rail"  # the navigation rail and its buttons
    FAULT = "fault"  # the fault bar and what is on it
    HEADER = "header"  # QFrame: the bar on top of a page


@dataclass(frozen=True, slots=True)
class VerdictLook:
    """A verdict's colour (Okabe-Ito, a fill), `ink` on that fill, and shape as icon and as sign."""

    color: str
    icon: Icon
    sign: str
    source: str
    hatched: bool = False
    ink: str = "#111111"

    @property
    def word(self) -> str:
        """Return the word in the user's language."""
        return QCoreApplication.translate("verdict", self.source)


VERDICT_LOOK: dict[Verdict, VerdictLook] = {
    Verdict.PASS: VerdictLook("#009E73", Icon.PASS, "✓", "PASS"),
    Verdict.REVIEW: VerdictLook("#E69F00", Icon.ATTENTION, "!", "REVIEW"),
    Verdict.FAIL: VerdictLook("#D55E00", Icon.FAIL, "✕", "FAIL"),
    Verdict.NOT_INSPECTED: VerdictLook("#8A8F98", Icon.UNKNOWN, "?", "NOT INSPECTED", hatched=True),
}


class Theme(QObject):
    """The application's look; a child of the QApplication, as there is one look per application."""

    changed = Signal(object)  # Tokens

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application, self._name = application, "system"
        self.tokens = self._chosen()
        application.styleHints().colorSchemeChanged.connect(self._follow)

    def apply(self, name: str) -> None:
        """Show theme `name`: system, light or dark; says `changed` when the tokens are others."""
        self._name = name
        self._show(self._chosen())

    def _chosen(self) -> Tokens:
        if self._name == "system":
            scheme = self._application.styleHints().colorScheme()
            return DARK if scheme is Qt.ColorScheme.Dark else LIGHT
        return DARK if self._name == "dark" else LIGHT

    def _follow(self, _scheme: Qt.ColorScheme) -> None:
        self._show(self._chosen())

    def _show(self, wanted: Tokens) -> None:
        if wanted is self.tokens and self._application.styleSheet():
            return
        self.tokens = wanted
        self._application.setStyle("Fusion")
        self._application.setPalette(palette(wanted))
        font = self._application.font()
        font.setPixelSize(BODY)
        self._application.setFont(font)
        self._application.setStyleSheet(stylesheet(wanted))
        self.changed.emit(wanted)


def theme() -> Theme:
    """Return the look of the running QApplication; it is made at the first call."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    return _theme_of(application)


def _theme_of(application: QApplication) -> Theme:
    found = application.findChild(Theme)
    return found if isinstance(found, Theme) else Theme(application)


def tokens() -> Tokens:
    """Return the colours shown now."""
    return theme().tokens


def apply_theme(application: QApplication, name: str) -> None:
    """Show theme `name`, system, light or dark, in the whole application."""
    _theme_of(application).apply(name)


def stylesheet(of: Tokens) -> str:
    """Return the global stylesheet in these colours."""
    text = (STYLE / "station.qss").read_text(encoding="utf-8")
    sizes = {"caption_px": CAPTION, "body_px": BODY, "figure_px": FIGURE, "radius": RADIUS, "target": TARGET}
    return Template(text).substitute(asdict(of) | sizes | {"style": STYLE.as_posix()})


def palette(of: Tokens) -> QPalette:
    """Return the palette for what the stylesheet leaves to the style."""
    made, role = QPalette(), QPalette.ColorRole
    colors = {
        role.Window: of.window,
        role.WindowText: of.text,
        role.Base: of.field,
        role.AlternateBase: of.surface,
        role.Text: of.text,
        role.Button: of.surface,
        role.ButtonText: of.text,
        role.BrightText: of.on_accent,
        role.ToolTipBase: of.raised,
        role.ToolTipText: of.text,
        role.PlaceholderText: of.muted,
        role.Highlight: of.selection,
        role.HighlightedText: of.on_selection,
        role.Link: of.accent_text,
        role.LinkVisited: of.accent_text,
        role.Mid: of.line,
    }
    for which, color in colors.items():
        made.setColor(which, QColor(color))
    for which in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, which, QColor(of.disabled))
    return made


def icon(which: Icon, color: str = "") -> QIcon:
    """Return an icon in `color`, or in that of text; ask again when the theme changes."""
    now = tokens()
    made = qtawesome.icon(which.value, color=color or now.text, color_disabled=now.disabled)
    assert isinstance(made, QIcon)
    return made


def figures(pixels: int, bold: bool = False) -> QFont:
    """Return the application's font at a size with tabular figures, for numbers that change."""
    font = QApplication.font()
    font.setPixelSize(pixels)
    font.setBold(bold)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def set_role(widget: QWidget, role: Role) -> None:
    """Say what the widget is; the stylesheet does the rest."""
    widget.setProperty("role", role.value)
    if role is Role.NUMBER:
        widget.setFont(figures(FIGURE))
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours by WCAG 2, 1..21."""
    dark, light = sorted((_luminance(QColor(one)), _luminance(QColor(other))))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: QColor) -> float:
    channels = (color.redF(), color.greenF(), color.blueF())
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
