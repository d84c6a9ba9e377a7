"""The control chart of PASS scores since the promotion: the moving average within its limits."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.services.training_values import Chart
from app.theme import CAPTION, GAP, MARGIN, STEP, Role, figures, set_role, theme, tokens
from app.views.log_words import local_time, number, zone_of

HEIGHT, LABELS = 96, 72
DOT = 5.0


class DriftCard(QFrame):
    """The chart with its sentence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._heading, self._sentence, self._plot = QLabel(self), QLabel(self), _Plot(self)
        self._heading.setText(self.tr("Do good parts still look as they did?"))
        set_role(self._heading, Role.HEADING)
        self._sentence.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, GAP, MARGIN, GAP)
        column.setSpacing(STEP)
        for widget in (self._heading, self._sentence, self._plot):
            column.addWidget(widget)
        theme().changed.connect(self._recolor)
        self.show_chart(None)

    @property
    def sentence(self) -> str:
        """Return what the chart says in words."""
        return self._sentence.text()

    def show_chart(self, chart: Chart | None) -> None:
        """Show a chart, None where there is no active model."""
        self._chart = chart
        self._plot.show_chart(chart)
        self._plot.setVisible(chart is not None and bool(chart.points))
        if chart is None:
            self._sentence.setText(self.tr("The trend of PASS scores will be here once a model is active."))
        else:
            sign = "▲ " if chart.drifted else ""
            since = f"{local_time(chart.since)[:-3]} {zone_of(chart.since)}"
            words = self.tr("{0}{1} Active since {2}.").format(sign, chart.sentence, since)
            self._sentence.setText(words)
        self._recolor()

    def _recolor(self, *_unused: object) -> None:
        drifted = self._chart is not None and self._chart.drifted
        self._sentence.setStyleSheet(f"color: {tokens().fail}; font-weight: 600;" if drifted else "")


class _Plot(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chart: Chart | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Control chart of PASS scores"))

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(400, HEIGHT)

    def show_chart(self, chart: Chart | None) -> None:
        self._chart = chart
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        chart = self._chart
        if chart is None or not chart.points:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(figures(CAPTION))
        plot = QRectF(STEP, STEP, self.width() - LABELS - STEP, self.height() - 2 * STEP)
        values = [value for _, mean, average in chart.points for value in (mean, average)]
        low, high = min([*values, chart.low]), max([*values, chart.high])
        room = max(high - low, 1e-6)
        self._draw_limits(painter, plot, chart, low, room)
        xs = [plot.left() + (at + 0.5) * plot.width() / len(chart.points) for at in range(len(chart.points))]
        dot = QPen(QColor(tokens().muted), DOT)
        dot.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(dot)
        means = [QPointF(x, _y(plot, one[1], low, room)) for x, one in zip(xs, chart.points, strict=True)]
        painter.drawPoints(QPolygonF(means))
        averages = [QPointF(x, _y(plot, one[2], low, room)) for x, one in zip(xs, chart.points, strict=True)]
        painter.setPen(QPen(QColor(tokens().accent_text), 2))
        painter.drawPolyline(QPolygonF(averages))

    def _draw_limits(self, painter: QPainter, plot: QRectF, chart: Chart, low: float, room: float) -> None:
        lines = (
            (chart.high, tokens().review, self.tr("high")),
            (chart.centre, tokens().line, self.tr("usual")),
            (chart.low, tokens().review, self.tr("low")),
        )
        free, text = -1e9, painter.fontMetrics().height()
        for value, color, word in lines:
            y = _y(plot, value, low, room)
            painter.setPen(QPen(QColor(color), 1.5))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(QColor(tokens().text))
            top = max(y - text / 2, free, 0.0)
            painter.drawText(QRectF(plot.right() + STEP, top, LABELS, text), f"{word} {number(value)}")
            free = top + text


def _y(plot: QRectF, value: float, low: float, room: float) -> float:
    return plot.bottom() - (value - low) / room * plot.height()
