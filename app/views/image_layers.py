"""The layers of a picture view: picture, heat map, mask, outline and the region of interest."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from pyqtgraph.GraphicsScene.mouseEvents import MouseDragEvent
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsPathItem, QGraphicsRectItem

from almrr_core.types import Limits, ScoreMap
from app.views.overlay import Segments, heat_scale, heat_table, mask_levels, thinned

OUTLINE_WIDTH = 2.0
MASK_ALPHA = 140
HEAT_SIDE = 1024  # most map pixels along a side of the heat map; the mask always has all of them


class Layer(pyqtgraph.ImageItem):  # type: ignore[misc]  # pyqtgraph has no types
    """An image with its rows first; `smooth` says whether it is scaled by its pixels or between them."""

    def __init__(self, smooth: bool) -> None:
        super().__init__(axisOrder="row-major")
        self.smooth = smooth

    def paint(self, painter: QPainter, *args: object) -> None:
        """Draw with the scaling chosen."""
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.smooth)
        super().paint(painter, *args)


class HeatLayer(Layer):
    """A score map in the colours of the heat map, thinned to what a screen can show."""

    def __init__(self) -> None:
        super().__init__(smooth=True)

    def show_map(self, score_map: ScoreMap, place: QRectF, limits: Limits, opacity: float) -> None:
        """Draw a map that lies at `place` in the picture."""
        step, heat = thinned(score_map, HEAT_SIDE)
        across, down = place.width() / score_map.shape[1], place.height() / score_map.shape[0]
        rect = QRectF(place.x(), place.y(), heat.shape[1] * step * across, heat.shape[0] * step * down)
        table, levels = heat_table(opacity), heat_scale(limits)
        self.setImage(heat, autoLevels=False, levels=levels, lut=table, rect=rect)


class MaskLayer(Layer):
    """The pixels of a map that are ≥ a limit, exactly those."""

    def __init__(self) -> None:
        super().__init__(smooth=False)

    def show_map(self, score_map: ScoreMap, place: QRectF, limit: float, color: str) -> None:
        """Draw the mask of a map that lies at `place`; by another limit it takes milliseconds."""
        if self.image is score_map:
            self.setLevels(mask_levels(limit))
            return
        ink = QColor(color)
        table = np.array([[0, 0, 0, 0], [ink.red(), ink.green(), ink.blue(), MASK_ALPHA]], np.uint8)
        self.setImage(score_map, autoLevels=False, levels=mask_levels(limit), lut=table, rect=place)


class OutlineItem(QGraphicsPathItem):
    """The borders of the regions, 2 px wide at any zoom."""

    def show_segments(self, segments: Segments, corner: QPointF, color: str) -> None:
        """Draw segments of a map whose corner lies at `corner` in the picture, pixel on pixel."""
        across, down = corner.x() + segments[:, 0::2], corner.y() + segments[:, 1::2]
        self.setPen(_cosmetic(color, Qt.PenStyle.SolidLine))
        self.setPath(pyqtgraph.arrayToQPath(across.ravel(), down.ravel(), connect="pairs"))

    def clear(self) -> None:
        """Draw nothing."""
        self.setPath(QPainterPath())


class BoxItem(QGraphicsRectItem):
    """A dashed rectangle in picture pixels: the region of interest."""

    def __init__(self, color: str) -> None:
        super().__init__()
        self.set_color(color)

    def set_color(self, color: str) -> None:
        """Draw in `color`."""
        self.setPen(_cosmetic(color, Qt.PenStyle.DashLine))


class Canvas(pyqtgraph.ViewBox):  # type: ignore[misc]  # pyqtgraph has no types
    """The plane the layers lie on, in picture pixels; dragging pans it, or draws a rectangle when asked to."""

    rectangle_drawn = Signal(object)  # QRectF in picture pixels, while and after dragging

    def __init__(self) -> None:
        super().__init__(lockAspect=True, invertY=True, enableMenu=False, defaultPadding=0)
        self.drawing = False

    def mouseDragEvent(self, event: MouseDragEvent, axis: int | None = None) -> None:  # noqa: N802
        """Draw a rectangle while `drawing`, else pan; the right button does nothing."""
        if event.button() == Qt.MouseButton.RightButton:
            event.ignore()
        elif self.drawing and event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            start, end = (self.mapToView(QPointF(p)) for p in (event.buttonDownPos(), event.pos()))
            self.rectangle_drawn.emit(QRectF(start, end).normalized())
        else:
            super().mouseDragEvent(event, axis)


def _cosmetic(color: str, style: Qt.PenStyle) -> QPen:
    pen = QPen(QColor(color), OUTLINE_WIDTH, style, Qt.PenCapStyle.SquareCap, Qt.PenJoinStyle.MiterJoin)
    pen.setCosmetic(True)
    return pen
