"""The keys of a page: they count wherever the focus is in it, but not while a text is written."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget


def on_key(
    page: QWidget,
    keys: Qt.Key | QKeySequence.StandardKey,
    act: Callable[[], object],
    repeats: bool = False,
) -> None:
    """Make a shortcut of the page; a key that is held down acts once unless it `repeats`."""
    shortcut = QShortcut(QKeySequence(keys), page)
    shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    shortcut.setAutoRepeat(repeats)
    shortcut.activated.connect(act)
