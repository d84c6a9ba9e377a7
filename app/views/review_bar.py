"""The foot of the review: how far the session is, what contradicts the verdicts, and undo."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.icons import Icon
from app.services.review_values import Progress
from app.theme import BODY, GAP, MARGIN, STEP, TARGET, Role, Tokens, figures, icon, set_role, theme
from app.views import log_words as words


class ReviewBar(QFrame):
    """Progress in words and as a line, and the buttons that are always wanted."""

    undo_wanted = Signal()
    next_wanted = Signal()
    disagreeing_wanted = Signal()
    advance_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._text, self._line = QLabel(self), QProgressBar(self)
        self._against = QPushButton(self)
        self.row = QHBoxLayout(self)
        self.advance = QCheckBox(self.tr("Go on by itself"), self)
        self._next = QPushButton(self.tr("Next to review  Enter"), self)
        self._undo = QPushButton(self.tr("Undo  Ctrl+Z"), self)
        self._build()
        self._recolor()
        self.show_progress(Progress(), False)

    def show_progress(self, progress: Progress, can_undo: bool) -> None:
        """Say how far the session is, and whether there is something to take back."""
        self._text.setText(self._sentence(progress))
        self._line.setMaximum(max(progress.total, 1))
        self._line.setValue(progress.done)
        escapes, rejects = words.whole(progress.escapes), words.whole(progress.false_rejects)
        self._against.setText(self.tr("Escapes {0} · false rejects {1}").format(escapes, rejects))
        self._undo.setEnabled(can_undo)

    def _sentence(self, progress: Progress) -> str:
        text = self.tr("{0} of {1}").format(words.whole(progress.done), words.whole(progress.total))
        if progress.seconds is None or not progress.left:
            return text
        if progress.seconds < 60:
            return self.tr("{0}, under a minute left").format(text)
        return self.tr("{0}, {1} min left").format(text, words.whole(round(progress.seconds / 60)))

    def _build(self) -> None:
        self._text.setFont(figures(BODY, bold=True))
        self._line.setTextVisible(False)
        self.advance.setChecked(True)
        self.advance.setMinimumHeight(TARGET)
        self.advance.setToolTip(self.tr("After a label show the next part to review"))
        self._against.setToolTip(self.tr("Show the parts whose label contradicts the verdict"))
        progress = QVBoxLayout()
        progress.setSpacing(STEP)
        progress.addStretch(1)
        progress.addWidget(self._text)
        progress.addWidget(self._line)
        progress.addStretch(1)
        row = self.row
        row.setContentsMargins(MARGIN, STEP, MARGIN, STEP)
        row.setSpacing(GAP)
        row.addLayout(progress, 1)
        row.addSpacing(GAP)
        for button in (self._against, self.advance, self._next, self._undo):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(button)
        for button in (self._against, self._next, self._undo):
            set_role(button, Role.TOUCH)
        self._undo.clicked.connect(self.undo_wanted)
        self._next.clicked.connect(self.next_wanted)
        self._against.clicked.connect(self.disagreeing_wanted)
        self.advance.toggled.connect(self.advance_changed)
        theme().changed.connect(self._recolor)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        self._undo.setIcon(icon(Icon.UNDO))
        self._next.setIcon(icon(Icon.NEXT))
