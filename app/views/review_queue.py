"""The left of the review: what the queue holds, how many are left, and its parts as small pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QLabel,
    QListView,
    QVBoxLayout,
    QWidget,
)

from almrr_core.types import LogOrder, Picture
from app.services.review_values import Progress, Show, Wanted
from app.theme import GAP, MARGIN, STEP, TARGET, Role, set_role, theme
from app.views import log_words as words
from app.views.review_model import PartDelegate, QueueModel

WIDTH = 236
SHARES = (1, 2, 5, 10, 25, 50, 100)  # percent of the PASS parts


class QueuePanel(QFrame):
    """Filter and list; says which part was chosen, and what the queue shall hold."""

    wanted_changed = Signal(object)  # Wanted
    chosen = Signal(int)  # place in the queue

    def __init__(
        self, model: QueueModel, thumbnail: Callable[[int], Picture | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self.setFixedWidth(WIDTH)
        self._left, self._list = QLabel(self), QListView(self)
        self._product, self._show, self._order = (QComboBox(self) for _ in range(3))
        self._passes = QComboBox(self)
        self._list.setModel(model)
        self._list.setItemDelegate(PartDelegate(thumbnail, False, self._list))
        self._build()
        self._connect()
        self.show_progress(Progress())

    @property
    def wanted(self) -> Wanted:
        """Return what is chosen."""
        show, order = self._show.currentData(), self._order.currentData()
        return Wanted(self._product.currentText(), Show(show), LogOrder(order), self._passes.currentData())

    def offer(self, products: Sequence[str], product: str) -> None:
        """Offer these products and choose one, without saying so."""
        self._product.blockSignals(True)
        self._product.clear()
        self._product.addItems(list(products))
        self._product.setCurrentText(product)
        self._product.setVisible(len(products) > 1)
        self._product.blockSignals(False)

    def choose_show(self, show: Show) -> None:
        """Hold other parts, as the box does."""
        self._show.setCurrentIndex(self._show.findData(show.value))

    def show_progress(self, progress: Progress) -> None:
        """Say how many are left."""
        self._left.setText(self.tr("{0} left").format(words.whole(progress.left)))

    def select(self, at: int) -> None:
        """Mark the part one is at and bring it into view."""
        index = self._list.model().index(at, 0) if at >= 0 else QModelIndex()
        flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self._list.selectionModel().setCurrentIndex(index, flag)
        if index.isValid():
            self._list.scrollTo(index)

    def _build(self) -> None:
        set_role(self._left, Role.NUMBER)
        for show, word in (
            (Show.OPEN, self.tr("To review")),
            (Show.FLAGGED, self.tr("All flagged")),
            (Show.UNSURE, self.tr("Unsure")),
            (Show.DISAGREES, self.tr("Label against verdict")),
        ):
            self._show.addItem(word, show.value)
        self._order.addItem(self.tr("Newest first"), LogOrder.NEWEST.value)
        self._order.addItem(self.tr("Worst first"), LogOrder.WORST.value)
        self._passes.addItem(self.tr("No PASS parts"), 0)
        for share in SHARES:
            self._passes.addItem(self.tr("and {0} % of PASS").format(share), share)
        self._passes.setToolTip(self.tr("A fixed sample of the parts that passed: it finds escapes."))
        for box, name in (
            (self._product, self.tr("Product")),
            (self._show, self.tr("What the queue holds")),
            (self._order, self.tr("Order")),
            (self._passes, self.tr("Share of PASS parts")),
        ):
            box.setAccessibleName(name)
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # after a click the page's keys go on
            box.setMinimumHeight(TARGET)
        self._list.setAccessibleName(self.tr("Queue"))
        self._list.setUniformItemSizes(True)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setStyleSheet("QListView { background: transparent; }")
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, MARGIN, GAP, GAP)
        column.setSpacing(STEP)
        for widget in (self._left, self._product, self._show, self._order, self._passes):
            column.addWidget(widget)
        column.addSpacing(STEP)
        column.addWidget(self._list, 1)

    def _connect(self) -> None:
        for box in (self._product, self._show, self._order, self._passes):
            box.currentIndexChanged.connect(self._changed)
        self._list.clicked.connect(self._clicked)
        theme().changed.connect(self._list.viewport().update)

    def _changed(self, _index: int = 0) -> None:
        self._passes.setEnabled(self._show.currentData() in (Show.OPEN.value, Show.FLAGGED.value))
        self.wanted_changed.emit(self.wanted)

    def _clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(index.row())
