"""Which pictures are kept, and how long.

A REVIEW or FAIL waits for review until it is labelled, and what is labelled is never deleted: days and disk
can only be said of PASS and NOT INSPECTED. The store has one rule for REVIEW and NOT INSPECTED together.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from almrr_core.settings import Keep, Settings
from almrr_core.types import Verdict
from app.theme import GAP, MARGIN, VERDICT_LOOK, Role, set_role
from app.views.form_fields import (
    EDITOR_HEIGHT,
    NAME_WIDTH,
    Card,
    Field,
    WheelGuard,
    choices,
    choose,
    real_number,
    whole_number,
)

LONGEST_DAYS, LARGEST_GB = 36_500, 1_000_000
LIMITED = {"pass": Verdict.PASS, "review": Verdict.NOT_INSPECTED}  # by the names of the settings


class RetentionForm(QWidget):
    """Edits `Settings.retention`."""

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._showing = False
        self._keep = self._build_keep()
        self._nth = whole_number(2, 10_000)
        without = self.tr("without end")
        self._days = {n: real_number(0, LONGEST_DAYS, self.tr("days"), 1, without) for n in LIMITED}
        self._quotas = {n: real_number(0, LARGEST_GB, "GB", 1, self.tr("no quota")) for n in LIMITED}
        self._nth_field: Field
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(MARGIN)
        column.addWidget(self._build_which())
        column.addWidget(self._build_how_long())
        column.addStretch(1)
        self._connect()

    def show_settings(self, settings: Settings) -> None:
        """Show these settings."""
        kept = settings.retention
        self._showing = True
        choose(self._keep, kept.keep)
        self._nth.setValue(kept.nth)
        days, quotas = (kept.pass_days, kept.review_days), (kept.pass_quota_gb, kept.review_quota_gb)
        for box, value in zip((*self._days.values(), *self._quotas.values()), (*days, *quotas), strict=True):
            box.setValue(0 if value is None else value)
        self._showing = False
        self._show_nth()

    def applied_to(self, settings: Settings) -> Settings:
        """Return the settings with what is edited here."""
        before = settings.retention
        days = {f"{name}_days": _number(box) for name, box in self._days.items()}
        quotas = {f"{name}_quota_gb": _number(box) for name, box in self._quotas.items()}
        nth = self._nth.value()
        kept = replace(before, keep=Keep(self._keep.currentData()), nth=nth, **days, **quotas)
        return settings if kept == before else replace(settings, retention=kept)

    def problems(self) -> tuple[str, ...]:
        """Return nothing: every value these editors can hold is usable."""
        return ()

    def _build_keep(self) -> QComboBox:
        return choices(
            (
                (Keep.ALL, self.tr("every picture")),
                (Keep.NOT_PASS, self.tr("only what did not PASS")),
                (Keep.EVERY_NTH, self.tr("what did not PASS, and a share of PASS")),
            ),
            self,
        )

    def _build_which(self) -> Card:
        card = Card(
            self.tr("Which pictures are kept"),
            self.tr(
                "The log keeps a row for every part in any case; this is about its picture and score map."
            ),
            self,
        )
        card.field(self.tr("Keep"), self._keep)
        self._nth_field = card.field(self.tr("One PASS in"), self._nth)
        return card

    def _build_how_long(self) -> Card:
        card = Card(
            self.tr("How long"),
            self.tr(
                "The oldest PASS and NOT INSPECTED go first. REVIEW and FAIL stay: they wait for review, "
                "and whatever is labelled or a sample is never deleted."
            ),
            self,
        )
        grid = QGridLayout()
        grid.setHorizontalSpacing(MARGIN)
        grid.setVerticalSpacing(GAP)
        for at, title in enumerate(
            (self.tr("Verdict"), self.tr("At most so long"), self.tr("At most on disk"))
        ):
            label = QLabel(title, card)
            set_role(label, Role.CAPTION)
            grid.addWidget(label, 0, at)
        for at, (name, verdict) in enumerate(LIMITED.items(), 1):
            self._add_row(grid, at, name, VERDICT_LOOK[verdict].word)
        kept = QLabel(self.tr("The disk of NOT INSPECTED includes what REVIEW pictures take."), card)
        set_role(kept, Role.CAPTION)
        grid.addWidget(kept, len(LIMITED) + 1, 1, 1, 3)
        grid.setColumnMinimumWidth(0, NAME_WIDTH)
        grid.setColumnStretch(3, 1)
        card.column.addLayout(grid)
        return card

    def _add_row(self, grid: QGridLayout, at: int, name: str, word: str) -> None:
        grid.addWidget(QLabel(word, self), at, 0)
        columns = ((self._days[name], self.tr("days of {0}")), (self._quotas[name], self.tr("disk for {0}")))
        for column, (box, what) in enumerate(columns, 1):
            box.setFixedSize(160, EDITOR_HEIGHT)
            box.setAccessibleName(what.format(word))
            WheelGuard(box).watch(box)
            grid.addWidget(box, at, column)

    def _connect(self) -> None:
        self._keep.currentIndexChanged.connect(self._changed)
        self._nth.valueChanged.connect(self._changed)
        for box in (*self._days.values(), *self._quotas.values()):
            box.valueChanged.connect(self._changed)

    def _changed(self, _value: object) -> None:
        if not self._showing:
            self._show_nth()
            self.edited.emit()

    def _show_nth(self) -> None:
        self._nth_field.setVisible(self._keep.currentData() == Keep.EVERY_NTH)


def _number(box: QDoubleSpinBox) -> float | None:
    return round(box.value(), 1) or None
