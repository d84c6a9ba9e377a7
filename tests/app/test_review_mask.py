"""Drawing a mask in the review by mouse and keys: brush, eraser, polygon, undo, saved beside the picture."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from almrr_core.lifecycle import pools
from almrr_core.types import Label, Mask
from app.compose import Program
from app.views.mask_item import Tool
from app.views.mask_tools import MaskTools
from app.views.zoom_view import ZoomView
from tests.app.conftest import PATIENCE
from tests.app.test_review_page import here, picture, press, program, review, seen, settle

__all__ = ["program"]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def drawing(program: Program, qtbot: QtBot) -> Program:
    """The first part, with the mask tools out."""
    press(program, qtbot, Qt.Key.Key_M)
    assert picture(program).drawn.editing
    program.window.findChild(MaskTools)._slider.setValue(6)
    return program


def zoom(program: Program) -> ZoomView:
    return picture(program).view.findChild(ZoomView)


def at(program: Program, x: float, y: float) -> QPoint:
    return zoom(program).mapFromScene(zoom(program).canvas.mapViewToScene(QPointF(x, y)))


def port(program: Program) -> QWidget:
    return zoom(program).viewport()


def stroke(program: Program, *corners: tuple[float, float]) -> None:
    first, *others = (at(program, *corner) for corner in corners)
    QTest.mouseMove(port(program), first)
    QTest.mousePress(port(program), LEFT, pos=first)
    for one in others:
        for part in range(1, 6):
            QTest.mouseMove(port(program), first + (one - first) * part / 5)
            QTest.qWait(12)
        first = one
    QTest.mouseRelease(port(program), LEFT, pos=first)


def drawn(program: Program) -> Mask:
    return picture(program).drawn.mask


def saved(program: Program, inspection_id: int) -> Mask | None:
    assert program.store is not None
    return program.store.mask(inspection_id)


def test_it_begins_with_the_models_regions(drawing: Program) -> None:
    begin = drawn(drawing)
    assert begin[8:16, 20:30].mean() > 0.5  # the bright spot of the map, which the log keeps at a quarter
    assert not begin[40:].any()
    assert saved(drawing, here(drawing)) is None  # looking changes nothing


def test_brush_eraser_and_undo(drawing: Program, qtbot: QtBot) -> None:
    before = drawn(drawing)
    stroke(drawing, (10, 50), (50, 50))
    after = drawn(drawing)
    assert after[50, 12:48].all() and not after[58:].any()
    assert np.array_equal(after[:40], before[:40])
    press(drawing, qtbot, Qt.Key.Key_E)
    stroke(drawing, (30, 45), (30, 55))
    assert drawn(drawing)[50, 14] and not drawn(drawing)[50, 30]
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.keyClick(drawing.window, Qt.Key.Key_Z, control)
    assert np.array_equal(drawn(drawing), after)
    qtbot.keyClick(drawing.window, Qt.Key.Key_Z, control)
    assert np.array_equal(drawn(drawing), before)
    assert not review(drawing).can_undo  # strokes are no labels


def test_a_polygon_closes_by_its_first_corner(drawing: Program, qtbot: QtBot) -> None:
    press(drawing, qtbot, Qt.Key.Key_P)
    assert picture(drawing).drawn.tool is Tool.POLYGON
    for x, y in ((10, 36), (50, 36), (50, 60), (10, 60), (10, 36)):
        qtbot.mouseMove(port(drawing), at(drawing, x, y))
        qtbot.mouseClick(port(drawing), LEFT, pos=at(drawing, x, y))
        qtbot.wait(QApplication.doubleClickInterval() + 20)  # two clicks here are no double click
    assert drawn(drawing)[38:58, 12:48].all()
    assert not drawn(drawing)[:, 54:].any()


def test_a_freehand_outline_is_filled(drawing: Program, qtbot: QtBot) -> None:
    press(drawing, qtbot, Qt.Key.Key_P)
    stroke(drawing, (10, 36), (50, 36), (50, 60), (10, 60))
    assert drawn(drawing)[38:58, 14:46].all()


def test_the_mask_lies_beside_the_picture_and_comes_back(drawing: Program, qtbot: QtBot) -> None:
    first = here(drawing)
    stroke(drawing, (10, 50), (50, 50))
    wanted = drawn(drawing)
    press(drawing, qtbot, Qt.Key.Key_B)  # goes on at once: the mask must not be lost
    settle(drawing, qtbot, lambda: saved(drawing, first) is not None)
    assert drawing.store is not None
    path = drawing.store.detail(first).picture_path
    assert path is not None and path.with_name(f"{path.stem}~mask.png").is_file()
    assert np.array_equal(saved(drawing, first), wanted)
    [sample] = drawing.store.samples("weave")
    assert sample.label is Label.BAD
    assert np.array_equal(pools.mask_of(drawing.store, sample), wanted)
    press(drawing, qtbot, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: seen(drawing), timeout=PATIENCE)
    assert np.array_equal(drawn(drawing), wanted)


def test_clear_and_the_models_regions_can_be_undone(drawing: Program, qtbot: QtBot) -> None:
    begin = drawn(drawing)
    buttons = {one.text(): one for one in drawing.window.findChild(MaskTools).findChildren(QPushButton)}
    buttons["Clear"].click()
    assert not drawn(drawing).any()
    settle(drawing, qtbot, lambda: saved(drawing, here(drawing)) is not None)
    assert not saved(drawing, here(drawing)).any()
    buttons["Undo"].click()
    assert np.array_equal(drawn(drawing), begin)
    stroke(drawing, (10, 50), (50, 50))
    buttons["From model"].click()
    assert np.array_equal(drawn(drawing), begin)


def test_the_mouse_pans_when_the_tools_are_away(drawing: Program, qtbot: QtBot) -> None:
    press(drawing, qtbot, Qt.Key.Key_M)
    before = zoom(drawing).canvas.viewRect().center()
    stroke(drawing, (32, 32), (20, 20))
    assert zoom(drawing).canvas.viewRect().center() != before
    assert not picture(drawing).drawn.isVisible()


def test_what_was_drawn_stays_when_the_tools_go(drawing: Program, qtbot: QtBot) -> None:
    stroke(drawing, (10, 50), (50, 50))
    wanted = drawn(drawing)
    press(drawing, qtbot, Qt.Key.Key_M)
    assert picture(drawing).drawn.isVisible() and not picture(drawing).drawn.editing
    assert np.array_equal(drawn(drawing), wanted)
    settle(drawing, qtbot)
    assert np.array_equal(saved(drawing, here(drawing)), wanted)
