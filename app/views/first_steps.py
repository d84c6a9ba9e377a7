"""The three steps of the first start: a source, a product, and what will happen."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from almrr_core.settings import SourceKind, SourceSettings
from app.services.station import Station
from app.services.trial import CameraName, SourceTrial
from app.theme import GAP, MARGIN, TARGET, Role, Tokens, icon, set_role, theme
from app.views.form_fields import Card, choices
from app.views.product_form import NewProduct
from app.views.source_form import SourceForm
from app.views.source_try import SourceTry
from app.views.source_words import KIND_ICON, kind_sentence, kind_word, new_source


class Step(QWidget):
    """One page of the three."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(MARGIN)

    @property
    def ready(self) -> bool:
        """Whether one may go on."""
        return True

    def check(self) -> bool:
        """Complain at the fields; return whether there is nothing to complain of."""
        return self.ready


class SourceStep(Step):
    """Six large buttons for the kinds, and the form of the one pressed."""

    def __init__(self, trial: SourceTrial | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group, self._form = QButtonGroup(self), SourceForm(trial, self, brief=True)
        self._tiles: dict[SourceKind, QToolButton] = {}
        grid = QGridLayout()
        grid.setSpacing(GAP)
        for at, kind in enumerate(SourceKind):
            grid.addWidget(self._tile(kind), at // 3, at % 3)
        self.column.addLayout(grid)
        card = Card("", "", self)
        self._heading = card.heading
        card.column.addWidget(self._form)
        self._try = SourceTry(trial, card, touch=True) if trial else None
        if self._try is not None:
            card.column.addWidget(self._try)
        self.column.addWidget(card)
        self.column.addStretch(1)
        self._form.edited.connect(self._edited)
        self._form.checked.connect(self._edited)
        if trial is not None:
            trial.cameras(self._cameras_found)
        theme().changed.connect(self._recolor)
        self._recolor()
        self.choose(SourceKind.CAMERA)

    @property
    def source(self) -> SourceSettings:
        """What is chosen."""
        return self._form.source

    @property
    def ready(self) -> bool:
        """Whether the source can be used."""
        return not self._form.problems()

    def choose(self, kind: SourceKind) -> None:
        """Choose a kind of source."""
        self._tiles[kind].setChecked(True)
        self._heading.setText(kind_sentence(kind))
        self._form.show_source(new_source(kind, f"{kind.value}-1"))
        self._tell()

    def _tile(self, kind: SourceKind) -> QToolButton:
        tile = QToolButton(self)
        tile.setText(kind_word(kind))
        tile.setToolTip(kind_sentence(kind))
        tile.setCheckable(True)
        tile.setIconSize(QSize(28, 28))
        tile.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        tile.setStyleSheet(f"QToolButton {{ min-height: {TARGET + 12}px; }}")
        tile.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        tile.clicked.connect(partial(self._clicked, kind))
        self._group.addButton(tile)
        self._tiles[kind] = tile
        return tile

    def _clicked(self, kind: SourceKind, _checked: bool = False) -> None:
        if kind is not self.source.kind:
            self.choose(kind)

    def _edited(self, _source: SourceSettings) -> None:
        self._tell()

    def _tell(self) -> None:
        if self._try is not None:
            self._try.offer(self.source, self.ready)
        self.changed.emit()

    def _cameras_found(self, cameras: tuple[CameraName, ...]) -> None:
        self._form.offer_cameras(cameras)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        for kind, tile in self._tiles.items():
            tile.setIcon(icon(KIND_ICON[kind]))


class ProductStep(Step):
    """A product that is there, or a new one from a trained model."""

    def __init__(
        self, station: Station, trial: SourceTrial | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._station, self._new = station, NewProduct(station, trial, self)
        self._box = choices([], self)
        card = Card(
            self.tr("Product and its trained model"),
            self.tr("A model has learnt how normal parts look; its limits come from normal parts."),
            self,
        )
        self._field = card.field(self.tr("Inspect"), self._box)
        self._field.enlarge()
        self._new.enlarge()
        card.column.addWidget(self._new)
        hint = QLabel(
            self.tr(
                "No model yet? “almrr train FOLDER --out MODEL” makes one from a folder of pictures of normal "
                "parts; the manual has the details. The demo line brings its own."
            ),
            card,
        )
        hint.setWordWrap(True)
        set_role(hint, Role.MUTED)
        card.column.addWidget(hint)
        self.column.addWidget(card)
        self.column.addStretch(1)
        self._box.currentIndexChanged.connect(self._selected)
        self._new.name.textChanged.connect(self._edited)
        self._new.folder.changed.connect(self._edited)
        station.products_changed.connect(self._offer)
        self._offer(station.products)

    @property
    def is_new(self) -> bool:
        """Whether the product is made now."""
        return not self._box.currentData()

    @property
    def name(self) -> str:
        """The product's name."""
        return self._new.name.text().strip() if self.is_new else str(self._box.currentData())

    @property
    def folder(self) -> str:
        """The folder of the new product's model."""
        return self._new.folder.text()

    @property
    def ready(self) -> bool:
        """Whether both fields say something; `check` looks closer."""
        return not self.is_new or bool(self.name and self.folder)

    def check(self) -> bool:
        """Complain at the fields of a new product."""
        return not self.is_new or self._new.check()

    def _offer(self, products: tuple[str, ...]) -> None:
        chosen = self._box.currentData()
        self._box.clear()
        for product in products:
            self._box.addItem(product, product)
        self._box.addItem(self.tr("a new product"), "")
        self._box.setCurrentIndex(max(self._box.findData(chosen), 0))
        self._field.setVisible(bool(products))

    def _selected(self, _at: int) -> None:
        self._new.setVisible(self.is_new)
        self.changed.emit()

    def _edited(self, _text: str) -> None:
        self.changed.emit()


class LaunchStep(Step):
    """What was chosen, and what Start line will do."""

    def __init__(self, data_dir: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = QLabel(self)
        self._text.setWordWrap(True)
        card = Card(self.tr("The line will do this"), "", self)
        card.column.addWidget(self._text)
        self._data_dir = data_dir
        self.column.addWidget(card)
        self.column.addStretch(1)

    def show_choice(self, source: SourceSettings, product: str) -> None:
        """Say what will happen."""
        lines = (
            self.tr("Take pictures from “{0}” ({1}).").format(source.source_id, kind_word(source.kind)),
            self.tr("Judge them as “{0}” by the limits of its model.").format(product),
            self.tr("Record every part in {0}.").format(self._data_dir),
            self.tr("You can change all of it later in the settings."),
        )
        self._text.setText("\n\n".join(lines))
