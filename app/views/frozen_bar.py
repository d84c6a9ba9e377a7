"""Says that the picture is not the live one, and leads back to it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from app.icons import Icon
from app.theme import GAP, MARGIN, Role, icon, set_role, theme
from app.views.kept_part import Kept
from app.views.log_words import local_time, number, verdict_word, zone_of


class FrozenBar(QFrame):
    """A bar over the picture while a part of the film strip is looked at."""

    live_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._sign, self._text, self._note = QLabel(self), QLabel(self), QLabel(self)
        self._back = QPushButton(self.tr("Back to live"), self)
        self._back.setToolTip(self.tr("Show the newest part again (Esc)"))
        self._back.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        set_role(self._back, Role.PRIMARY_TOUCH)
        set_role(self._text, Role.HEADING)
        set_role(self._note, Role.CAPTION)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, GAP // 2, GAP // 2, GAP // 2)
        row.setSpacing(GAP)
        row.addWidget(self._sign)
        row.addWidget(self._text)
        row.addWidget(self._note, 1)
        row.addWidget(self._back)
        self._back.clicked.connect(self.live_asked)
        theme().changed.connect(self._recolor)
        self._recolor()

    @property
    def back(self) -> QPushButton:
        """Return the button that leads back."""
        return self._back

    def show_part(self, part: Kept, note: str) -> None:
        """Say which part is looked at, and how well it can be seen."""
        record = part.record
        verdict, score = verdict_word(record.verdict), number(record.score)
        words = self.tr("Frozen on {0}: {1} {2}, {3}")
        at = f"{local_time(record.decided_at).split(' ')[1]} {zone_of(record.decided_at)}"
        self._text.setText(words.format(record.request.part_id, verdict, score, at))
        self._note.setText(note)

    def _recolor(self, *_tokens: object) -> None:
        self._sign.setPixmap(icon(Icon.PAUSE).pixmap(20, 20))
