"""The verdict of the newest part, to be read from three metres: colour, word and shape.

PASS is calm, a green shape on the ground of the window; what needs a person fills the whole banner.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from almrr_core.types import Verdict
from app.theme import BODY, CAPTION, MARGIN, RADIUS, STEP, VERDICT, VERDICT_LOOK, figures, theme, tokens
from app.views.verdict_shape import draw_shape

HEIGHT, BADGE = 120, 64
HATCH_ALPHA = 40
INK = "#111111"


class VerdictBanner(QWidget):
    """One verdict; the last one of a line that stands is shown without its fill."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verdict: Verdict | None = None
        self._caption, self._live = "", False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)
        self._say()

    @property
    def verdict(self) -> Verdict | None:
        """Return the verdict shown, None before the first."""
        return self._verdict

    def show_verdict(self, verdict: Verdict | None, caption: str = "") -> None:
        """Show a verdict and a line about its part."""
        self._verdict, self._caption = verdict, caption
        self._say()

    def set_live(self, live: bool) -> None:
        """Say whether the line runs: the verdict of a line that stands is no news any more."""
        if live != self._live:
            self._live = live
            self._say()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size of the banner beside the picture."""
        return QSize(336, HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw ground, shape, word and caption."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QRectF(self.rect())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._ground()))
        painter.drawRoundedRect(whole, RADIUS, RADIUS)
        if self._filled and self._verdict is Verdict.NOT_INSPECTED:
            painter.setBrush(QBrush(QColor(0, 0, 0, HATCH_ALPHA), Qt.BrushStyle.BDiagPattern))
            painter.drawRoundedRect(whole, RADIUS, RADIUS)
        inside = whole.adjusted(MARGIN, STEP, -MARGIN, -STEP)
        caption = QRectF(inside.left(), inside.bottom() - 20, inside.width(), 20)
        self._draw_word(painter, inside.adjusted(0, 0, 0, -20))
        self._draw_caption(painter, caption)

    def _draw_word(self, painter: QPainter, space: QRectF) -> None:
        if self._verdict is None:
            painter.setPen(QColor(tokens().muted))
            painter.setFont(_font(2 * BODY))
            painter.drawText(space, int(Qt.AlignmentFlag.AlignVCenter), self.tr("No part yet"))
            return
        look = VERDICT_LOOK[self._verdict]
        badge = QRectF(space.left(), space.center().y() - BADGE / 2, BADGE, BADGE)
        color = look.ink if self._filled else tokens().verdict(self._verdict)
        draw_shape(painter, self._verdict, badge, color, look.color if self._filled else tokens().surface)
        words = space.adjusted(BADGE + MARGIN, 0, 0, 0)
        lines = look.word.replace(" ", "\n")  # two words are larger on two lines than on one
        painter.setPen(QColor(color))
        painter.setFont(_fitting(lines, words))
        painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter), lines)

    def _draw_caption(self, painter: QPainter, space: QRectF) -> None:
        painter.setFont(figures(CAPTION))
        painter.setPen(QColor(INK if self._filled else tokens().muted))
        text = painter.fontMetrics().elidedText(self._text(), Qt.TextElideMode.ElideRight, int(space.width()))
        painter.drawText(space, int(Qt.AlignmentFlag.AlignVCenter), text)

    @property
    def _filled(self) -> bool:
        return self._live and self._verdict is not None and self._verdict is not Verdict.PASS

    def _ground(self) -> str:
        return VERDICT_LOOK[self._verdict].color if self._filled and self._verdict else tokens().surface

    def _text(self) -> str:
        if self._verdict is None:
            return self.tr("The verdict of the next part stands here.")
        return self._caption if self._live else self.tr("Last part: {0}").format(self._caption)

    def _say(self) -> None:
        word = VERDICT_LOOK[self._verdict].word if self._verdict else self.tr("No part yet")
        self.setAccessibleName(self.tr("Verdict: {0}. {1}").format(word, self._text()))
        self.setToolTip(self._text())
        self.update()


def _fitting(lines: str, space: QRectF) -> QFont:
    """Return the largest font up to 64 px in which the lines fit."""
    for pixels in range(VERDICT, BODY, -2):
        font = _font(pixels)
        needed = QFontMetricsF(font).boundingRect(space, int(Qt.AlignmentFlag.AlignLeft), lines)
        if needed.width() <= space.width() and needed.height() <= space.height():
            return font
    return _font(BODY)


def _font(pixels: int) -> QFont:
    font = QApplication.font()
    font.setPixelSize(pixels)
    font.setWeight(QFont.Weight.DemiBold)
    return font
