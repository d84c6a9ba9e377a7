"""The shape of a verdict: told apart by its outline alone, without colour and without reading.

PASS a disc with a check, REVIEW a triangle with an exclamation mark, FAIL an octagon with a cross,
NOT INSPECTED a square with a question mark.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPolygonF

from almrr_core.types import Verdict
from app.theme import VERDICT_LOOK, icon

SIGN = 0.72  # of the shape's side
SIGN_IN_TRIANGLE = 0.56


def draw_shape(painter: QPainter, verdict: Verdict, place: QRectF, color: str, ink: str) -> None:
    """Draw the verdict's shape in `color` with its sign in `ink`."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(color))
    painter.drawPath(shape_of(verdict, place))
    triangle = verdict is Verdict.REVIEW
    side = place.width() * (SIGN_IN_TRIANGLE if triangle else SIGN)
    sign = QRectF(0, 0, side, side)
    sign.moveCenter(place.center() + QPointF(0, place.height() * (0.14 if triangle else 0)))
    icon(VERDICT_LOOK[verdict].icon, ink).paint(painter, sign.toRect())


def shape_of(verdict: Verdict, place: QRectF) -> QPainterPath:
    """Return the outline of the verdict's shape within a square."""
    path = QPainterPath()
    if verdict is Verdict.PASS:
        path.addEllipse(place)
    elif verdict is Verdict.REVIEW:
        top = QPointF(place.center().x(), place.top())
        path.addPolygon(QPolygonF([top, place.bottomRight(), place.bottomLeft()]))
    elif verdict is Verdict.FAIL:
        path.addPolygon(_octagon(place))
    else:
        path.addRoundedRect(place, place.width() / 8, place.width() / 8)
    path.closeSubpath()
    return path


def _octagon(place: QRectF) -> QPolygonF:
    radius = place.width() / 2 / math.cos(math.pi / 8)
    angles = [math.pi / 8 + corner * math.pi / 4 for corner in range(8)]
    return QPolygonF([place.center() + QPointF(math.cos(a), math.sin(a)) * radius for a in angles])
