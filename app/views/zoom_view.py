"""A plane of picture pixels seen from any distance: fit, 1:1, wheel, pinch, keys, and dragging to pan."""

from __future__ import annotations

import pyqtgraph
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QNativeGestureEvent, QResizeEvent
from PySide6.QtWidgets import QGestureEvent, QPinchGesture, QWidget

from app.views.image_layers import Canvas

ZOOM_STEP = 1.25
PAN_STEP = 0.1  # of what is seen, at an arrow key
CLOSEST, FARTHEST = 8, 16  # picture pixels across at most zoom; whole pictures across at least


class ZoomView(pyqtgraph.GraphicsView):  # type: ignore[misc]  # pyqtgraph has no types
    """Shows the items of its `canvas`; stays fitted while nobody zoomed or panned."""

    scale_changed = Signal(float)  # screen pixels a picture pixel
    pointed = Signal(object)  # QPointF in picture pixels, None when the pointer left

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None)
        self.canvas = Canvas()
        self.fitted = True
        self._size = (1, 1)
        self.setCentralItem(self.canvas)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_AcceptTouchEvents)
        self.viewport().grabGesture(Qt.GestureType.PinchGesture)
        self.canvas.sigRangeChangedManually.connect(self._moved_by_hand)
        self.canvas.sigRangeChanged.connect(self._range_changed)

    def set_size(self, width: int, height: int) -> None:
        """Take the size of the plane in picture pixels; another size than before is fitted."""
        if (width, height) == self._size:
            return
        self._size = (width, height)
        most = FARTHEST * max(width, height)
        self.canvas.setLimits(minXRange=CLOSEST, minYRange=CLOSEST, maxXRange=most, maxYRange=most)
        self.fit()

    def fit(self) -> None:
        """Show the whole plane, and keep it whole when the window changes."""
        self.fitted = True
        self.canvas.setRange(QRectF(0, 0, *self._size), padding=0)

    def actual_size(self) -> None:
        """Show one picture pixel on one screen pixel, around what is in the middle."""
        self.zoom(1 / self.scale)

    def zoom(self, factor: float, around: QPointF | None = None) -> None:
        """Enlarge what is seen by `factor` around a place of the plane, its middle by default."""
        self.fitted = False
        self.canvas.scaleBy((1 / factor, 1 / factor), center=around or self.canvas.viewRect().center())

    @property
    def scale(self) -> float:
        """Return how many screen pixels (of the device) a picture pixel has."""
        seen = self.canvas.viewRect().width()
        return float(self.canvas.width() * self.devicePixelRatioF() / seen) if seen else 1.0

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """+ and - zoom, 0 fits, 1 is 1:1, arrows pan; anything else goes on to the page."""
        moves = {
            Qt.Key.Key_Left: (-PAN_STEP, 0.0),
            Qt.Key.Key_Right: (PAN_STEP, 0.0),
            Qt.Key.Key_Up: (0.0, -PAN_STEP),
            Qt.Key.Key_Down: (0.0, PAN_STEP),
        }
        key = Qt.Key(event.key())
        if key in moves:
            self._pan(*moves[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(ZOOM_STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom(1 / ZOOM_STEP)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key == Qt.Key.Key_1:
            self.actual_size()
        else:
            event.ignore()

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        """Zoom by two fingers on a screen or a touch pad; say where the pointer is."""
        if isinstance(event, QGestureEvent):
            pinch = event.gesture(Qt.GestureType.PinchGesture)
            if isinstance(pinch, QPinchGesture):
                self.zoom(pinch.scaleFactor(), self._at(pinch.centerPoint() - QPointF(self._corner())))
                return True
        zooms = Qt.NativeGestureType.ZoomNativeGesture
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == zooms:
            self.zoom(1 + event.value(), self._at(event.position()))
            return True
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseMove:
            self.pointed.emit(self._at(event.position()))
        elif event.type() == QEvent.Type.Leave:
            self.pointed.emit(None)
        return bool(super().viewportEvent(event))

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Stay fitted."""
        super().resizeEvent(event)
        if getattr(self, "fitted", False):  # pyqtgraph resizes while it is being built
            self.fit()

    def _corner(self) -> QPointF:
        return QPointF(self.viewport().mapToGlobal(self.viewport().rect().topLeft()))

    def _at(self, position: QPointF) -> QPointF:
        return QPointF(self.canvas.mapSceneToView(self.mapToScene(position.toPoint())))

    def _pan(self, across: float, down: float) -> None:
        self.fitted = False
        seen = self.canvas.viewRect()
        self.canvas.translateBy(across * seen.width(), down * seen.height())

    def _moved_by_hand(self, _axes: object) -> None:
        self.fitted = False

    def _range_changed(self, *_change: object) -> None:
        self.scale_changed.emit(self.scale)
