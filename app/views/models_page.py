"""Models: the versions of a product's model, what each was made of, and what can be done with them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from almrr_core.errors import StationError
from almrr_core.types import ModelRow, Recipe
from app.services.comparison import Comparison
from app.services.drift import Drift
from app.services.models import Models
from app.services.samples import Samples
from app.services.station import Station
from app.services.training_values import GateReport, ModelFacts, ModelState
from app.theme import GAP, MARGIN, Icon, Role, set_role
from app.views.drift_chart import DriftCard
from app.views.empty_state import EmptyState
from app.views.gate_view import GateView
from app.views.model_actions import ModelActions
from app.views.model_detail import ModelDetail
from app.views.model_timeline import Timeline
from app.views.product_choice import ProductChoice
from app.views.promote_dialog import PromoteDialog, TypedDialog
from app.views.training_progress import TrainingProgress

TIMELINE, KINDS = 320, "*.almrr"


class ModelsPage(QWidget):
    """Timeline left, one version or a comparison right, the drift of good parts below."""

    def __init__(
        self,
        station: Station,
        samples: Samples,
        models: Models,
        comparison: Comparison,
        drift: Drift,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._station, self._models, self._comparison, self._drift = station, models, comparison, drift
        self._product = ProductChoice(samples, self)
        self._import, self._said = QPushButton(self.tr("Import…"), self), QLabel(self)
        self._timeline, self._detail = Timeline(self), ModelDetail(self)
        self._actions = ModelActions(self)
        self._progress = TrainingProgress(samples.thumbnails, self)
        self._gate = GateView(comparison, samples.thumbnails, self)
        self._promote, self._back = QPushButton(self.tr("Promote…"), self), QPushButton(self.tr("Back"), self)
        self._nothing, self._chart = EmptyState(Icon.MODELS, self), DriftCard(self)
        self._stack = QStackedWidget(self)
        self._compared: ModelRow | None = None
        self._build()
        self._connect()
        samples.product_changed.connect(self._leave)
        self._show_facts(models.facts)
        self._chart.show_chart(drift.chart)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Read models and trend again."""
        super().showEvent(event)
        self._models.reload()
        self._drift.look()

    @property
    def said(self) -> str:
        """Return the last sentence about what was done."""
        return self._said.text()

    @property
    def timeline(self) -> Timeline:
        """Return the list of versions."""
        return self._timeline

    @property
    def buttons(self) -> ModelActions:
        """Return the buttons for what is chosen."""
        return self._actions

    @property
    def gate(self) -> GateView:
        """Return the comparison."""
        return self._gate

    @property
    def promote_button(self) -> QPushButton:
        """Return what begins the promotion of a compared model."""
        return self._promote

    def export_to(self, target: str) -> None:
        """Write the chosen version to a file."""
        for one in self._timeline.chosen()[:1]:
            self._say(self.tr("Exporting {0}…").format(one.row.model_id))
            self._models.export(one.row, Path(target))

    def import_from(self, source: str) -> None:
        """Add the model of a file."""
        self._say(self.tr("Checking {0}…").format(source))
        self._models.take_in(Path(source))

    def _build(self) -> None:
        set_role(self._import, Role.TOUCH)
        self._said.setWordWrap(True)
        self._said.setTextFormat(Qt.TextFormat.PlainText)
        self._timeline.setFixedWidth(TIMELINE)
        self._stack.setStyleSheet("QStackedWidget { background: transparent; }")
        one, self._one = QVBoxLayout(), QWidget(self)
        one.setContentsMargins(0, 0, 0, 0)
        one.setSpacing(GAP)
        one.addWidget(self._detail, 1)
        one.addWidget(self._actions)
        self._one.setLayout(one)
        self._both = QWidget(self)
        both = QVBoxLayout(self._both)
        both.setContentsMargins(0, 0, 0, 0)
        both.addWidget(self._gate)
        set_role(self._back, Role.TOUCH)
        set_role(self._promote, Role.PRIMARY_TOUCH)
        for button in (self._back, self._promote):
            self._gate.bar.add(button)
        for page in (self._nothing, self._one, self._progress, self._both):
            self._stack.addWidget(page)
        top, middle = QHBoxLayout(), QHBoxLayout()
        for row in (top, middle):
            row.setSpacing(GAP)
        top.addWidget(self._product)
        top.addWidget(self._import)
        top.addWidget(self._said, 1)
        middle.addWidget(self._timeline)
        middle.addWidget(self._stack, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(top)
        column.addLayout(middle, 1)
        column.addWidget(self._chart)

    def _connect(self) -> None:
        models, comparison, actions = self._models, self._comparison, self._actions
        models.changed.connect(self._show_facts)
        models.promoted.connect(self._say_promoted)
        models.exported.connect(self._say_exported)
        models.imported.connect(self._say_imported)
        models.failed.connect(self._show_fault)
        comparison.counted.connect(self._progress.count)
        comparison.compared.connect(self._show_report)
        comparison.failed.connect(self._not_compared)
        self._drift.changed.connect(self._chart.show_chart)
        self._timeline.itemSelectionChanged.connect(self._choose)
        self._import.clicked.connect(self._ask_file)
        self._progress.cancelled.connect(self._leave)
        self._back.clicked.connect(self._leave)
        self._promote.clicked.connect(self._ask_promotion)
        actions.compared.connect(self._compare)
        actions.promoted.connect(self._begin_promotion)
        actions.exported.connect(self._ask_target)
        actions.deleted.connect(self._ask_delete)

    # What is shown

    def _show_facts(self, facts: tuple[ModelFacts, ...]) -> None:
        self._timeline.show_facts(facts)
        self._import.setEnabled(bool(self._models.product))
        if facts and not self._timeline.chosen():
            self._timeline.item(0).setSelected(True)
        self._choose()

    def _choose(self) -> None:
        chosen = self._timeline.chosen()
        self._actions.show_chosen(chosen, self._active())
        if self._stack.currentWidget() in (self._progress, self._both):
            return  # a comparison is left by its own buttons, or for another product
        if not chosen:
            self._nothing.say(
                self.tr("No model yet"),
                self.tr("Every trained model of the product will be here, with what it was made of."),
            )
            self._stack.setCurrentWidget(self._nothing)
            self._make_room(False)
            return
        self._detail.show_facts(chosen[0])
        self._stack.setCurrentWidget(self._one)

    def _active(self) -> ModelFacts | None:
        return next((one for one in self._models.facts if one.state is ModelState.ACTIVE), None)

    def _leave(self, *_unused: object) -> None:
        self._comparison.forget()
        self._compared = None
        self._make_room(False)
        self._stack.setCurrentWidget(self._one)
        self._choose()

    # Comparing and promoting

    def _compare(self, newer: ModelFacts, older: ModelFacts) -> None:
        self._compared = newer.row
        words = self.tr("Comparing {0} with {1}…").format(newer.row.model_id, older.row.model_id)
        self._progress.begin(words)
        self._stack.setCurrentWidget(self._progress)
        self._comparison.start(newer.row.model_id, self._station.settings.device, older.row.model_id)

    def _show_report(self, report: GateReport) -> None:
        active = self._active()
        self._gate.show_report(report)
        self._promote.setVisible(active is not None and report.active == active.row.model_id)
        self._stack.setCurrentWidget(self._both)
        self._make_room(True)

    def _make_room(self, pictures: bool) -> None:
        """Give the picture pairs the whole page, or take it back."""
        for part in (self._timeline, self._chart):
            part.setVisible(not pictures)

    def _not_compared(self, error: StationError) -> None:
        self._leave()
        self._show_fault(error)

    def _begin_promotion(self, facts: ModelFacts) -> None:
        """A model that was active before goes back at once; a candidate is compared first."""
        active = self._active()
        if active is None or facts.state is ModelState.FORMER:
            self._compared = facts.row
            self._ask_promotion()
        else:
            self._compare(facts, active)

    def _ask_promotion(self, _checked: bool = False) -> None:
        row, report = self._compared, self._comparison.report
        if row is not None:
            back = any(one.row == row and one.state is ModelState.FORMER for one in self._models.facts)
            dialog = PromoteDialog(row.model_id, report.light if report else None, back, self.window())
            dialog.promoted.connect(self._promote_now)
            dialog.open()

    def _promote_now(self, note: str, confirmed: bool) -> None:
        row = self._compared
        if row is not None:
            report, engine = self._comparison.report, self._comparison.engine
            self._models.promote(row, note, report, confirmed, engine)
            self._leave()

    # Files

    def _ask_target(self, facts: ModelFacts) -> None:
        dialog = QFileDialog(self.window(), self.tr("Export {0}").format(facts.row.model_id))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(KINDS)
        dialog.selectFile(f"{facts.row.product} {facts.row.model_id}.almrr")
        dialog.fileSelected.connect(self.export_to)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _ask_file(self) -> None:
        dialog = QFileDialog(self.window(), self.tr("Import a model"), "", KINDS)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.import_from)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _ask_delete(self, facts: ModelFacts) -> None:
        name = facts.row.model_id
        words = self.tr("{0} is deleted for good; what it inspected stays in the log. Type {0} to do it.")
        title, button = self.tr("Delete {0}").format(name), self.tr("Delete")
        dialog = TypedDialog(title, words.format(name), button, name, self.window())
        dialog.confirmed.connect(self._delete_named)
        dialog.open()

    def _delete_named(self, name: str) -> None:
        for one in self._models.facts:
            if one.row.model_id == name:
                self._models.delete(one.row)

    def _say_promoted(self, recipe: Recipe) -> None:
        words = self.tr("{0} is the active model now, by recipe version {1}.")
        self._say(words.format(recipe.model_id, recipe.version))

    def _say_exported(self, target: Path) -> None:
        self._say(self.tr("Exported to {0}.").format(target))

    def _say_imported(self, row: ModelRow) -> None:
        self._say(self.tr("{0} is a candidate now: {1}.").format(row.model_id, row.note))

    def _show_fault(self, fault: StationError) -> None:
        self._say(f"{fault.sentence} {fault.remedy}".strip())

    def _say(self, sentence: str) -> None:
        self._said.setText(sentence)
