"""The fixed scale of the heat map, with the pixel limit marked on it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from almrr_core.types import Limits
from app.theme import CAPTION, GAP, figures, theme, tokens
from app.views.log_words import number
from app.views.overlay import heat_scale, heat_table

WIDTH, BAR, TICK = 92, 14, 5


class ColorBar(QWidget):
    """A bar from the start of the heat map's scale to its end; what lies below the start stays clear."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._limits: Limits | None = None
        self._opacity = 1.0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Scale of the heat map"))
        self.setToolTip(
            self.tr("Scale of the heat map, the same for every part. Regions begin at the pixel limit.")
        )
        theme().changed.connect(self.update)

    def show_scale(self, limits: Limits | None, opacity: float) -> None:
        """Show the scale that belongs to these limits."""
        self._limits, self._opacity = limits, opacity
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the width that bar and labels need."""
        return QSize(WIDTH, 160)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the bar, its ends and the limit."""
        if self._limits is None:
            return
        painter = QPainter(self)
        painter.setFont(figures(CAPTION))
        bar = QRectF(GAP, 2 * GAP, BAR, self.height() - 4 * GAP)
        self._draw_bar(painter, bar)
        start, end = heat_scale(self._limits)
        self._label(painter, bar, bar.top(), number(end))
        self._label(painter, bar, bar.bottom(), number(start))
        limit_at = bar.bottom() - bar.height() / 3
        painter.setPen(QPen(QColor(tokens().text), 2))
        painter.drawLine(QPointF(bar.left() - 3, limit_at), QPointF(bar.right() + TICK, limit_at))
        self._label(painter, bar, limit_at, number(self._limits.pixel), self.tr("pixel limit"))

    def _draw_bar(self, painter: QPainter, bar: QRectF) -> None:
        gradient = QLinearGradient(bar.bottomLeft(), bar.topLeft())
        table = heat_table(self._opacity).tolist()
        for index in range(0, 256, 15):
            gradient.setColorAt(index / 255, QColor(*table[index]))
        painter.fillRect(bar, QColor("#8A8F98"))  # a middle gray stands for the picture
        painter.fillRect(bar, gradient)
        painter.setPen(QPen(QColor(tokens().line), 1))
        painter.drawRect(bar)

    def _label(self, painter: QPainter, bar: QRectF, at: float, value: str, below: str = "") -> None:
        left, high = bar.right() + TICK + 4, painter.fontMetrics().height()
        space = QRectF(left, at - high / 2, self.width() - left, high)
        left_aligned = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(tokens().text if below else tokens().muted))
        painter.drawText(space, left_aligned, value)
        if below:
            painter.drawText(space.translated(0, high), left_aligned, below)
