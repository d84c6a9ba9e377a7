"""The queue as tiles, to mark many parts at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from almrr_core.types import Label, Picture
from app.theme import GAP, Role, set_role, theme
from app.views import log_words as words
from app.views.review_model import GALLERY_CELL, ROW, PartDelegate, QueueModel

MOST = 2000  # parts selected by one press: marking them takes some seconds


class Gallery(QWidget):
    """Tiles with a multiple choice."""

    marked = Signal(object, object, str)  # tuple of inspection ids, Label, defect class
    opened = Signal(int)  # place in the queue
    rest_wanted = Signal(int)  # so many more parts of the queue, before all of them are selected

    def __init__(
        self, model: QueueModel, thumbnail: Callable[[int], Picture | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model, self._waiting, self._short = model, False, False
        self._tiles, self._hint = QListView(self), QLabel(self)
        self._good = QPushButton(self)
        self._all = QPushButton(self.tr("Select unlabelled"), self)
        self._tiles.setModel(model)
        self._tiles.setItemDelegate(PartDelegate(thumbnail, True, self._tiles))
        self._build()
        self._say()

    @property
    def selected(self) -> tuple[int, ...]:
        """Return the inspections selected, in the order of the queue."""
        indexes = sorted(self._tiles.selectionModel().selectedIndexes(), key=QModelIndex.row)
        return tuple(index.data(ROW).inspection_id for index in indexes)

    def mark(self, label: Label, defect_class: str = "") -> None:
        """Say what all selected parts are."""
        chosen = self.selected
        if chosen:
            self._tiles.clearSelection()
            self.marked.emit(chosen, label, defect_class)

    def _build(self) -> None:
        self._tiles.setViewMode(QListView.ViewMode.IconMode)
        self._tiles.setResizeMode(QListView.ResizeMode.Adjust)
        self._tiles.setMovement(QListView.Movement.Static)
        self._tiles.setUniformItemSizes(True)
        self._tiles.setGridSize(GALLERY_CELL)
        self._tiles.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._tiles.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._tiles.setSelectionRectVisible(True)
        self._tiles.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._tiles.setStyleSheet("QListView { background: transparent; }")
        self._tiles.setAccessibleName(self.tr("Gallery of the queue"))
        set_role(self._hint, Role.MUTED)
        set_role(self._good, Role.PRIMARY_TOUCH)
        set_role(self._all, Role.TOUCH)
        self._hint.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self._hint, 1)
        row.addWidget(self._all)
        row.addWidget(self._good)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(self._tiles, 1)
        column.addLayout(row)
        for button in (self._good, self._all):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._all.clicked.connect(self._select_open)
        self._good.clicked.connect(self._mark_good)
        self._tiles.doubleClicked.connect(self._double)
        self._tiles.selectionModel().selectionChanged.connect(self._say)
        self._model.modelReset.connect(self._forget)
        theme().changed.connect(self._tiles.viewport().update)

    def take_loaded(self) -> None:
        """Select what was waited for: no more parts are on their way."""
        if self._waiting:
            self._waiting = False
            self._select_loaded()

    def _select_open(self) -> None:
        """Select what nobody said anything of, also what is not loaded yet."""
        missing = MOST - self._model.rowCount()
        self._waiting = self._model.more and missing > 0
        if self._waiting:
            self.rest_wanted.emit(missing)
        else:
            self._select_loaded()

    def _select_loaded(self) -> None:
        places = [at for at, row in enumerate(self._model.rows) if row.label is None]
        self._short = self._model.more or len(places) > MOST
        wanted = QItemSelection()
        for first, last in _runs(places[:MOST]):
            wanted.select(self._model.index(first), self._model.index(last))
        self._tiles.selectionModel().select(wanted, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _forget(self) -> None:
        """Another queue: what was to be selected is not in it."""
        self._waiting = self._short = False
        self._say()

    def _mark_good(self) -> None:
        self.mark(Label.GOOD)

    def _double(self, index: QModelIndex) -> None:
        self.opened.emit(index.row())

    def _say(self, *_change: object) -> None:
        count = len(self._tiles.selectionModel().selectedIndexes())
        self._good.setText(self.tr("Mark {0} as good (G)").format(count))
        self._good.setEnabled(count > 0)
        hint = self.tr("Drag, Shift or Ctrl+click to select; double click opens one.")
        if self._short and count:
            most = self.tr("{0} selected, there are more: mark these, then select again.")
            hint = most.format(words.whole(count))
        self._short = self._short and count > 0
        self._hint.setText(hint)


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each unbroken run of places, which rise."""
    found = list[tuple[int, int]]()
    for at in places:
        if found and at == found[-1][1] + 1:
            found[-1] = (found[-1][0], at)
        else:
            found.append((at, at))
    return found
