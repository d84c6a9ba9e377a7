"""Train: the three pools of a product, one button, and the decision about what it made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from almrr_core.errors import StationError
from almrr_core.settings import Settings
from almrr_core.types import LineStatus, Pool, Recipe
from app.services.capture import Capture
from app.services.samples import Samples
from app.services.station import Station
from app.services.training import Training
from app.services.training_values import Added, Choice, Counted, Forecast, Phase, PoolContent
from app.theme import GAP, MARGIN, Icon, Role, Tokens, icon, set_role, theme
from app.views.capture_dialog import CaptureDialog
from app.views.current_stack import CurrentStack
from app.views.empty_state import EmptyState
from app.views.pool_card import PoolCard
from app.views.pool_dialog import PoolDialog
from app.views.product_choice import ProductChoice
from app.views.retrain_card import RetrainCard
from app.views.train_decision import TrainDecision, TrainDoubt
from app.views.train_words import pool_word
from app.views.training_progress import TrainingProgress


class TrainPage(QWidget):
    """What is shown below the pools follows the phase of the training."""

    def __init__(
        self,
        station: Station,
        samples: Samples,
        capture: Capture,
        training: Training,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._station, self._samples, self._capture, self._training = station, samples, capture, training
        self._product = ProductChoice(samples, self)
        self._cards = {pool: PoolCard(pool, samples, self) for pool in Pool}
        self._folder = QPushButton(self.tr("Add folder…"), self)
        self._take = QPushButton(self.tr("Take pictures now…"), self)
        self._said = QLabel(self)
        self._retrain, self._progress = RetrainCard(self), TrainingProgress(samples.thumbnails, self)
        self._doubt, self._decision = TrainDoubt(samples, self), TrainDecision(training, samples, self)
        self._stack, self._whole = CurrentStack(self), CurrentStack(self)
        self._empty = EmptyState(Icon.TRAIN, self)
        self._contents: tuple[PoolContent, ...] = ()
        self._build()
        self._connect()
        self._recolor()
        self._phase_changed(training.phase)
        self._product_changed(samples.product)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Read the pools again: review adds to them."""
        super().showEvent(event)
        self._samples.reload()

    @property
    def said(self) -> str:
        """Return the last sentence about what was done."""
        return self._said.text()

    @property
    def retrain_card(self) -> RetrainCard:
        """Return the one button and what stands around it."""
        return self._retrain

    @property
    def progress(self) -> TrainingProgress:
        """Return what is shown while a training runs."""
        return self._progress

    @property
    def cards(self) -> dict[Pool, PoolCard]:
        """Return the cards of the pools."""
        return self._cards

    @property
    def capture_button(self) -> QPushButton:
        """Return what begins to take pictures."""
        return self._take

    @property
    def product_choice(self) -> ProductChoice:
        """Return whose pictures are looked at, and the way to a new product."""
        return self._product

    @property
    def doubt(self) -> TrainDoubt:
        """Return the question about odd normals."""
        return self._doubt

    @property
    def decision(self) -> TrainDecision:
        """Return what is shown when a candidate waits."""
        return self._decision

    def add_folder(self, folder: str) -> None:
        """Add the pictures of a folder as normals."""
        self._say(self.tr("Reading {0}…").format(folder))
        self._samples.add_folder(Path(folder), self._show_fault)

    def _build(self) -> None:
        for button in (self._folder, self._take):
            set_role(button, Role.TOUCH)
        self._said.setWordWrap(True)
        self._said.setTextFormat(Qt.TextFormat.PlainText)
        cards, tools = QHBoxLayout(), QHBoxLayout()
        cards.setSpacing(GAP)
        tools.setSpacing(GAP)
        for card in self._cards.values():
            cards.addWidget(card, 1)
        for widget in (self._product, self._folder, self._take):
            tools.addWidget(widget)
        tools.addWidget(self._said, 1)
        idle = QWidget(self)
        below = QVBoxLayout(idle)
        below.setContentsMargins(0, 0, 0, 0)
        below.addWidget(self._retrain)
        below.addStretch(1)
        self._idle = idle
        for page in (idle, self._progress, self._doubt, self._decision):
            self._stack.add(page)
        content = QWidget(self)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addLayout(cards)
        column.addWidget(self._stack, 1)
        area = self._area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setWidget(content)
        self._whole.add(area)
        self._whole.add(self._empty)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(GAP)
        outer.addLayout(tools)
        outer.addWidget(self._whole, 1)

    def _connect(self) -> None:
        self._connect_samples()
        training, progress = self._training, self._progress
        training.phase_changed.connect(self._phase_changed)
        training.forecast_changed.connect(self._forecast_changed)
        training.counted.connect(progress.count)
        training.comparison.counted.connect(progress.count)
        training.trainer.learned.connect(progress.learn)
        training.doubted.connect(self._doubt.show_doubt)
        training.failed.connect(self._show_fault)
        progress.cancelled.connect(self._cancel)
        self._retrain.retrained.connect(self._start)
        self._retrain.choice_changed.connect(training.ask)
        self._retrain.only_stopped_changed.connect(self._only_stopped)
        self._doubt.accepted.connect(training.go_on)
        self._doubt.refused.connect(training.cancel)
        self._station.status_changed.connect(self._block)
        self._station.recipe_changed.connect(self._look_again)
        self._station.settings_changed.connect(self._settings_changed)
        self._settings_changed(self._station.settings)
        theme().changed.connect(self._recolor)

    def _connect_samples(self) -> None:
        samples = self._samples
        samples.changed.connect(self._show_pools)
        samples.counted.connect(self._say_counted)
        samples.added.connect(self._say_added)
        samples.product_changed.connect(self._product_changed)
        for card in self._cards.values():
            card.opened.connect(self._open_pool)
        self._folder.clicked.connect(self._choose_folder)
        self._take.clicked.connect(self._open_capture)
        self._empty.pressed.connect(self._product.ask)

    # Pools

    def _show_pools(self, contents: tuple[PoolContent, ...]) -> None:
        for content in contents:
            self._cards[content.pool].show_content(content)
        if contents != self._contents:  # looking at the pictures takes seconds
            self._contents = contents
            self._retrain.show_forecast(None)
            self._training.ask(self._retrain.choice)

    def _product_changed(self, product: str) -> None:
        self._whole.show_page(self._area if product else self._empty)
        for widget in (self._folder, self._take):
            widget.setEnabled(bool(product))
        self._empty.say(
            self.tr("There is no product yet"),
            self.tr("Its normal pictures will be here, and the button that trains a model on them."),
            self.tr("New product…"),
        )
        self._say("")
        self._contents = ()
        self._retrain.begin()

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self.window(), self.tr("Add the pictures of a folder as normals"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self.add_folder)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _open_capture(self) -> None:
        dialog = CaptureDialog(self._capture, self._station.running, self.window())
        dialog.kept.connect(self._samples.add_captured)
        dialog.open()

    def _open_pool(self, pool: Pool) -> None:
        dialog = PoolDialog(self._samples, pool_word(pool), self.window())
        self._samples.all_of(pool, dialog.show_samples)
        dialog.open()

    def _say_counted(self, counted: Counted) -> None:
        self._say(self.tr("{0} of {1} pictures read…").format(counted.done, counted.total))

    def _say_added(self, added: Added) -> None:
        words = self.tr("{0} pictures were added; each has found its pool.").format(added.count)
        if added.refused:
            words += " " + self.tr("{0} were not: {1}").format(len(added.refused), added.refused[0])
        self._say(words)
        self._said.setToolTip("\n".join(added.refused[:30]))

    # Training

    def _start(self, choice: Choice) -> None:
        self._say("")
        self._progress.begin(self.tr("Looking for pictures unlike all others…"))
        self._training.retrain(choice)

    def _cancel(self, _pressed: bool) -> None:
        self._training.cancel()

    def _forecast_changed(self, forecast: Forecast) -> None:
        self._retrain.show_forecast(forecast)

    def _phase_changed(self, phase: Phase) -> None:
        shown = {Phase.IDLE: self._idle, Phase.DOUBTFUL: self._doubt}
        shown |= dict.fromkeys((Phase.READY, Phase.PROMOTING), self._decision)
        self._stack.show_page(shown.get(phase, self._progress))
        product = self._training.product  # another may be looked at meanwhile
        if phase is Phase.TRAINING:
            self._progress.begin(self.tr("Starting the training for {0}; the line goes on…").format(product))
        elif phase is Phase.COMPARING:
            self._progress.begin(self.tr("Comparing it with the active model of {0}…").format(product))
        elif phase is Phase.READY:
            self._decision.show_candidate()
        self._decision.setEnabled(phase is Phase.READY)
        for card in self._cards.values():
            card.set_compact(phase not in (Phase.IDLE, Phase.CHECKING))
        self._product.setEnabled(phase is Phase.IDLE)
        if phase is Phase.IDLE:
            self._look_again()

    def _look_again(self, _recipe: Recipe | None = None) -> None:
        self._contents = ()
        self._samples.reload()

    def _block(self, _status: LineStatus | None = None) -> None:
        only_stopped = not self._station.settings.train_while_running
        sentence = self.tr("Stop the line first: it is set to train only while the line is stopped.")
        self._retrain.block(sentence if only_stopped and self._station.running else "")

    def _only_stopped(self, on: bool) -> None:
        self._station.change_settings(replace(self._station.settings, train_while_running=not on))

    def _settings_changed(self, settings: Settings) -> None:
        self._retrain.set_only_stopped(not settings.train_while_running)
        self._block()

    def _show_fault(self, fault: StationError) -> None:
        self._say(f"{fault.sentence} {fault.remedy}".strip())

    def _say(self, sentence: str) -> None:
        self._said.setText(sentence)
        self._said.setToolTip("")

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        self._folder.setIcon(icon(Icon.FOLDER))
        self._take.setIcon(icon(Icon.CAMERA))
