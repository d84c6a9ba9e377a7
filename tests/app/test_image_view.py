"""The picture view as a person uses it: mouse, wheel, keys, pinch, hovering, drawing a region."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QGestureEvent, QPinchGesture, QWidget
from pytestqt.qtbot import QtBot

from almrr_core.judge import regions_of
from almrr_core.types import Box, Limits, Verdict
from app.theme import apply_theme
from app.views.image_hint import Hint
from app.views.image_layers import HeatLayer, MaskLayer, OutlineItem
from app.views.image_view import ImageView
from app.views.zoom_view import ZoomView
from tests.app.shown_parts import LIMITS, picture, score_map
from tests.snapshots.compare import assert_looks

SIZE = (640, 480)


@pytest.fixture
def view(qtbot: QtBot) -> ImageView:
    made = ImageView()
    made.resize(SIZE[0] + 92, SIZE[1])
    qtbot.addWidget(made)
    made.show()
    made.show_frame(picture(), score_map(), regions_of(score_map(), LIMITS), LIMITS)
    return made


def zoom_of(view: ImageView) -> ZoomView:
    found = view.findChild(ZoomView)
    assert found is not None
    return found


def items(view: ImageView, kind: type) -> list[object]:
    return [item for item in zoom_of(view).scene().items() if isinstance(item, kind)]


def at(view: ImageView, x: float, y: float) -> QPoint:
    """Where a picture pixel is seen, in the viewport."""
    zoom = zoom_of(view)
    return zoom.mapFromScene(zoom.canvas.mapViewToScene(QPointF(x, y)))


def viewport(view: ImageView) -> QWidget:
    port = zoom_of(view).viewport()
    assert isinstance(port, QWidget)
    return port


def move(view: ImageView, point: QPoint, buttons: Qt.MouseButton = Qt.MouseButton.NoButton) -> None:
    where = QPointF(viewport(view).mapToGlobal(point))
    none = Qt.KeyboardModifier.NoModifier
    kind = QEvent.Type.MouseMove
    QApplication.sendEvent(
        viewport(view), QMouseEvent(kind, QPointF(point), where, Qt.MouseButton.NoButton, buttons, none)
    )


def drag(view: ImageView, start: QPoint, end: QPoint) -> None:
    left = Qt.MouseButton.LeftButton
    QTest.mousePress(viewport(view), left, pos=start)
    for share in (0.3, 0.6, 1.0):
        move(view, start + (end - start) * share, left)
        QTest.qWait(12)  # pyqtgraph takes at most 100 moves a second
    QTest.mouseRelease(viewport(view), left, pos=end)


def test_a_frame_is_fitted_and_stays_fitted(view: ImageView, qtbot: QtBot) -> None:
    assert view.scale == pytest.approx(4.0, rel=0.02)
    view.resize(320 + 92, 480)
    qtbot.waitUntil(lambda: view.scale == pytest.approx(2.0, rel=0.02))


def test_one_to_one_and_steps(view: ImageView) -> None:
    view.actual_size()
    assert view.scale == pytest.approx(1.0)
    view.zoom_in()
    assert view.scale == pytest.approx(1.25)
    view.zoom_out()
    view.zoom_out()
    assert view.scale == pytest.approx(0.8)
    view.fit()
    assert view.scale == pytest.approx(4.0, rel=0.02)


def test_keys_zoom_and_pan(view: ImageView) -> None:
    zoom = zoom_of(view)
    QTest.keyClick(zoom, Qt.Key.Key_1)
    assert view.scale == pytest.approx(1.0)
    QTest.keyClick(zoom, Qt.Key.Key_Plus)
    assert view.scale == pytest.approx(1.25)
    before = zoom.canvas.viewRect().center()
    QTest.keyClick(zoom, Qt.Key.Key_Right)
    QTest.keyClick(zoom, Qt.Key.Key_Down)
    after = zoom.canvas.viewRect().center()
    assert after.x() > before.x() and after.y() > before.y()
    QTest.keyClick(zoom, Qt.Key.Key_Minus)
    QTest.keyClick(zoom, Qt.Key.Key_0)
    assert view.scale == pytest.approx(4.0, rel=0.02)


def test_the_wheel_zooms_around_the_pointer(view: ImageView) -> None:
    point, none = at(view, 40, 30), Qt.KeyboardModifier.NoModifier
    where = QPointF(viewport(view).mapToGlobal(point))
    phase, still = Qt.ScrollPhase.NoScrollPhase, QPoint()
    event = QWheelEvent(
        QPointF(point), where, still, QPoint(0, 240), Qt.MouseButton.NoButton, none, phase, False
    )
    QApplication.sendEvent(viewport(view), event)
    assert view.scale > 4.2
    moved = at(view, 40, 30) - point
    assert abs(moved.x()) <= 2 and abs(moved.y()) <= 2


def test_two_fingers_zoom(view: ImageView) -> None:
    pinch = QPinchGesture()
    pinch.setScaleFactor(1.5)
    pinch.setCenterPoint(QPointF(viewport(view).mapToGlobal(at(view, 80, 60))))
    QApplication.sendEvent(viewport(view), QGestureEvent([pinch]))
    assert view.scale == pytest.approx(6.0, rel=0.02)


def test_dragging_pans(view: ImageView) -> None:
    view.actual_size()
    before = at(view, 80, 60)
    drag(view, before, before + QPoint(50, 30))
    moved = at(view, 80, 60) - before
    assert abs(moved.x() - 50) <= 3 and abs(moved.y() - 30) <= 3


def test_the_zoom_stays_from_part_to_part(view: ImageView) -> None:
    view.actual_size()
    view.show_frame(picture(), None, (), None)
    assert view.scale == pytest.approx(1.0)
    view.show_frame(picture(60, 80), None, (), None)  # another size is fitted
    assert view.scale == pytest.approx(8.0, rel=0.02)


def test_hovering_says_score_and_region(view: ImageView) -> None:
    hint = view.findChild(Hint)
    assert hint is not None
    move(view, at(view, 80, 60))
    region = regions_of(score_map(), LIMITS)[0]
    assert not hint.isHidden()
    assert f"Region of {region.area} px" in hint.text()
    assert "highest 4.00" in hint.text() and "pixel limit 2.00" in hint.text()
    move(view, at(view, 5, 5))
    assert "Region" not in hint.text() and "score 0.00" in hint.text()
    QApplication.sendEvent(viewport(view), QEvent(QEvent.Type.Leave))
    assert hint.isHidden()


def test_dragged_limits_draw_the_mask_and_then_its_outline(view: ImageView, qtbot: QtBot) -> None:
    (mask,), (outline,) = items(view, MaskLayer), items(view, OutlineItem)
    assert isinstance(mask, MaskLayer) and isinstance(outline, OutlineItem)
    before = outline.path().elementCount()
    assert before and not mask.isVisible()
    view.set_limits(Limits(0.5, 0.5, 0.5, 4))
    assert mask.isVisible() and not outline.path().elementCount()
    qtbot.waitUntil(lambda: not mask.isVisible(), timeout=5000)
    assert outline.path().elementCount() > before
    hint = view.findChild(Hint)
    move(view, at(view, 80, 60))
    (region,) = regions_of(score_map(), Limits(0.5, 0.5, 0.5, 4))
    assert hint is not None and f"{region.area:,} px" in hint.text()


def test_heat_map_and_outline_can_be_hidden(view: ImageView) -> None:
    (heat,), (outline,) = items(view, HeatLayer), items(view, OutlineItem)
    assert isinstance(heat, HeatLayer) and isinstance(outline, OutlineItem)
    view.set_heat(0.3, visible=False)
    view.set_outline(False)
    assert not heat.isVisible() and not outline.path().elementCount()
    view.set_heat(0.3, visible=True)
    view.set_outline(True)
    assert heat.isVisible() and outline.path().elementCount()
    view.clear()
    assert not heat.isVisible() and not outline.path().elementCount()


def test_a_region_of_interest_is_drawn(view: ImageView) -> None:
    view.set_roi_mode(True)
    drawn: list[Box] = []
    view.roi_drawn.connect(drawn.append)
    drag(view, at(view, 20, 10), at(view, 100, 70))
    box = drawn[-1]
    assert np.allclose([box.x, box.y, box.width, box.height], [20, 10, 80, 60], atol=2)
    assert view.scale == pytest.approx(4.0, rel=0.02)  # nothing was panned


def test_a_drag_beyond_the_border_stays_inside(view: ImageView) -> None:
    view.set_roi_mode(True)
    found: list[Box] = []
    view.roi_drawn.connect(found.append)
    drag(view, at(view, 100, 60), at(view, 158, 118) + QPoint(40, 40))
    assert found and all(b.x + b.width <= 160 and b.y + b.height <= 120 for b in found)


def test_a_map_on_a_region_lies_there(view: ImageView) -> None:
    roi = Box(40, 30, 80, 60)
    view.show_frame(picture(), score_map(15, 20), None, LIMITS, roi=roi)  # at model resolution
    (heat,) = items(view, HeatLayer)
    assert isinstance(heat, HeatLayer)
    place = heat.mapRectToParent(heat.boundingRect())
    assert (place.x(), place.y(), place.width(), place.height()) == (40, 30, 80, 60)
    hint = view.findChild(Hint)
    move(view, at(view, 20, 20))
    assert hint is not None and hint.isHidden()
    move(view, at(view, 80, 60))
    assert not hint.isHidden()


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: fonts of the kept pictures")
@pytest.mark.parametrize("name", ["light", "dark"])
def test_looks_of_the_overlay(qapp: QApplication, view: ImageView, name: str) -> None:
    apply_theme(qapp, name)
    view.resize(412, 240)
    view.show_frame(picture(), score_map(), None, LIMITS, verdict=Verdict.FAIL)
    qapp.processEvents()
    assert_looks(view, f"overlay-{name}")
