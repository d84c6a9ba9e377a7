"""The product that is inspected, what its recipe says, and a new product from a trained model."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from almrr_core.settings import Settings
from almrr_core.types import Recipe
from app.services.station import Station
from app.services.trial import SourceTrial
from app.theme import GAP, MARGIN, Role, set_role
from app.views import log_words as words
from app.views.form_fields import Card, Field, PathEdit, WheelGuard

MODEL_FILE = "card.json"  # what makes a folder a trained model


class NewProduct(QWidget):
    """Asks for a name and the folder of a trained model."""

    def __init__(
        self, station: Station, trial: SourceTrial | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._station = station
        self.name = QLineEdit(self)
        self.folder = PathEdit(True, parent=self, trial=trial, holds=MODEL_FILE)
        self.name.setMaxLength(60)
        name_hint = self.tr("The kind of part, as the log shall call it.")
        folder_hint = self.tr(
            "It holds card.json; “almrr train” makes one. It is copied into the data folder."
        )
        self._name_field = Field(self.tr("Product"), self.name, name_hint, self)
        self._folder_field = Field(self.tr("Folder of the model"), self.folder, folder_hint, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(MARGIN)
        column.addWidget(self._name_field)
        column.addWidget(self._folder_field)
        self.folder.changed.connect(self._folder_changed)
        self.folder.looked.connect(self._looked)

    def enlarge(self) -> None:
        """Make both fields large enough for a finger."""
        for field in (self._name_field, self._folder_field):
            field.enlarge()

    def clear(self) -> None:
        """Empty both fields."""
        self.name.clear()
        self.folder.set_text("")
        self._name_field.complain("")
        self._folder_field.complain("")

    def check(self) -> bool:
        """Complain at the fields; return whether there is nothing to complain of."""
        name = self.name.text().strip()
        problem = "" if name else self.tr("Give the product a name.")
        if name in self._station.products:
            problem = self.tr("There is a product of this name.")
        self._name_field.complain(problem)
        self.folder.look()
        wrong = self.folder.problem()
        self._folder_field.complain(wrong)
        return not problem and not wrong

    def _folder_changed(self, _text: str) -> None:
        self._folder_field.complain("")

    def _looked(self, _found: object) -> None:
        self._folder_field.complain(self.folder.problem())


class ProductForm(QWidget):
    """Chooses and adds products; both happen at once, not with Apply."""

    def __init__(
        self, station: Station, trial: SourceTrial | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._station = station
        self._box, self._choose = QComboBox(self), QPushButton(self.tr("Inspect this product"), self)
        self._facts = QGridLayout()
        self._new = NewProduct(station, trial, self)
        self._busy = QLabel(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(MARGIN)
        column.addWidget(self._build_choice())
        column.addWidget(self._build_new())
        column.addStretch(1)
        station.products_changed.connect(self._products_changed)
        station.settings_changed.connect(self._settings_changed)
        station.recipe_changed.connect(self._recipe_changed)
        station.busy_changed.connect(self._show_busy)
        self._refill()

    def _build_choice(self) -> Card:
        card = Card(
            self.tr("Product"), self.tr("Its recipe names the model, the limits and the trigger."), self
        )
        row = QHBoxLayout()
        row.setSpacing(GAP)
        self._box.setMinimumWidth(240)
        self._box.setAccessibleName(self.tr("Product"))
        WheelGuard(self._box).watch(self._box)
        row.addWidget(self._box)
        row.addWidget(self._choose)
        row.addStretch(1)
        card.column.addLayout(row)
        self._facts.setHorizontalSpacing(MARGIN)
        self._facts.setVerticalSpacing(GAP // 2)
        self._facts.setColumnStretch(1, 1)
        card.column.addLayout(self._facts)
        self._box.currentIndexChanged.connect(self._selected)
        self._choose.clicked.connect(self._choose_product)
        return card

    def _build_new(self) -> Card:
        card = Card(
            self.tr("New product"),
            self.tr(
                "From a trained model. Its calibrated limits become the first recipe, and it is inspected next."
            ),
            self,
        )
        card.column.addWidget(self._new)
        button = QPushButton(self.tr("Add product"), card)
        button.clicked.connect(self._add_product)
        row = QHBoxLayout()
        row.setSpacing(MARGIN)
        row.addWidget(button)
        row.addWidget(self._busy, 1)
        set_role(self._busy, Role.MUTED)
        card.column.addLayout(row)
        return card

    def _refill(self) -> None:
        products, chosen = self._station.products, self._station.settings.product
        self._box.blockSignals(True)
        self._box.clear()
        for name in products:
            self._box.addItem(self.tr("{0} (inspected now)").format(name) if name == chosen else name, name)
        self._box.setCurrentIndex(max(self._box.findData(chosen), 0) if products else -1)
        self._box.setEnabled(bool(products))
        self._box.setPlaceholderText(self.tr("No product yet"))
        self._box.blockSignals(False)
        self._selected()
        self._show_facts(self._station.recipe)

    def _show_facts(self, recipe: Recipe | None) -> None:
        while (item := self._facts.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        if recipe is None:
            return
        limits = recipe.limits
        facts = (
            (self.tr("Recipe"), self.tr("version {0} of {1}").format(recipe.version, recipe.product)),
            (self.tr("Model"), recipe.model_id),
            (self.tr("Review limit"), words.number(limits.review)),
            (self.tr("Fail limit"), words.number(limits.fail)),
            (
                self.tr("Pixel limit"),
                self.tr("{0}, from {1} pixels").format(
                    words.number(limits.pixel), words.whole(limits.min_area)
                ),
            ),
            (self.tr("Written"), words.written(recipe.created_at, recipe.actor)),
            (self.tr("Because"), recipe.reason or words.NOTHING),
        )
        for at, (name, value) in enumerate(facts):
            label, text = QLabel(name, self), QLabel(value, self)
            set_role(label, Role.MUTED)
            text.setWordWrap(True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._facts.addWidget(label, at, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(text, at, 1)

    def _selected(self, _at: int = -1) -> None:
        name = self._box.currentData()
        self._choose.setEnabled(bool(name) and name != self._station.settings.product)

    def _choose_product(self) -> None:
        self._station.choose_product(str(self._box.currentData()))

    def _add_product(self) -> None:
        if self._new.check():
            self._station.make_product(self._new.name.text().strip(), Path(self._new.folder.text()))

    def _products_changed(self, products: tuple[str, ...]) -> None:
        if self._new.name.text().strip() in products:
            self._new.clear()
        self._refill()

    def _settings_changed(self, _settings: Settings) -> None:
        self._refill()

    def _recipe_changed(self, recipe: Recipe) -> None:
        self._show_facts(recipe)

    def _show_busy(self, what: str) -> None:
        self._busy.setText(what)
