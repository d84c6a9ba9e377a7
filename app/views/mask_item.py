"""A mask over a picture that can be drawn on: brush, eraser, polygon or freehand outline, and undo by stroke.

The mask is one gray image (0 or 255) that Qt's painter draws into; the screen reads the same bytes through a
table of two colours, so a stroke on 5 MP takes a few milliseconds.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from pyqtgraph.GraphicsScene.mouseEvents import HoverEvent, MouseClickEvent, MouseDragEvent
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from almrr_core.types import Mask

INK, ALPHA = "#56B4E9", 120  # sky blue: neither a verdict nor in the heat map
MOST_UNDO = 40
CLOSE_BY = 10  # screen pixels from the first corner at which a polygon closes
Packed = NDArray[np.uint8]


class Tool(StrEnum):
    """What the left button does."""

    BRUSH = "brush"
    ERASER = "eraser"
    POLYGON = "polygon"


class MaskItem(pyqtgraph.GraphicsObject):  # type: ignore[misc]  # pyqtgraph has no types
    """Lies on a canvas in picture pixels; takes the mouse only while `editing`."""

    stroked = Signal()  # the mask is another one now

    def __init__(self) -> None:
        super().__init__()
        self.tool, self.size = Tool.BRUSH, 24
        self._editing = False
        self._gray = QImage(1, 1, QImage.Format.Format_Grayscale8)
        self._shown = QImage()
        self._before: list[Packed] = []
        self._corners: list[QPointF] = []
        self._pointer: QPointF | None = None
        self.setZValue(50)
        self.clear()

    @property
    def editing(self) -> bool:
        """Return whether the mouse draws."""
        return self._editing

    @property
    def can_undo(self) -> bool:
        """Return whether there is a stroke to take back."""
        return bool(self._before or self._corners)

    @property
    def mask(self) -> Mask:
        """Return a copy of the mask (H, W)."""
        return np.asarray(self._pixels() > 0)

    def set_editing(self, on: bool) -> None:
        """Let the mouse draw, or leave it to the canvas."""
        self._editing = on
        self._pointer = None
        self._corners.clear()
        self.setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.setVisible(False)
        self._before.clear()
        self._corners.clear()

    def start(self, mask: Mask) -> None:
        """Show a mask (H, W); strokes before it are forgotten."""
        self.prepareGeometryChange()
        self._gray = QImage(mask.shape[1], mask.shape[0], QImage.Format.Format_Grayscale8)
        self._pixels()[:] = mask.view(np.uint8) * np.uint8(255)
        line = self._gray.bytesPerLine()
        kind = QImage.Format.Format_Indexed8
        self._shown = QImage(self._gray.constBits(), self._gray.width(), self._gray.height(), line, kind)
        ink = QColor(INK)
        ink.setAlpha(ALPHA)
        self._shown.setColorTable([0] * 255 + [ink.rgba()])
        self._before.clear()
        self._corners.clear()
        self.setVisible(True)
        self.update()

    def replace(self, mask: Mask) -> None:
        """Put another mask in place of this one; it can be undone."""
        self._remember()
        self._pixels()[:] = mask.view(np.uint8) * np.uint8(255)
        self._end()

    def undo(self) -> None:
        """Take back the last stroke, or the corners of a polygon that is not closed."""
        if self._corners:
            self._corners.clear()
            self.update()
        elif self._before:
            height, width = self._gray.height(), self._gray.width()
            flat = np.unpackbits(self._before.pop(), count=height * width)
            self._pixels()[:] = flat.reshape(height, width) * np.uint8(255)
            self._end()

    def boundingRect(self) -> QRectF:  # noqa: N802
        """Return the whole picture."""
        return QRectF(0, 0, self._gray.width(), self._gray.height())

    def paint(self, painter: QPainter, *_args: object) -> None:
        """Draw the mask, the polygon so far, and the size of the brush."""
        painter.drawImage(self.boundingRect(), self._shown)
        pen = QPen(QColor(INK), 2)
        pen.setCosmetic(True)
        painter.setPen(pen)
        if self._corners:
            painter.drawPolyline(QPolygonF(self._corners + ([self._pointer] if self._pointer else [])))
        elif self._editing and self._pointer is not None and self.tool is not Tool.POLYGON:
            painter.drawEllipse(self._pointer, self.size / 2, self.size / 2)

    def hoverEvent(self, event: HoverEvent) -> None:  # noqa: N802
        """Follow the pointer."""
        if not self._editing:
            return
        event.acceptDrags(Qt.MouseButton.LeftButton)
        event.acceptClicks(Qt.MouseButton.LeftButton)
        self._pointer = None if event.isExit() else QPointF(event.pos())
        self.update()

    def mouseDragEvent(self, event: MouseDragEvent) -> None:  # noqa: N802
        """Draw a stroke, or a freehand outline that is filled when the button is let go."""
        if not self._editing or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        event.accept()
        begin = QPointF(event.buttonDownPos() if event.isStart() else event.lastPos())
        end = self._pointer = QPointF(event.pos())
        if self.tool is Tool.POLYGON:
            self._corners += [begin, end] if event.isStart() else [end]
            if event.isFinish():
                self._fill()
            self.update()
            return
        if event.isStart():
            self._remember()
        self._line(begin, end)
        if event.isFinish():
            self._end()

    def mouseClickEvent(self, event: MouseClickEvent) -> None:  # noqa: N802
        """Draw a dot, or set a corner of the polygon; a double click or the first corner closes it."""
        if not self._editing or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        event.accept()
        at = QPointF(event.pos())
        if self.tool is not Tool.POLYGON:
            self._remember()
            self._line(at, at)
            self._end()
        elif event.double() or self._closes(at):
            self._fill()
        else:
            self._corners.append(at)
            self.update()

    def _closes(self, at: QPointF) -> bool:
        if len(self._corners) < 3:
            return False
        away = self.mapToDevice(at) - self.mapToDevice(self._corners[0])
        return bool(abs(away.x()) + abs(away.y()) <= CLOSE_BY)

    def _fill(self) -> None:
        corners, self._corners = self._corners, []
        if len(corners) > 2:
            self._remember()
            painter = QPainter(self._gray)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(255, 255, 255))
            painter.drawPolygon(QPolygonF(corners))
            painter.end()
            self._end()

    def _line(self, begin: QPointF, end: QPointF) -> None:
        value = 0 if self.tool is Tool.ERASER else 255
        painter = QPainter(self._gray)
        solid, cap = Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap
        painter.setPen(QPen(QColor(value, value, value), self.size, solid, cap))
        if begin == end:
            painter.drawPoint(begin)
        else:
            painter.drawLine(begin, end)
        painter.end()
        self.update()

    def _remember(self) -> None:
        self._before.append(np.packbits(self._pixels() > 0))
        del self._before[:-MOST_UNDO]

    def _end(self) -> None:
        self.update()
        self.stroked.emit()

    def _pixels(self) -> NDArray[np.uint8]:
        """Return the gray image's own bytes (H, W)."""
        flat = np.frombuffer(self._gray.bits(), np.uint8)
        return flat.reshape(self._gray.height(), self._gray.bytesPerLine())[:, : self._gray.width()]
