"""The buttons for the chosen version, or for the two that are chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from app.services.training_values import ModelFacts, ModelState
from app.theme import GAP, Role, set_role


class ModelActions(QWidget):
    """What cannot be done is disabled."""

    compared = Signal(object, object)  # ModelFacts twice: the newer, and what it is held against
    promoted = Signal(object)  # ModelFacts
    exported = Signal(object)
    deleted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.compare, self.promote = QPushButton(self), QPushButton(self)
        self.export, self.delete = (
            QPushButton(self.tr("Export…"), self),
            QPushButton(self.tr("Delete…"), self),
        )
        self._pair: tuple[ModelFacts, ModelFacts] | None = None
        self._one: ModelFacts | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.delete)
        row.addStretch(1)
        for button in (self.export, self.compare, self.promote):
            row.addWidget(button)
        for button in (self.delete, self.export, self.compare):
            set_role(button, Role.TOUCH)
        set_role(self.promote, Role.PRIMARY_TOUCH)
        self.compare.clicked.connect(self._compare)
        self.promote.clicked.connect(self._promote)
        self.export.clicked.connect(self._export)
        self.delete.clicked.connect(self._delete)

    def show_chosen(self, chosen: Sequence[ModelFacts], active: ModelFacts | None) -> None:
        """Offer what can be done with one or two versions, the newest first."""
        self._one = chosen[0] if len(chosen) == 1 else None
        self._pair = self._pair_of(chosen, active)
        one = self._one
        whole = one is not None and one.state is not ModelState.DAMAGED
        is_active = one is not None and one.state is ModelState.ACTIVE
        self.compare.setEnabled(self._pair is not None)
        words = self.tr("Compare with the active one")
        if len(chosen) == 2:
            words = self.tr("Compare {0} with {1}").format(chosen[0].row.model_id, chosen[1].row.model_id)
        self.compare.setText(words)
        back = one is not None and one.state is ModelState.FORMER
        self.promote.setText(self.tr("Go back to it…") if back else self.tr("Promote…"))
        self.promote.setEnabled(whole and not is_active)
        self.export.setEnabled(whole)
        self.delete.setEnabled(one is not None and not is_active)

    def _pair_of(
        self, chosen: Sequence[ModelFacts], active: ModelFacts | None
    ) -> tuple[ModelFacts, ModelFacts] | None:
        if any(one.state is ModelState.DAMAGED for one in chosen):
            return None
        if len(chosen) == 2:
            return chosen[0], chosen[1]
        if len(chosen) == 1 and active is not None and chosen[0] is not active:
            return chosen[0], active
        return None

    def _compare(self) -> None:
        if self._pair is not None:
            self.compared.emit(*self._pair)

    def _promote(self) -> None:
        if self._one is not None:
            self.promoted.emit(self._one)

    def _export(self) -> None:
        if self._one is not None:
            self.exported.emit(self._one)

    def _delete(self) -> None:
        if self._one is not None:
            self.deleted.emit(self._one)
