"""What stands beside the pointer on a picture: the raw score there, and the region it is in."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QLabel, QWidget

from almrr_core.types import Limits, Region
from app.theme import GAP, Role, set_role
from app.views.log_words import number, whole

AWAY = QPoint(16, 16)  # from the pointer


class Hint(QLabel):
    """A card that follows the pointer and never leaves its parent."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._around = parent
        set_role(self, Role.CARD)
        self.setContentsMargins(GAP, GAP, GAP, GAP)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def say(self, score: float, limits: Limits, region: Region | None) -> None:
        """Show the score of one map pixel against the pixel limit, and its region."""
        lines = [self.tr("score {0} · pixel limit {1}").format(number(score), number(limits.pixel))]
        if region is not None:
            lines = [
                self.tr("Region of {0} px").format(whole(region.area)),
                self.tr("highest {0} · mean {1}").format(number(region.maximum), number(region.mean)),
                *lines,
            ]
        self.setText("\n".join(lines))
        self.adjustSize()
        self._follow()
        self.show()

    def _follow(self) -> None:
        around = self._around
        at = around.mapFromGlobal(QCursor.pos())
        wanted = at + AWAY
        if wanted.x() + self.width() > around.width():
            wanted.setX(at.x() - AWAY.x() - self.width())
        if wanted.y() + self.height() > around.height():
            wanted.setY(at.y() - AWAY.y() - self.height())
        self.move(max(wanted.x(), 0), max(wanted.y(), 0))
