"""Chooses any number of defects of the simulated line; none chosen means all of them."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from app.icons import Icon
from app.theme import Tokens, icon, theme
from app.views.source_words import DEFECTS, defect_word


class KindsButton(QToolButton):
    """A menu of ticks; the button says which are set."""

    changed = Signal(object)  # tuple[str, ...]

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setStyleSheet("QToolButton { padding-right: 22px; }")  # room for the arrow
        self._recolor()
        theme().changed.connect(self._recolor)
        menu = QMenu(self)
        self._actions = {name: self._action(menu, name) for name in DEFECTS}
        self.setMenu(menu)
        self._say()

    def kinds(self) -> tuple[str, ...]:
        """Return the defects chosen, () for all."""
        chosen = tuple(name for name, action in self._actions.items() if action.isChecked())
        return () if len(chosen) == len(self._actions) else chosen

    def show_kinds(self, kinds: tuple[str, ...]) -> None:
        """Tick these defects."""
        for name, action in self._actions.items():
            action.setChecked(name in kinds)
        self._say()

    def _action(self, menu: QMenu, name: str) -> QAction:
        action = QAction(defect_word(name), menu)
        action.setCheckable(True)
        action.triggered.connect(self._ticked)
        menu.addAction(action)
        return action

    def _ticked(self, _checked: bool) -> None:
        self._say()
        self.changed.emit(self.kinds())

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        self.setIcon(icon(Icon.FILTER))

    def _say(self) -> None:
        words = [defect_word(name) for name in self.kinds()]
        text = ", ".join(words[:3]) or self.tr("all that suit the surface")
        more = len(words) - 3
        self.setText(self.tr("{0} and {1} more").format(text, more) if more > 0 else text)
