"""Which product's pictures and models are looked at, and a new one."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QInputDialog, QLabel, QPushButton, QWidget

from app.services.samples import Samples
from app.theme import GAP, TARGET, Role, set_role


class ProductChoice(QWidget):
    """Looks at another product; the line goes on with its own."""

    def __init__(self, samples: Samples, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._samples, self._box = samples, QComboBox(self)
        self._new = QPushButton(self.tr("New product…"), self)
        self._box.setMinimumWidth(180)
        self._box.setFixedHeight(TARGET)
        self._box.setAccessibleName(self.tr("Product"))
        set_role(self._new, Role.TOUCH)
        self._new.setToolTip(
            self.tr("Add a product that has no model yet: train its first one from pictures")
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        for widget in (QLabel(self.tr("Product"), self), self._box, self._new):
            row.addWidget(widget)
        self._fill(samples.products)
        samples.products_changed.connect(self._fill)
        samples.product_changed.connect(self._show)
        self._box.activated.connect(self._chosen)
        self._new.clicked.connect(self.ask)

    @property
    def new_button(self) -> QPushButton:
        """Return what asks for a new product."""
        return self._new

    def ask(self) -> None:
        """Ask for the name of a new product."""
        dialog = QInputDialog(self.window())
        dialog.setWindowTitle(self.tr("New product"))
        dialog.setLabelText(
            self.tr("Name of the product. It has no model until one is trained and promoted.")
        )
        dialog.setOkButtonText(self.tr("Add product"))
        dialog.textValueSelected.connect(self._make)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _make(self, name: str) -> None:
        if name.strip():
            self._samples.make(name.strip())

    def _fill(self, products: tuple[str, ...]) -> None:
        self._box.clear()
        self._box.addItems(list(products))
        self._show(self._samples.product)

    def _show(self, product: str) -> None:
        self._box.setCurrentIndex(self._box.findText(product))
        empty = QCoreApplication.translate("ProductChoice", "none yet")
        self._box.setPlaceholderText(empty)

    def _chosen(self, at: int) -> None:
        self._samples.choose(self._box.itemText(at))
