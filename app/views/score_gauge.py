"""One score against both limits, on a scale where the limits always stand in the same two places."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from almrr_core.types import Limits, Verdict
from app.theme import CAPTION, FIGURE, STEP, figures, theme, tokens
from app.views.log_words import number

REVIEW_AT, FAIL_AT = 0.6, 0.8  # of the width
LEAST_SPAN = 0.5  # score units between the two places where the limits are closer, or the same
BAR = 6
CAPTIONS_APART = 48


class ScoreGauge(QWidget):
    """The score as a figure, and a bar with a mark at it; a mark at either end means beyond."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._score, self._limits = math.nan, Limits(0, 0, 0)
        self._known = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)

    def show_score(self, score: float, limits: Limits | None) -> None:
        """Show a raw score, NaN for none, against limits, None where there are none yet."""
        self._score, self._known = score, limits is not None
        self._limits = limits or Limits(0, 0, 0)
        text = self.tr("Score {0}, review limit {1}, fail limit {2}")
        values = number(score), number(self._limits.review), number(self._limits.fail)
        self.setAccessibleName(text.format(*values) if limits else self.tr("No score yet"))
        self.setToolTip(self.accessibleName())
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size for a figure and a bar with captions."""
        return QSize(280, 56)

    def place_of(self, score: float) -> float:
        """Return where a score stands on the bar, 0..1; beyond its ends it stands at the end."""
        span = max(self._limits.fail - self._limits.review, LEAST_SPAN)
        return min(max(REVIEW_AT + (score - self._limits.review) / span * (FAIL_AT - REVIEW_AT), 0), 1)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the figure above, the captions of the limits above the bar, the mark on it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(0, self.height() - BAR - 2 * STEP, self.width(), BAR)
        self._draw_figure(painter)
        if not self._known:
            return
        painter.fillRect(bar, QColor(tokens().raised))
        self._draw_limit(painter, bar, Verdict.REVIEW, self._limits.review, self.tr("review"))
        self._draw_limit(painter, bar, Verdict.FAIL, self._limits.fail, self.tr("fail"))
        if not math.isnan(self._score):
            self._draw_mark(painter, bar)

    def _draw_figure(self, painter: QPainter) -> None:
        painter.setPen(QColor(tokens().text))
        painter.setFont(figures(FIGURE, bold=True))
        space = QRectF(0, 0, self.width() * REVIEW_AT - 3 * STEP, self.height() - BAR - 3 * STEP)
        painter.drawText(space, Qt.AlignmentFlag.AlignBottom, number(self._score))
        width = painter.fontMetrics().horizontalAdvance(number(self._score))
        painter.setPen(QColor(tokens().muted))
        painter.setFont(figures(CAPTION))
        painter.drawText(
            space.adjusted(width + 2 * STEP, 0, 0, -3), Qt.AlignmentFlag.AlignBottom, self.tr("score")
        )

    def _draw_limit(self, painter: QPainter, bar: QRectF, verdict: Verdict, limit: float, word: str) -> None:
        x = round(bar.left() + self.place_of(limit) * bar.width())
        painter.setPen(QPen(QColor(tokens().verdict(verdict)), 2))
        painter.drawLine(QPointF(x, bar.top() - STEP), QPointF(x, bar.bottom() + STEP))
        painter.setFont(figures(CAPTION))
        high = painter.fontMetrics().height()
        painter.setPen(QColor(tokens().muted))
        if verdict is Verdict.FAIL:  # its words stand clear of those of a review limit close by
            x = max(x, round(bar.left() + REVIEW_AT * bar.width()) + CAPTIONS_APART)
        left = QRectF(x - 1, bar.top() - 2 * high - STEP, bar.right() - x, high)
        painter.drawText(left, Qt.AlignmentFlag.AlignLeft, word)
        painter.setPen(QColor(tokens().text))
        painter.drawText(left.translated(0, high), Qt.AlignmentFlag.AlignLeft, number(limit))

    def _draw_mark(self, painter: QPainter, bar: QRectF) -> None:
        place = self.place_of(self._score)
        x, y = bar.left() + BAR + place * (bar.width() - 2 * BAR), bar.center().y()
        painter.setPen(QPen(QColor(tokens().surface), 1.5))
        painter.setBrush(QColor(tokens().text))
        if 0 < place < 1:
            painter.drawEllipse(QPointF(x, y), BAR, BAR)
            return
        tip = BAR if place else -BAR
        corners = [QPointF(x + tip, y), QPointF(x - tip, y - BAR), QPointF(x - tip, y + BAR)]
        painter.drawPolygon(QPolygonF(corners))
