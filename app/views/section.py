"""A card whose body opens and closes under its heading."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

from app.icons import Icon
from app.theme import MARGIN, STEP, TARGET, Role, icon, set_role, theme


class Section(QFrame):
    """Heading and body; closed at first."""

    opened = Signal(bool)

    def __init__(self, heading: str, body: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._body = QWidget(self)
        self._heading = QPushButton(heading, self)
        self._heading.setCheckable(True)
        self._heading.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._heading.setStyleSheet("text-align: left; font-weight: 600; background: transparent;")
        set_role(self._heading, Role.QUIET)
        self._heading.setMinimumHeight(TARGET - 2 * STEP)
        column = QVBoxLayout(self)
        column.setContentsMargins(STEP, STEP, STEP, STEP)
        column.setSpacing(0)
        column.addWidget(self._heading)
        inside = QVBoxLayout(self._body)
        inside.setContentsMargins(MARGIN - STEP, STEP, MARGIN - STEP, MARGIN - STEP)
        inside.addWidget(body)
        column.addWidget(self._body)
        self._body.hide()
        self._heading.toggled.connect(self._toggle)
        theme().changed.connect(self._recolor)
        self._recolor()

    def set_open(self, is_open: bool) -> None:
        """Open or close it."""
        self._heading.setChecked(is_open)

    @property
    def heading(self) -> QPushButton:
        """Return what opens and closes it."""
        return self._heading

    def _toggle(self, is_open: bool) -> None:
        self._body.setVisible(is_open)
        self._recolor()
        self.opened.emit(is_open)

    def _recolor(self, *_tokens: object) -> None:
        self._heading.setIcon(icon(Icon.EXPANDED if self._heading.isChecked() else Icon.NEXT))
