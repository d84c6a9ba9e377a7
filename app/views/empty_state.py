"""What a place shows while it is empty: what will be here, and the next step."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.icons import Icon
from app.theme import GAP, Role, Tokens, icon, set_role, theme, tokens

PICTOGRAM = 48


class EmptyState(QWidget):
    """A pictogram, a heading, a sentence and at most one button."""

    pressed = Signal()

    def __init__(self, which: Icon, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._which = which
        self._pictogram, self._heading, self._sentence = QLabel(self), QLabel(self), QLabel(self)
        self._button = QPushButton(self)
        self._build()
        self._recolor()
        theme().changed.connect(self._recolor)

    def say(self, heading: str, sentence: str = "", button: str = "") -> None:
        """Show these words; without words the button is hidden."""
        self._heading.setText(heading)
        self._sentence.setText(sentence)
        self._sentence.setVisible(bool(sentence))
        self._button.setText(button)
        self._button.setVisible(bool(button))

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setSpacing(GAP)
        column.addStretch(2)
        column.addWidget(self._pictogram, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._heading, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._sentence)
        column.addSpacing(GAP)
        column.addWidget(self._button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        self._sentence.setWordWrap(True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        set_role(self._heading, Role.HEADING)
        set_role(self._sentence, Role.MUTED)
        self._button.clicked.connect(self.pressed)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        made = icon(self._which, tokens().line)
        self._pictogram.setPixmap(made.pixmap(QSize(PICTOGRAM, PICTOGRAM)))
