"""A small picture of the last scores of the filter, oldest left, with both limits as lines."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from almrr_core.types import LogRow, Verdict
from app.theme import CAPTION, Tokens, figures, theme, tokens
from app.views import log_words as words
from app.views.label_places import tops_apart

EDGE = 4  # px kept free above and below
TEXT = 44  # px right of the plot, for the limits' values


class Trend(QWidget):
    """Scores as dots in their verdict's colour; what has no score is a tick on the ground line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[LogRow, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(160)
        theme().changed.connect(self._recolor)
        self.show_rows(())

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size that fits above the table."""
        return QSize(320, 44)

    def show_rows(self, oldest_first: Sequence[LogRow]) -> None:
        """Show these rows; the limits drawn are those of the newest."""
        self._rows = tuple(oldest_first)
        self.setToolTip(
            self.tr("Scores of the last {0} of these inspections; lines: review and fail limit").format(
                len(self._rows)
            )
        )
        self.setAccessibleName(self.toolTip())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint dots, limits and their values."""
        del event
        if not self._rows:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        low, high = self._span()
        self._paint_limits(painter, low, high)
        self._paint_dots(painter, low, high)

    def _span(self) -> tuple[float, float]:
        newest = self._rows[-1]
        scores = [row.score for row in self._rows if math.isfinite(row.score)]
        values = [*scores, newest.review_limit, newest.fail_limit]
        low, high = min(values), max(values)
        return (low, high) if high > low else (low - 1, high + 1)

    def _height_of(self, score: float, low: float, high: float) -> float:
        return self.height() - EDGE - (score - low) / (high - low) * (self.height() - 2 * EDGE)

    def _paint_limits(self, painter: QPainter, low: float, high: float) -> None:
        newest, right = self._rows[-1], self.width() - TEXT
        painter.setFont(figures(CAPTION))
        limits = ((newest.fail_limit, Verdict.FAIL), (newest.review_limit, Verdict.REVIEW))
        heights = [self._height_of(limit, low, high) for limit, _verdict in limits]
        tall = painter.fontMetrics().height()
        tops = tops_apart(heights, tall, self.height())
        for (limit, verdict), y, top in zip(limits, heights, tops, strict=True):
            painter.setPen(QPen(QColor(tokens().verdict(verdict)), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(0, y), QPointF(right, y))
            painter.setPen(QColor(tokens().muted))
            painter.drawText(QPointF(right + EDGE, top + painter.fontMetrics().ascent()), words.number(limit))

    def _paint_dots(self, painter: QPainter, low: float, high: float) -> None:
        step = (self.width() - TEXT - 4) / max(len(self._rows) - 1, 1)
        painter.setPen(Qt.PenStyle.NoPen)
        for at, row in enumerate(self._rows):
            color = tokens().muted if row.verdict is Verdict.PASS else tokens().verdict(row.verdict)
            painter.setBrush(QColor(color))
            x = 2 + at * step
            if math.isfinite(row.score):
                size = 1.5 if row.verdict is Verdict.PASS else 2.5
                painter.drawEllipse(QPointF(x, self._height_of(row.score, low, high)), size, size)
            else:
                painter.drawRect(QRectF(x - 0.5, self.height() - 6, 1.5, 6))

    def _recolor(self, _tokens: Tokens) -> None:
        self.update()
