"""The last thirty parts as small pictures with an edge in their verdict's colour, the newest on the right."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QToolTip, QWidget

from almrr_core.types import Picture, Verdict
from app.theme import STEP, VERDICT_LOOK, theme, tokens
from app.views.kept_part import MOST, Kept
from app.views.log_words import local_time, number, verdict_word
from app.views.verdict_shape import draw_shape

THUMB = QSize(76, 57)
EDGE, SHAPE = 3, 18
CELL = THUMB.width() + 2 * EDGE + STEP
HEIGHT = THUMB.height() + 2 * EDGE + STEP


@dataclass(frozen=True, slots=True, eq=False)
class _Cell:
    part: Kept
    pixmap: QPixmap


class FilmStrip(QScrollArea):
    """Shows parts and says which one was chosen, by a click or by the arrow keys and Enter."""

    chosen = Signal(object)  # Kept

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._film = _Film(self)
        self.setWidget(self._film)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._film.chosen.connect(self.chosen)
        self.horizontalScrollBar().rangeChanged.connect(self._to_the_end)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the height of the pictures and the scroll bar."""
        return QSize(400, HEIGHT + 12)

    def add(self, part: Kept) -> None:
        """Show a new part."""
        self._film.add(part)

    def clear(self) -> None:
        """Forget all parts."""
        self._film.clear()

    def select(self, part: Kept | None) -> None:
        """Mark the part that is looked at, or none."""
        self._film.select(part)
        if part is None:
            self._to_the_end()
        else:
            middle = self.place_of(part)
            self.ensureVisible(middle.x(), middle.y(), CELL, 0)

    @property
    def film(self) -> QWidget:
        """Return the widget that takes keys and clicks."""
        return self._film

    def place_of(self, part: Kept) -> QPoint:
        """Return the middle of a part's picture on `film`."""
        return self._film.cell_of(part).center()

    def _to_the_end(self, *_range: int) -> None:
        if self._film.selected is None:
            bar = self.horizontalScrollBar()
            bar.setValue(bar.maximum())


class _Film(QWidget):
    chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._cells: deque[_Cell] = deque(maxlen=MOST)
        self.selected: Kept | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("The last {0} parts").format(MOST))
        theme().changed.connect(self.update)

    def add(self, part: Kept) -> None:
        self._cells.append(_Cell(part, _thumb(part.record.frame.picture)))
        self.setMinimumWidth(len(self._cells) * CELL + STEP)
        self.update()

    def clear(self) -> None:
        self._cells.clear()
        self.selected = None
        self.setMinimumWidth(0)
        self.update()

    def select(self, part: Kept | None) -> None:
        self.selected = part
        self.update()

    def cell_of(self, part: Kept) -> QRect:
        at = next((at for at, cell in enumerate(self._cells) if cell.part is part), -1)
        return self._place(at) if at >= 0 else QRect()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._cells:
            painter.setPen(QColor(tokens().muted))
            text = self.tr("The last {0} parts stand here. Choose one to look at it; the line goes on.")
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), text.format(MOST))
        for at, cell in enumerate(self._cells):
            place = self._place(at)
            if place.intersects(event.rect()):  # most are scrolled out of sight
                self._draw(painter, cell, QRectF(place))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        event.accept()  # else the release goes elsewhere

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        at = self._at(event.position().toPoint())
        if at is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self._cells[at].part)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() not in steps or not self._cells:
            event.ignore()
            return
        parts = [cell.part for cell in self._cells]
        here = parts.index(self.selected) if self.selected in parts else len(parts)
        at = min(max(here + steps[Qt.Key(event.key())], 0), len(parts) - 1)
        self.chosen.emit(parts[at])

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = self._at(event.pos())
            QToolTip.showText(event.globalPos(), "" if at is None else _words(self._cells[at].part), self)
            return True
        return super().event(event)

    def _place(self, at: int) -> QRect:
        right = self.width() - (len(self._cells) - at) * CELL
        return QRect(right, STEP // 2, THUMB.width() + 2 * EDGE, THUMB.height() + 2 * EDGE)

    def _at(self, point: QPoint) -> int | None:
        return next((at for at in range(len(self._cells)) if self._place(at).contains(point)), None)

    def _draw(self, painter: QPainter, cell: _Cell, place: QRectF) -> None:
        verdict = cell.part.record.verdict
        look = VERDICT_LOOK[verdict]
        painter.fillRect(place, QColor(tokens().surface))
        side = cell.pixmap.deviceIndependentSize()
        corner = place.center() - QPointF(side.width() / 2, side.height() / 2)
        painter.drawPixmap(corner, cell.pixmap)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        pen = QPen(QColor(look.color), EDGE, Qt.PenStyle.DotLine if look.hatched else Qt.PenStyle.SolidLine)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.drawRect(place.adjusted(EDGE / 2, EDGE / 2, -EDGE / 2, -EDGE / 2))
        if verdict is not Verdict.PASS:
            shape = QRectF(place.right() - SHAPE - EDGE, place.top() + EDGE, SHAPE, SHAPE)
            draw_shape(painter, verdict, shape, look.color, look.ink)
        if cell.part is self.selected:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens().text), 2))
            painter.drawRect(place.adjusted(EDGE + 1, EDGE + 1, -EDGE - 1, -EDGE - 1))


def _thumb(picture: Picture | None) -> QPixmap:
    if picture is None:
        return QPixmap(1, 1)
    step = max(picture.shape[1] // (2 * THUMB.width()), picture.shape[0] // (2 * THUMB.height()), 1)
    small = np.ascontiguousarray(picture[::step, ::step])
    kind = QImage.Format.Format_Grayscale8 if small.ndim == 2 else QImage.Format.Format_RGB888
    image = QImage(small.data, small.shape[1], small.shape[0], small.strides[0], kind)
    smooth = Qt.TransformationMode.SmoothTransformation
    thumb = image.scaled(THUMB, Qt.AspectRatioMode.KeepAspectRatio, smooth)
    if max(THUMB.width() - thumb.width(), THUMB.height() - thumb.height()) <= 2:  # rounding leaves a gap
        thumb = image.scaled(THUMB, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
    return QPixmap.fromImage(thumb)


def _words(part: Kept) -> str:
    record = part.record
    at = local_time(record.decided_at)
    return f"{verdict_word(record.verdict)} {number(record.score)}\n{record.request.part_id}\n{at}"
