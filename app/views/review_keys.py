"""The keys of a page: they count wherever the focus is in it, but not while a text is written.

Buttons and boxes take the focus by the Tab key alone; the one that has it keeps the keys that work it.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QWidget

_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_OF_A_BUTTON = (Qt.Key.Key_Space, *_ENTER)
_OF_A_BOX = (Qt.Key.Key_Space, Qt.Key.Key_Up, Qt.Key.Key_Down)


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


class FocusKeys(QObject):
    """Lets the page's shortcuts give way to the button or box with the focus; install it on the page."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Keep a key from the shortcuts, then press the button by Enter: Qt does so in dialogs only."""
        if not isinstance(event, QKeyEvent):
            return super().eventFilter(watched, event)
        focused = QApplication.focusWidget()
        button = focused if isinstance(focused, QAbstractButton) else None
        if event.type() is QEvent.Type.ShortcutOverride:
            own = _OF_A_BUTTON if button else _OF_A_BOX if isinstance(focused, QComboBox) else ()
            if event.key() in own:
                event.accept()
                return True
        elif event.type() is QEvent.Type.KeyPress and button and event.key() in _ENTER:
            if not event.isAutoRepeat():
                button.click()
            return True
        return super().eventFilter(watched, event)
