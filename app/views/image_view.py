"""A picture under its heat map, with the exact outline of its regions.

While a limit is dragged the mask itself is drawn, exact to the pixel, from a table of two colours (4-9 ms at
2048²). When it rests, the outline takes over: runs of mask pixels joined by numpy, on this thread, as that
takes less time than a frame of the screen.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGraphicsItem, QHBoxLayout, QWidget

from almrr_core.judge import regions_of
from almrr_core.types import Box, Limits, Picture, Region, ScoreMap, Verdict
from app.theme import VERDICT_LOOK, Tokens, theme, tokens
from app.views.color_bar import ColorBar
from app.views.image_hint import Hint
from app.views.image_layers import BoxItem, HeatLayer, Layer, MaskLayer, OutlineItem
from app.views.overlay import enlarged, heat_scale, region_at, regions_outline
from app.views.zoom_view import ZOOM_STEP, ZoomView

REST = 120  # ms without a new limit until the outline is drawn again
CRISP_FROM = 2.0  # screen pixels a picture pixel: from here on its pixels are shown as squares


class ImageView(QWidget):
    """One frame, its map and its regions. Coordinates are picture pixels."""

    roi_drawn = Signal(object)  # Box: a rectangle was dragged in ROI mode
    scale_changed = Signal(float)  # screen pixels a picture pixel

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._map: ScoreMap | None = None
        self._limits: Limits | None = None
        self._regions: tuple[Region, ...] | None = ()  # None: to be found when asked for
        self._place, self._size = QRectF(), (1, 1)  # where the map lies; width and height of the frame
        self._color, self._opacity, self._heat_on, self._outline_on = "", 0.6, True, True
        self._pointer: QPointF | None = None
        self._zoom, self._bar = ZoomView(self), ColorBar(self)
        self._picture, self._heat, self._mask = Layer(smooth=True), HeatLayer(), MaskLayer()
        self._outline, self._roi = OutlineItem(), BoxItem(tokens().accent_text)
        self._hint = Hint(self._zoom)
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._build()
        self._recolor()
        self.clear()

    def show_frame(
        self,
        picture: Picture | None,
        score_map: ScoreMap | None,
        regions: tuple[Region, ...] | None,
        limits: Limits | None,
        *,
        roi: Box | None = None,
        verdict: Verdict = Verdict.FAIL,
        size: tuple[int, int] | None = None,
    ) -> None:
        """Show a frame; the view keeps its zoom as long as the frames keep their size.

        The map lies on `roi`, on the whole picture without one, whatever its own resolution; `regions` are its
        regions at `limits` in picture pixels from the corner of `roi`, None where they are to be found. `size`
        (width, height) is that of the frame where `picture` is a smaller copy. The outline has the colour of
        `verdict`.
        """
        self._limits, self._regions = limits, regions
        self._color = VERDICT_LOOK[Verdict.FAIL if verdict is Verdict.PASS else verdict].color
        self._size = size or _size_of(picture, score_map)
        self._zoom.set_size(*self._size)
        self._place = (
            QRectF(0, 0, *self._size) if roi is None else QRectF(roi.x, roi.y, roi.width, roi.height)
        )
        place = int(self._place.width()), int(self._place.height())
        self._map = None if limits is None or score_map is None else enlarged(score_map, *place)
        self._picture.setVisible(picture is not None)
        if picture is not None:
            levels = (0, 255) if picture.ndim == 2 else None
            self._picture.setImage(picture, autoLevels=False, levels=levels, rect=QRectF(0, 0, *self._size))
        self._show_heat()
        self._settle()
        self._say_hint()

    def clear(self) -> None:
        """Show nothing."""
        self._map, self._limits, self._regions = None, None, ()
        self._picture.setVisible(False)
        self._picture.clear()
        self._show_heat()
        self._settle()
        self._say_hint()

    def set_limits(self, limits: Limits) -> None:
        """Draw the shown map by other limits, as they are dragged; the mask is exact at once."""
        before = self._limits
        if self._map is None or before is None:
            return
        self._limits = limits
        if (before.pixel, before.min_area) == (limits.pixel, limits.min_area):
            return
        self._regions = None
        self._outline.clear()
        self._heat.setLevels(heat_scale(limits))
        self._bar.show_scale(limits, self._opacity)
        self._show_mask()
        self._rest.start()

    def set_heat(self, opacity: float, visible: bool) -> None:
        """Show the heat map with this opacity (0..1) at the pixel limit, or not at all."""
        self._opacity, self._heat_on = opacity, visible
        self._show_heat()

    def set_outline(self, visible: bool) -> None:
        """Outline the regions or not."""
        self._outline_on = visible
        self._settle()

    def set_roi_mode(self, on: bool) -> None:
        """While on, dragging draws a rectangle (`roi_drawn`) instead of moving the picture."""
        self._zoom.canvas.drawing = on
        self._zoom.viewport().setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)

    def show_roi(self, box: Box | None) -> None:
        """Show a dashed rectangle, or none."""
        self._roi.setVisible(box is not None)
        if box is not None:
            self._roi.setRect(box.x, box.y, box.width, box.height)

    def add_layer(self, item: QGraphicsItem) -> None:
        """Lay an item in picture pixels over the others."""
        self._zoom.canvas.addItem(item, ignoreBounds=True)

    @property
    def frame_size(self) -> tuple[int, int]:
        """Return the width and height of the frame shown last, (1, 1) before the first."""
        return self._size

    @property
    def scale(self) -> float:
        """Return how many screen pixels a picture pixel has."""
        return self._zoom.scale

    def fit(self) -> None:
        """Show the whole frame, and keep it whole when the window changes."""
        self._zoom.fit()

    def actual_size(self) -> None:
        """Show one picture pixel on one screen pixel."""
        self._zoom.actual_size()

    def zoom_in(self) -> None:
        """Come a step closer."""
        self._zoom.zoom(ZOOM_STEP)

    def zoom_out(self) -> None:
        """Go a step back."""
        self._zoom.zoom(1 / ZOOM_STEP)

    def _build(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._zoom, 1)
        row.addWidget(self._bar)
        self.setFocusProxy(self._zoom)
        for item in (self._picture, self._heat, self._mask, self._outline, self._roi):
            self._zoom.canvas.addItem(item, ignoreBounds=True)
        self._roi.setVisible(False)
        self._zoom.scale_changed.connect(self._take_scale)
        self._zoom.pointed.connect(self._point)
        self._zoom.canvas.rectangle_drawn.connect(self._take_rectangle)
        self._rest.timeout.connect(self._settle)
        theme().changed.connect(self._recolor)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        self._zoom.setBackground(QColor(tokens().picture))
        self._roi.set_color(tokens().accent_text)

    def _show_heat(self) -> None:
        shown = self._map is not None and self._heat_on
        self._heat.setVisible(shown)
        self._bar.show_scale(self._limits if shown else None, self._opacity)
        if self._map is None or self._limits is None or not shown:
            return
        self._heat.show_map(self._map, self._place, self._limits, self._opacity)

    def _show_mask(self) -> None:
        assert self._map is not None and self._limits is not None
        self._mask.show_map(self._map, self._place, self._limits.pixel, self._color)
        self._mask.setVisible(True)

    def _settle(self) -> None:
        """Draw the outline in place of the mask; a mask too torn to outline stays as it is."""
        self._rest.stop()
        self._mask.setVisible(False)
        self._outline.clear()
        if self._map is None or self._limits is None or not self._outline_on:
            self._mask.clear()
            return
        limits = self._limits
        segments = regions_outline(self._map, limits.pixel, limits.min_area, self._regions)
        if segments is None:
            self._show_mask()
        else:
            self._outline.show_segments(segments, self._place.topLeft(), self._color)

    def _take_scale(self, scale: float) -> None:
        self._picture.smooth = scale < CRISP_FROM
        self.scale_changed.emit(scale)

    def _take_rectangle(self, rectangle: QRectF) -> None:
        inside = rectangle.intersected(QRectF(0, 0, *self._size)).toRect() & QRect(0, 0, *self._size)
        if not inside.isEmpty():
            self.roi_drawn.emit(Box(inside.x(), inside.y(), inside.width(), inside.height()))

    def _point(self, at: QPointF | None) -> None:
        self._pointer = at
        self._say_hint()

    def _say_hint(self) -> None:
        """Say the score under the pointer, and the region it is in."""
        at = self._pointer
        if at is None or self._map is None or self._limits is None or not self._place.contains(at):
            self._hint.setVisible(False)
            return
        x, y = at.x() - self._place.x(), at.y() - self._place.y()
        if self._regions is None and not self._rest.isActive():
            self._regions = regions_of(self._map, self._limits)
        row, column = min(int(y), self._map.shape[0] - 1), min(int(x), self._map.shape[1] - 1)
        self._hint.say(float(self._map[row, column]), self._limits, region_at(self._regions or (), x, y))


def _size_of(picture: Picture | None, score_map: ScoreMap | None) -> tuple[int, int]:
    shown = picture if picture is not None else score_map
    return (1, 1) if shown is None else (shown.shape[1], shown.shape[0])
