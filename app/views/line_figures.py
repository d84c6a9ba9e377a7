"""How the line does: grab to verdict, what waits for the log, room on the disk."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QWidget

from almrr_core.types import LineStatus
from app.theme import BODY, GAP, MARGIN, Role, figures, set_role, theme, tokens
from app.views.log_words import NOTHING, counted, whole

LOW_DISK = 5 * 2**30  # bytes: below it the figure asks for attention


class LineFigures(QFrame):
    """Four figures with their names."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        grid = QGridLayout(self)
        grid.setContentsMargins(MARGIN, GAP, MARGIN, GAP)
        grid.setHorizontalSpacing(MARGIN)
        grid.setVerticalSpacing(2)
        self._latency = _figure(grid, 0, self.tr("Grab → verdict, p50 / p95"), self)
        self._queue = _figure(grid, 1, self.tr("Waiting for the log"), self)
        self._disk = _figure(grid, 2, self.tr("Disk left"), self)
        self._low = False
        theme().changed.connect(self._recolor)
        self.show_disk(0)

    def show_status(self, status: LineStatus) -> None:
        """Show a line's latency and its queue; inspected but not recorded parts are said."""
        middle, most = status.latency_p50, status.latency_p95
        unknown = middle is None or most is None
        self._latency.setText(NOTHING if unknown else self.tr("{0:.0f} / {1:.0f} ms").format(middle, most))
        self._queue.setText(counted(status.queue, self.tr("{0} part"), self.tr("{0} parts")))
        self._queue.setToolTip(
            self.tr("{0} inspected, {1} in the log").format(whole(status.inspected), whole(status.recorded))
        )

    def show_disk(self, left: int) -> None:
        """Show the bytes left where the pictures lie; 0 for not measured yet."""
        self._low = 0 < left < LOW_DISK
        self._disk.setText(self.tr("{0} GB").format(f"{left / 1e9:,.0f}") if left >= 10**10 else _small(left))
        self._recolor()

    def _recolor(self, *_tokens: object) -> None:
        self._disk.setStyleSheet(f"color: {tokens().fail};" if self._low else "")


def _small(left: int) -> str:
    return f"{left / 1e9:.1f} GB" if left else NOTHING


def _figure(grid: QGridLayout, row: int, name: str, parent: QWidget) -> QLabel:
    caption, value = QLabel(name, parent), QLabel(NOTHING, parent)
    set_role(caption, Role.CAPTION)
    value.setFont(figures(BODY, bold=True))
    value.setAccessibleName(name)
    grid.addWidget(caption, row, 0)
    value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    grid.addWidget(value, row, 1)
    grid.setColumnStretch(0, 1)
    return value
