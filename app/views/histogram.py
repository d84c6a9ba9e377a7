"""Scores of normals, of the last parts and of labelled defects, with the review and the fail limit to drag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from almrr_core.types import Limits, Verdict
from app.theme import CAPTION, STEP, VERDICT_LOOK, figures, theme, tokens
from app.views.log_words import number
from app.views.verdict_shape import draw_shape

Heights = NDArray[np.float64]

BINS = 56
HANDLE, REACH = 18, 22  # px: side of a handle; how far from a line it can be grabbed
TOP, BOTTOM = HANDLE + 2 * STEP, 20


class Histogram(QWidget):
    """Each group is scaled to its own highest bar, by square root so that single parts in the tail are seen."""

    moved = Signal(object)  # Limits, while a line is dragged

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._normals, self._recent, self._defects = np.empty(0), np.empty(0), np.empty(0)
        self._limits: Limits | None = None
        self._low, self._high = 0.0, 1.0
        self._held: Verdict | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Histogram of scores with the review and the fail limit"))
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size in the limits panel."""
        return QSize(280, 120)

    @property
    def span(self) -> tuple[float, float]:
        """Return the lowest and highest score of the axis."""
        return self._low, self._high

    def show_scores(
        self, normals: Sequence[float], recent: Sequence[float], defects: Sequence[float]
    ) -> None:
        """Show these scores."""
        self._normals, self._recent, self._defects = (
            np.asarray(s, float) for s in (normals, recent, defects)
        )
        if self._held is None:
            self._rescale()
        self.update()

    def show_limits(self, limits: Limits | None) -> None:
        """Move the lines; the axis stays as it is while one is dragged."""
        self._limits = limits
        if self._held is None:
            self._rescale()
        self.update()

    def x_of(self, score: float) -> float:
        """Return where a score stands, in pixels of this widget."""
        plot = self._plot()
        return plot.left() + (score - self._low) / (self._high - self._low) * plot.width()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take hold of the line that is nearest."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = self._near(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag a line; the review limit never passes the fail limit."""
        x = event.position().x()
        if self._held is None or self._limits is None:
            near = self._near(x) is not None
            self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.ArrowCursor)
            return
        plot = self._plot()
        at = self._low + (min(max(x, plot.left()), plot.right()) - plot.left()) / plot.width() * (
            self._high - self._low
        )
        at = round(at, 3)
        if self._held is Verdict.REVIEW:
            self._limits = replace(self._limits, review=min(at, self._limits.fail))
        else:
            self._limits = replace(self._limits, fail=max(at, self._limits.review))
        self.update()
        self.moved.emit(self._limits)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:  # noqa: N802
        """Let go."""
        if self._held is not None:
            self._held = None
            self._rescale()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw bars, axis and lines."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(figures(CAPTION))
        plot = self._plot()
        self._draw_bars(painter, self._normals, tokens().line, 110)
        self._draw_bars(painter, self._defects, VERDICT_LOOK[Verdict.FAIL].color, 190)
        self._draw_steps(painter, self._recent, tokens().accent_text)
        painter.setPen(QPen(QColor(tokens().line), 1))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        painter.setPen(QColor(tokens().muted))
        under = QRectF(plot.left(), plot.bottom() + 2, plot.width(), BOTTOM - 2)
        painter.drawText(under, Qt.AlignmentFlag.AlignLeft, number(self._low))
        painter.drawText(under, Qt.AlignmentFlag.AlignRight, number(self._high))
        painter.drawText(under, Qt.AlignmentFlag.AlignHCenter, self.tr("score"))
        if self._limits is not None:
            self._draw_line(painter, self._limits.review, Verdict.REVIEW)
            self._draw_line(painter, self._limits.fail, Verdict.FAIL)

    def _plot(self) -> QRectF:
        return QRectF(HANDLE / 2, TOP, self.width() - HANDLE, self.height() - TOP - BOTTOM)

    def _rescale(self) -> None:
        """Choose the axis: all normals and both limits, and of what lies far above them only the beginning."""
        limits = [] if self._limits is None else [self._limits.review, self._limits.fail]
        values = np.concatenate((self._normals, self._recent, self._defects, limits))
        if values.size:
            core = np.concatenate((self._normals if self._normals.size else self._recent, limits))
            low, most = float(values.min()), float(core.max())
            room = max(most - float(np.median(core)), 0.5)
            high = min(float(values.max()), most + room)
            self._low, self._high = low - room / 10, high + room / 5
        self.update()

    def _heights(self, scores: Heights) -> Heights:
        """Return the heights of the bars in 0..1; what lies beyond the axis is in the last one."""
        inside = np.clip(scores, self._low, self._high)
        counts = np.histogram(inside, BINS, (self._low, self._high))[0]
        return np.asarray(np.sqrt(counts / counts.max()))

    def _draw_bars(self, painter: QPainter, scores: Heights, color: str, alpha: int) -> None:
        if not scores.size:
            return
        fill = QColor(color)
        fill.setAlpha(alpha)
        plot = self._plot()
        wide = plot.width() / BINS
        for at, height in enumerate(self._heights(scores)):
            if height:
                tall = height * plot.height()
                painter.fillRect(QRectF(plot.left() + at * wide, plot.bottom() - tall, wide, tall), fill)

    def _draw_steps(self, painter: QPainter, scores: Heights, color: str) -> None:
        if not scores.size:
            return
        plot = self._plot()
        wide = plot.width() / BINS
        corners = [plot.bottomLeft()]
        for at, height in enumerate(self._heights(scores)):
            y = plot.bottom() - height * plot.height()
            corners += [QPointF(plot.left() + at * wide, y), QPointF(plot.left() + (at + 1) * wide, y)]
        painter.setPen(QPen(QColor(color), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([*corners, plot.bottomRight()]))

    def _draw_line(self, painter: QPainter, limit: float, verdict: Verdict) -> None:
        x, color = self.x_of(limit), tokens().verdict(verdict)
        painter.setPen(QPen(QColor(color), 2))
        painter.drawLine(QPointF(x, HANDLE), QPointF(x, self._plot().bottom()))
        draw_shape(painter, verdict, QRectF(x - HANDLE / 2, 0, HANDLE, HANDLE), color, tokens().surface)

    def _near(self, x: float) -> Verdict | None:
        """Return the line in reach; of two on one spot the one that can move that way."""
        if self._limits is None:
            return None
        review, fail = abs(x - self.x_of(self._limits.review)), abs(x - self.x_of(self._limits.fail))
        if min(review, fail) > REACH:
            return None
        on_the_right = x >= self.x_of(self._limits.fail)
        return Verdict.FAIL if fail < review or (fail == review and on_the_right) else Verdict.REVIEW
