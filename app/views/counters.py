"""What was counted since the reset and in this shift, and on a simulated line against the truth."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from almrr_core.types import Counts, Verdict
from app.services.values import TruthCounts
from app.theme import BODY, GAP, MARGIN, STEP, Role, figures, set_role, theme, tokens
from app.views.log_words import NOTHING, verdict_word, whole
from app.views.verdict_shape import draw_shape

FIGURE_SIZE, SHAPE = BODY + 2, 14
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class Counters(QFrame):
    """A table: a row for each verdict, a column since the reset and one for the shift."""

    reset_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._grid = QGridLayout()
        self._columns = (_Column(self._grid, 1, True, self), _Column(self._grid, 3, False, self))
        self._truth = QLabel(self)
        self._reset = QPushButton(self.tr("Reset"), self)
        self._build()
        self.show_counts(Counts(), Counts())
        self._reset.clicked.connect(self.reset_asked)

    def show_counts(self, since_reset: Counts, shift: Counts) -> None:
        """Show both columns."""
        for column, counts in zip(self._columns, (since_reset, shift), strict=True):
            column.show_counts(counts)

    def show_times(self, reset_at: datetime, shift_at: datetime) -> None:
        """Show since when the columns count; times in UTC are shown in local time."""
        self._columns[0].name(self.tr("since {0}").format(_clock(reset_at)), self.tr("Since the reset"))
        self._columns[1].name(self.tr("shift {0}").format(_clock(shift_at)), self.tr("Since the shift began"))

    def show_truth(self, truth: TruthCounts | None) -> None:
        """Show the verdicts of a simulated line against what it knows, or nothing."""
        self._truth.setVisible(truth is not None)
        if truth is not None:
            defects = truth.caught + truth.escaped
            words = self.tr(
                "Demo truth: {0} of {1} defects caught, {2} escaped; {3} of {4} good parts rejected"
            )
            values = (truth.caught, defects, truth.escaped, truth.false_rejects, truth.good)
            self._truth.setText(words.format(*(whole(value) for value in values)))

    def set_resettable(self, resettable: bool) -> None:
        """Offer the reset or not."""
        self._reset.setVisible(resettable)

    @property
    def reset_button(self) -> QPushButton:
        """Return the button that asks for a reset."""
        return self._reset

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, GAP, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(self._grid)
        column.addWidget(self._truth)
        self._grid.setHorizontalSpacing(GAP)
        self._grid.setVerticalSpacing(STEP)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1)
        self._grid.addWidget(self._reset, 0, 0, Qt.AlignmentFlag.AlignLeft)
        self._reset.setToolTip(self.tr("Count from zero from now on. The log keeps every part."))
        self._reset.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        set_role(self._reset, Role.TOUCH)
        self._truth.setWordWrap(True)
        set_role(self._truth, Role.CAPTION)
        self._truth.hide()
        self._grid.addWidget(_Name(None, self.tr("Inspected"), self), 1, 0)
        for row, verdict in enumerate(Verdict, 2):
            self._grid.addWidget(_Name(verdict, verdict_word(verdict), self), row, 0)
        self._grid.addWidget(_Name(None, self.tr("Yield"), self), 6, 0)
        self.setToolTip(self.tr("Yield: PASS of all parts, those not inspected included."))


class _Column:
    """The counts of one period, where there is room with their share of all parts."""

    def __init__(self, grid: QGridLayout, at: int, shares: bool, parent: QWidget) -> None:
        self._head = QLabel(parent)
        set_role(self._head, Role.CAPTION)
        grid.addWidget(self._head, 0, at, 1, 1 + shares, RIGHT)
        self._counts = [_figure(grid, row, at, parent) for row in range(1, 6)]
        self._shares = [_share(grid, row, at + 1, parent) for row in range(2, 6) if shares]
        self._yield = QLabel(parent)
        self._yield.setFont(figures(FIGURE_SIZE, bold=True))
        grid.addWidget(self._yield, 6, at, 1, 1 + shares, RIGHT)

    def name(self, head: str, tip: str) -> None:
        self._head.setText(head)
        self._head.setToolTip(tip)

    def show_counts(self, counts: Counts) -> None:
        by_verdict = (counts.passed, counts.review, counts.fail, counts.not_inspected)
        for label, count in zip(self._counts, (counts.inspected, *by_verdict), strict=True):
            label.setText(whole(count))
        for label, count in zip(self._shares, by_verdict, strict=False):  # one column has none
            label.setText(_percent(count, counts.total))
        self._yield.setText(_percent(counts.passed, counts.total) or NOTHING)


class _Name(QWidget):
    """A row's word behind the shape of its verdict."""

    def __init__(self, verdict: Verdict | None, word: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._verdict, self._word = verdict, word
        self.setAccessibleName(word)
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(SHAPE + GAP + self.fontMetrics().horizontalAdvance(self._word) + STEP, FIGURE_SIZE + GAP)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left = 0
        if self._verdict is not None:
            place = QRectF(0, (self.height() - SHAPE) / 2, SHAPE, SHAPE)
            draw_shape(painter, self._verdict, place, tokens().verdict(self._verdict), tokens().surface)
            left = SHAPE + GAP
        painter.setPen(tokens().text)
        painter.drawText(self.rect().adjusted(left, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self._word)


def _figure(grid: QGridLayout, row: int, at: int, parent: QWidget) -> QLabel:
    label = QLabel(parent)
    label.setFont(figures(FIGURE_SIZE, bold=row == 1))
    grid.addWidget(label, row, at, RIGHT)
    return label


def _share(grid: QGridLayout, row: int, at: int, parent: QWidget) -> QLabel:
    label = QLabel(parent)
    set_role(label, Role.CAPTION)
    label.setFixedWidth(48)
    label.setAlignment(RIGHT)
    grid.addWidget(label, row, at, RIGHT)
    return label


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} %" if total else ""


def _clock(at: datetime) -> str:
    """Return the local time of day, with the date in front when it is another day."""
    here, today = at.astimezone(), datetime.now(UTC).astimezone().date()
    return here.strftime("%H:%M" if here.date() == today else "%m-%d %H:%M")
