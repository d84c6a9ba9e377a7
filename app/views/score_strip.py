"""The scores of the last 200 parts with both limit lines, newest on the right."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from almrr_core.judge import verdict_of
from almrr_core.types import Limits, Record, Verdict
from app.theme import CAPTION, GAP, STEP, figures, theme, tokens
from app.views.label_places import tops_apart
from app.views.log_words import number, verdict_word
from app.views.verdict_shape import shape_of

MOST = 200
HEIGHT = 92  # px
BELOW = 20  # one part in so many may lie below the scale: a gross outlier does not flatten the rest
DOT = {Verdict.PASS: 3.0, Verdict.REVIEW: 8.0, Verdict.FAIL: 9.0, Verdict.NOT_INSPECTED: 7.0}


@dataclass(frozen=True, slots=True)
class _Point:
    score: float  # NaN where not inspected
    verdict: Verdict
    part_id: str


class ScoreStrip(QWidget):
    """PASS as quiet dots, what needs a person in its shape and colour; outliers stand at the edge."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: deque[_Point] = deque(maxlen=MOST)
        self._limits: Limits | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Scores of the last {0} parts").format(MOST))
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size that leaves the height to the picture."""
        return QSize(400, HEIGHT)

    def add(self, record: Record) -> None:
        """Show a new part and the limits it was judged by."""
        self._points.append(_Point(record.score, record.verdict, str(record.request.part_id)))
        self._limits = record.recipe.limits
        self.update()

    def begin_with(self, newest_first: Iterable[float], limits: Limits) -> None:
        """Show earlier scores of the product, judged by the limits in force."""
        scores = list(newest_first)[:MOST][::-1]
        self._points = deque((_Point(s, verdict_of(s, limits), "") for s in scores), MOST)
        self._limits = limits
        self.update()

    def set_limits(self, limits: Limits) -> None:
        """Move the limit lines."""
        self._limits = limits
        self.update()

    def clear(self) -> None:
        """Forget all parts."""
        self._points.clear()
        self._limits = None
        self.update()

    @property
    def scores(self) -> tuple[float, ...]:
        """Return the scores shown, oldest first."""
        return tuple(point.score for point in self._points)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw caption, limit lines and points."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(figures(CAPTION))
        painter.setPen(QColor(tokens().muted))
        caption = self.tr("Score, last {0} parts").format(MOST)
        if not self._points:
            caption = self.tr("The scores of the last {0} parts stand here.").format(MOST)
        painter.drawText(QRectF(GAP, 2, self.width() - GAP, 16), caption)
        if self._limits is None:
            return
        plot, span = self._plot(), self._span()
        self._draw_limits(painter, self._limits, plot, span)
        for at, point in enumerate(self._points):
            self._draw_point(painter, point, self._x_of(at, plot), _y_of(point.score, plot, span))

    def _labels(self) -> tuple[str, ...]:
        """Return what stands right of the plot, the fail limit first."""
        if self._limits is None:
            return ()
        fail, review = self.tr("fail {0}"), self.tr("review {0}")
        return fail.format(number(self._limits.fail)), review.format(number(self._limits.review))

    def _plot(self) -> QRectF:
        metrics = QFontMetricsF(figures(CAPTION))
        beside = max((metrics.horizontalAdvance(words) + STEP for words in self._labels()), default=0.0)
        return QRectF(GAP, 22, self.width() - 2 * GAP - beside, self.height() - 22 - GAP)

    def _span(self) -> tuple[float, float]:
        """Return the lowest and highest score of the scale; what lies beyond stands at its edge."""
        assert self._limits is not None
        scores = sorted(point.score for point in self._points if not math.isnan(point.score))
        low = min([*scores[len(scores) // BELOW :], self._limits.review])
        room = max(self._limits.fail - low, 0.5)
        high = min(max([*scores, self._limits.fail]), self._limits.fail + room / 3)
        return low - room / 20, high + room / 20

    def _x_of(self, at: int, plot: QRectF) -> float:
        return plot.right() - (len(self._points) - 0.5 - at) * plot.width() / MOST

    def _draw_limits(
        self, painter: QPainter, limits: Limits, plot: QRectF, span: tuple[float, float]
    ) -> None:
        tall = painter.fontMetrics().height()
        heights = [_y_of(limit, plot, span) for limit in (limits.fail, limits.review)]
        tops = tops_apart(heights, tall, self.height())
        verdicts = Verdict.FAIL, Verdict.REVIEW
        for verdict, y, top, words in zip(verdicts, heights, tops, self._labels(), strict=True):
            painter.setPen(QPen(QColor(tokens().verdict(verdict)), 1.5))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(QColor(tokens().text))
            painter.drawText(QPointF(plot.right() + STEP, top + painter.fontMetrics().ascent()), words)

    def _draw_point(self, painter: QPainter, point: _Point, x: float, y: float) -> None:
        side = DOT[point.verdict]
        calm = point.verdict is Verdict.PASS
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens().muted if calm else tokens().verdict(point.verdict)))
        painter.drawPath(shape_of(point.verdict, QRectF(x - side / 2, y - side / 2, side, side)))

    def event(self, event: QEvent) -> bool:
        """Say which part is under the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self._words_at(event.pos().x()), self)
            return True
        return super().event(event)

    def _words_at(self, x: int) -> str:
        plot = self._plot()
        at = len(self._points) - 1 - int((plot.right() - x) * MOST / plot.width())
        if x > plot.right() or not 0 <= at < len(self._points):
            return ""
        point = self._points[at]
        return f"{verdict_word(point.verdict)} {number(point.score)}\n{point.part_id}".strip()


def _y_of(score: float, plot: QRectF, span: tuple[float, float]) -> float:
    if math.isnan(score):
        return plot.bottom() - DOT[Verdict.NOT_INSPECTED] / 2
    low, high = span
    return plot.bottom() - (min(max(score, low), high) - low) / (high - low) * plot.height()
