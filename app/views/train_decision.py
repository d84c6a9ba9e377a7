"""What a person decides in a retraining: whether odd normals stay, and what becomes of the candidate."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from almrr_core.types import SampleRow
from app.services.samples import Samples
from app.services.training import Training
from app.theme import GAP, MARGIN, STEP, Role, set_role
from app.views.gate_view import GateView
from app.views.pool_dialog import PoolDialog
from app.views.promote_dialog import PromoteDialog, TypedDialog
from app.views.thumbs import CELL, ThumbRow


class Doubted(Protocol):
    """A warning with the samples it is about."""

    @property
    def sentence(self) -> str:
        """What is doubted."""

    @property
    def samples(self) -> tuple[SampleRow, ...]:
        """The pictures, the oddest first."""


class TrainDoubt(QFrame):
    """Normals that might be defects, before they teach the model."""

    accepted = Signal(bool)
    refused = Signal(bool)

    def __init__(self, samples: Samples, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._samples, self._rows = samples, tuple[SampleRow, ...]()
        self._sentence, self._thumbs = QLabel(self), ThumbRow(samples.thumbnails, CELL, self)
        self._on = QPushButton(self.tr("Train all the same"), self)
        self._look = QPushButton(self.tr("Look at them…"), self)
        self._stop = QPushButton(self.tr("Do not train"), self)
        set_role(self._sentence, Role.HEADING)
        self._sentence.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        for button in (self._look, self._on, self._stop):
            set_role(button, Role.TOUCH)
            row.addWidget(button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN + STEP, MARGIN, MARGIN, MARGIN)
        column.setSpacing(MARGIN)
        column.addWidget(self._sentence)
        column.addWidget(self._thumbs)
        column.addLayout(row)
        column.addStretch(1)
        self._on.clicked.connect(self._go_on)
        self._look.clicked.connect(self._open)
        self._stop.clicked.connect(self._refuse)

    @property
    def sentence(self) -> str:
        """Return what is doubted."""
        return self._sentence.text()

    @property
    def go_on_button(self) -> QPushButton:
        """Return what trains all the same."""
        return self._on

    @property
    def look_button(self) -> QPushButton:
        """Return what opens the odd normals."""
        return self._look

    @property
    def stop_button(self) -> QPushButton:
        """Return what gives the training up."""
        return self._stop

    def show_doubt(self, doubt: Doubted) -> None:
        """Show what is doubted."""
        self._rows = doubt.samples
        self._sentence.setText(doubt.sentence)
        self._thumbs.show_paths([self._samples.path_of(one) for one in doubt.samples])

    def _go_on(self) -> None:
        self.accepted.emit(True)

    def _refuse(self) -> None:
        self.refused.emit(True)

    def _open(self) -> None:
        """Take some out in the dialog; what is planned then no longer holds."""
        dialog = PoolDialog(self._samples, self.tr("Normals unlike all others"), self.window())
        dialog.show_samples(self._rows)
        dialog.open()
        self.refused.emit(True)


class TrainDecision(QWidget):
    """The comparison with the active model, and the three ways on."""

    def __init__(self, training: Training, samples: Samples, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._training = training
        self.gate = GateView(training.comparison, samples.thumbnails, self)
        self._what = QLabel(self)
        self._promote = QPushButton(self.tr("Promote…"), self)
        self._discard = QPushButton(self.tr("Discard…"), self)
        self._later = QPushButton(self.tr("Decide later"), self)
        self._build()
        self._promote.clicked.connect(self._ask_note)
        self._discard.clicked.connect(self._ask_discard)
        self._later.clicked.connect(training.put_aside)

    @property
    def promote_button(self) -> QPushButton:
        """Return what begins a promotion."""
        return self._promote

    @property
    def discard_button(self) -> QPushButton:
        """Return what begins to discard the candidate."""
        return self._discard

    def show_candidate(self) -> None:
        """Show the candidate with its comparison, or say that it is the first."""
        report, candidate = self._training.comparison.report, self._training.candidate
        self.gate.setVisible(report is not None)
        if report is not None:
            self.gate.show_report(report)
        if candidate is not None:
            words = self.tr("{0} is a new model of {1}.")
            if report is None:
                words = self.tr("{0} is the first model of {1}: there is none to compare it with.")
            self._what.setText(words.format(candidate.model_id, candidate.product))

    def _build(self) -> None:
        set_role(self._promote, Role.PRIMARY_TOUCH)
        for button in (self._discard, self._later):
            set_role(button, Role.TOUCH)
        set_role(self._what, Role.HEADING)
        self._what.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self._what, 1)
        row.addStretch(1)
        for button in (self._later, self._discard, self._promote):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(self.gate, 1)
        column.addLayout(row)
        column.addStretch(0)

    def _ask_note(self) -> None:
        candidate, report = self._training.candidate, self._training.comparison.report
        if candidate is not None:
            light = report.light if report is not None else None
            model = self.tr("{0} of {1}").format(candidate.model_id, candidate.product)
            dialog = PromoteDialog(model, light, parent=self.window())
            dialog.promoted.connect(self._training.promote)
            dialog.open()

    def _ask_discard(self) -> None:
        candidate = self._training.candidate
        if candidate is not None:
            dialog = TypedDialog(
                self.tr("Discard {0}").format(candidate.model_id),
                self.tr("The model is deleted for good. The samples stay. Type {0} to do it.").format(
                    candidate.model_id
                ),
                self.tr("Discard"),
                candidate.model_id,
                self.window(),
            )
            dialog.confirmed.connect(self._discard_now)
            dialog.open()

    def _discard_now(self, _name: str) -> None:
        self._training.discard()
