"""The table of the log: dense rows, one chosen at a time, which stays chosen while rows come and go."""

from __future__ import annotations

from PySide6.QtCore import QItemSelection, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from almrr_core.types import LogRow
from app.theme import BODY, figures
from app.views.log_model import COLUMNS, Column, LogModel, cell

ROW_HEIGHT = 28
STYLE = """
QTableView::item { padding: 0 5px; border: none; }
QAbstractScrollArea::corner { background: transparent; border: none; }
"""  # cells start where their titles do
WIDTHS = {
    Column.TIME: 156,
    Column.VERDICT: 136,
    Column.SCORE: 72,
    Column.LIMITS: 124,
    Column.PART: 236,
    Column.LABEL: 104,
    Column.PRODUCT: 104,
    Column.LOT: 88,
    Column.SERIAL: 88,
    Column.SOURCE: 96,
    Column.RECIPE: 112,
    Column.LATENCY: 96,
    Column.NOTE: 240,
}


class LogTable(QTableView):
    """Shows a `LogModel`; `chosen` says the row whose detail is wanted, None for none."""

    chosen = Signal(object)  # LogRow | None

    def __init__(self, model: LogModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._log, self._chosen_id = model, 0
        self._keeping = False
        self.setModel(model)
        self.setFont(figures(BODY))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setAccessibleName(self.tr("Inspections"))
        self.setStyleSheet(STYLE)
        self._arrange()
        self.selectionModel().selectionChanged.connect(self._selected)
        model.rowsAboutToBeInserted.connect(self._hold_place)
        model.rowsInserted.connect(self._restore_place)

    @property
    def chosen_row(self) -> LogRow | None:
        """The row that is chosen."""
        rows = self.selectionModel().selectedRows()
        return self._log.row(rows[0]) if rows else None

    @property
    def at_top(self) -> bool:
        """Whether the first row is in sight."""
        return self.verticalScrollBar().value() == 0

    def keep_chosen(self) -> None:
        """Choose the same inspection again after all rows were replaced, or none when it is gone."""
        if not self._chosen_id or self.chosen_row is not None:
            return
        position = self._log.position(self._chosen_id)
        if position is None:
            self._chosen_id = 0
            self.chosen.emit(None)
            return
        self._keeping = True
        self.setCurrentIndex(self._log.index(position, 0))
        self._keeping = False

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Copy the chosen row by Ctrl+C, give it up by Escape."""
        row = self.chosen_row
        if event.matches(QKeySequence.StandardKey.Copy) and row is not None:
            QGuiApplication.clipboard().setText("\t".join(cell(row, column) for column in COLUMNS))
        elif event.key() == Qt.Key.Key_Escape and row is not None:
            self.selectionModel().clear()
        else:
            super().keyPressEvent(event)

    def _arrange(self) -> None:
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_HEIGHT)
        for at, column in enumerate(COLUMNS):
            self.setColumnWidth(at, WIDTHS[column])
        columns.setHighlightSections(False)
        columns.setStretchLastSection(True)
        columns.setSectionsMovable(True)

    def _selected(self, _now: QItemSelection, _before: QItemSelection) -> None:
        row = self.chosen_row
        if row is None and not self._log.rowCount():
            return  # all rows are being replaced: `keep_chosen` decides
        self._chosen_id = row.inspection_id if row else 0
        if not self._keeping:
            self.chosen.emit(row)

    def _hold_place(self, _parent: object, first: int, last: int) -> None:
        """Remember how much is put above what is in sight."""
        bar = self.verticalScrollBar()
        above = first == 0 and self._log.rowCount() > 0 and bar.value() > 0
        self._shift = (last - first + 1) * ROW_HEIGHT if above else 0
        self._place = bar.value()

    def _restore_place(self, _parent: object, _first: int, _last: int) -> None:
        if self._shift:
            self.verticalScrollBar().setValue(self._place + self._shift)
