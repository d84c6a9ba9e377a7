"""The navigation rail: one button per page, with icon and word, and the notices at its foot."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QButtonGroup, QFrame, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.theme import GAP, ICON, Icon, Role, Tokens, icon, set_role, theme, tokens
from app.views.pages import PAGES, Page

WIDTH, HEIGHT = 76, 56


class Rail(QFrame):
    """Chooses pages; Ctrl+1 is the first."""

    chosen = Signal(object)  # Page
    notices_toggled = Signal(bool)

    def __init__(self, pages: Iterable[Page], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.RAIL)
        self.setFixedWidth(WIDTH)
        self._buttons: dict[Page, QToolButton] = {}
        self._group, self._unread = QButtonGroup(self), 0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GAP, 0, GAP)
        column.setSpacing(0)
        for number, page in enumerate(pages, 1):
            column.addWidget(self._add(page, number))
        column.addStretch()
        self._notices = _button(self.tr("Notices"), self.tr("Faults and events (Ctrl+N)"))
        self._notices.toggled.connect(self._notices_switched)
        shortcut = QShortcut(QKeySequence("Ctrl+N"), self)
        shortcut.activated.connect(self._notices.toggle)
        column.addWidget(self._notices)
        self._dress(tokens())
        theme().changed.connect(self._dress)

    @property
    def pages(self) -> tuple[Page, ...]:
        """Return the pages from top to bottom."""
        return tuple(self._buttons)

    def choose(self, page: Page) -> None:
        """Go to this page, as its button does."""
        self._buttons[page].setChecked(True)
        self.chosen.emit(page)

    def count_notice(self) -> None:
        """Show that there is one more notice to read."""
        if not self._notices.isChecked():
            self._unread += 1
            self._notices.setText(self.tr("Notices {count}").format(count=min(self._unread, 99)))

    def close_notices(self) -> None:
        """Take back the button that shows the list."""
        self._notices.setChecked(False)

    def _add(self, page: Page, number: int) -> QToolButton:
        look = PAGES[page]
        keys = f"Ctrl+{number}"
        button = _button(look.word, f"{look.purpose} ({keys})")
        choose = functools.partial(_choose, self, page)
        button.clicked.connect(choose)
        QShortcut(QKeySequence(keys), self).activated.connect(choose)
        self._group.addButton(button)
        self._buttons[page] = button
        return button

    def _notices_switched(self, on: bool) -> None:
        if on:
            self._unread = 0
            self._notices.setText(self.tr("Notices"))
        self.notices_toggled.emit(on)

    def _dress(self, _now: Tokens) -> None:
        for page, button in self._buttons.items():
            button.setIcon(icon(PAGES[page].icon))
        self._notices.setIcon(icon(Icon.NOTICES))


def _choose(rail: Rail, page: Page, _checked: bool = False) -> None:
    rail.choose(page)


def _button(word: str, tip: str) -> QToolButton:
    button = QToolButton()
    set_role(button, Role.RAIL)
    button.setText(word)
    button.setToolTip(tip)
    button.setAccessibleDescription(tip)
    button.setCheckable(True)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setIconSize(QSize(ICON, ICON))
    button.setMinimumHeight(HEIGHT)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
