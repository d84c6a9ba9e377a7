"""What the three groups of the histogram are, and how many scores each has."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from almrr_core.types import Verdict
from app.theme import CAPTION, MARGIN, STEP, VERDICT_LOOK, figures, theme, tokens
from app.views.log_words import whole

ROW, SWATCH = 16, 12


class Legend(QWidget):
    """A row of swatches; empty groups are said, not hidden."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[str, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)
        self.show_counts(0, 0, 0)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the height of a row."""
        return QSize(240, ROW)

    def show_counts(self, normals: int, recent: int, defects: int) -> None:
        """Show how many scores each group has."""
        self._rows = (
            self.tr("normals {0}").format(whole(normals)),
            self.tr("last parts {0}").format(whole(recent)),
            self.tr("defects {0}").format(whole(defects)),
        )
        self.setAccessibleName(", ".join(self._rows))
        self.setToolTip(
            self.tr(
                "Normals of the calibration, the last parts, and those of them that were labelled as defects. "
                "Each group is scaled to its own highest bar, by the square root."
            )
        )
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw swatches and words."""
        painter = QPainter(self)
        painter.setFont(figures(CAPTION))
        fills = (QColor(tokens().line), None, QColor(VERDICT_LOOK[Verdict.FAIL].color))
        left, middle = 0.0, ROW / 2
        for fill, words in zip(fills, self._rows, strict=True):
            if fill is None:
                painter.setPen(QPen(QColor(tokens().accent_text), 2))
                painter.drawLine(QPointF(left, middle), QPointF(left + SWATCH, middle))
            else:
                painter.fillRect(QRectF(left, middle - 5, SWATCH, 10), fill)
            painter.setPen(QColor(tokens().text))
            left += SWATCH + STEP
            width = painter.fontMetrics().horizontalAdvance(words)
            painter.drawText(QRectF(left, 0, width + STEP, ROW), Qt.AlignmentFlag.AlignVCenter, words)
            left += width + MARGIN
