"""The one button, what it will do and how long; the other ways to train are a click away."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.services.training_values import Choice, Forecast, Mode
from app.theme import GAP, MARGIN, STEP, TARGET, Role, set_role
from app.views.form_fields import PathEdit, real_number, whole_number
from app.views.section import Section
from app.views.train_words import backbone_word, duration

PAUSE = 400  # ms without a change before the forecast is asked for
LONGEST = 600.0  # minutes
MOST_STEPS = 100_000


class RetrainCard(QFrame):
    """Says what a person wants; `Training` knows whether it can be done."""

    retrained = Signal(object)  # Choice
    choice_changed = Signal(object)  # Choice, when it rests
    only_stopped_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._button, self._sentence = QPushButton(self.tr("Retrain"), self), QLabel(self)
        self._quick = QRadioButton(self.tr("Quick: go on from the active model"), self)
        self._full = QRadioButton(self.tr("Full: train anew"), self)
        self._other = QRadioButton(self.tr("Go on from another model"), self)
        self._group = QButtonGroup(self)
        self._path = PathEdit(folder=True, parent=self)
        self._minutes = real_number(0.0, LONGEST, self.tr("min"), 2, self.tr("as usual"))
        self._steps = whole_number(0, MOST_STEPS, self.tr("steps"), self.tr("as time allows"))
        self._shade = QCheckBox(self.tr("Judge brightness and colour too"), self)
        self._shade_choice: bool | None = None  # as the active model does, until somebody clicks
        self._first = False  # the product has no model yet
        self._only_stopped = QCheckBox(self.tr("Train only while the line is stopped"), self)
        self._options = Section(self.tr("Other ways to train"), self._build_options(), self)
        self._forecast: Forecast | None = None
        self._blocked = ""
        self._rest = QTimer(self, singleShot=True, interval=PAUSE)
        self._build()
        self._connect()
        self.begin()

    @property
    def choice(self) -> Choice:
        """Return what is chosen."""
        mode = Mode.FULL if self._full.isChecked() else Mode.QUICK
        parent = Path(self._path.text()) if self._other.isChecked() and self._path.text() else None
        shade = self._shade_choice if self._can_choose_shade() else None
        return Choice(mode, self._minutes.value() or None, parent, self._steps.value() or None, shade)

    @property
    def sentence(self) -> str:
        """Return what stands under the button."""
        return self._sentence.text()

    @property
    def button(self) -> QPushButton:
        """Return the one button."""
        return self._button

    @property
    def mode_buttons(self) -> tuple[QRadioButton, ...]:
        """Return the ways to begin."""
        return self._quick, self._full, self._other

    @property
    def options(self) -> Section:
        """Return the other ways to train."""
        return self._options

    @property
    def minutes(self) -> QDoubleSpinBox:
        """Return the time to learn; 0 is as usual."""
        return self._minutes

    @property
    def steps(self) -> QSpinBox:
        """Return the number of steps, which comes before the time to learn."""
        return self._steps

    @property
    def shade(self) -> QCheckBox:
        """Return whether brightness and colour shall be judged; only a training anew can change that."""
        return self._shade

    @property
    def only_stopped(self) -> QCheckBox:
        """Return the setting."""
        return self._only_stopped

    def begin(self) -> None:
        """Forget what belongs to the product before; its forecast is not known yet."""
        self._shade_choice, self._first = None, False
        self._shade.setEnabled(False)
        self.show_forecast(None)

    def show_forecast(self, forecast: Forecast | None) -> None:
        """Say what a press would do; None while that is not known yet."""
        self._forecast = forecast
        self._refresh()

    def block(self, sentence: str) -> None:
        """Say why nothing can be trained now; "" where it can."""
        self._blocked = sentence
        self._refresh()

    def set_only_stopped(self, on: bool) -> None:
        """Show the setting."""
        self._only_stopped.setChecked(on)

    def _build_options(self) -> QWidget:
        body = QWidget(self)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(STEP)
        for button in (self._quick, self._full, self._other):
            self._group.addButton(button)
            column.addWidget(button)
        self._quick.setChecked(True)
        column.addWidget(self._path)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        self._minutes.setAccessibleName(self.tr("Time to learn"))
        self._steps.setAccessibleName(self.tr("Steps to learn"))
        self._minutes.setSingleStep(1.0)
        for editor in (self._minutes, self._steps):
            editor.setFixedWidth(150)
            row.addWidget(QLabel(editor.accessibleName(), body))
            row.addWidget(editor)
        self._steps.setToolTip(self.tr("A number of steps instead of a time: the same model comes out again"))
        row.addStretch(1)
        column.addLayout(row)
        self._shade.setToolTip(
            self.tr(
                "Where the light is steady: finds faint stains and wide changes of tone that texture hides"
            )
        )
        column.addWidget(self._shade)
        column.addWidget(self._only_stopped)
        self._path.setEnabled(False)
        return body

    def _build(self) -> None:
        set_role(self._button, Role.PRIMARY_TOUCH)
        self._button.setMinimumWidth(180)
        self._button.setMinimumHeight(TARGET)
        self._sentence.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(MARGIN)
        row.setContentsMargins(MARGIN + STEP, 0, 0, 0)  # the section below brings its own room
        row.addWidget(self._button)
        row.addWidget(self._sentence, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, MARGIN, MARGIN, GAP)
        column.setSpacing(GAP)
        column.addLayout(row)
        column.addWidget(self._options)

    def _connect(self) -> None:
        self._button.clicked.connect(self._press)
        self._group.buttonToggled.connect(self._edited)
        self._path.changed.connect(self._edited)
        self._minutes.valueChanged.connect(self._edited)
        self._steps.valueChanged.connect(self._edited)
        self._shade.clicked.connect(self._choose_shade)
        self._only_stopped.toggled.connect(self.only_stopped_changed)
        self._rest.timeout.connect(self._say_choice)

    def _choose_shade(self, on: bool) -> None:
        self._shade_choice = on
        self._edited()

    def _edited(self, *_unused: object) -> None:
        self._path.setEnabled(self._other.isChecked())
        self.show_forecast(None)
        self._rest.start()

    def _can_choose_shade(self) -> bool:
        return self._full.isChecked() or (self._first and not self._other.isChecked())

    def _say_choice(self) -> None:
        problem = self._path.problem() if self._other.isChecked() else ""
        if problem:
            self.show_forecast(Forecast(fault=problem))
        else:
            self.choice_changed.emit(self.choice)

    def _press(self) -> None:
        self.retrained.emit(self.choice)

    def _refresh(self) -> None:
        self._refresh_shade()
        forecast = self._forecast
        can = not self._blocked and forecast is not None and not forecast.fault
        self._button.setEnabled(can)
        if self._blocked:
            words = self._blocked
        elif forecast is None:
            words = self.tr("Looking at the pictures…")
        elif forecast.fault:
            words = f"{forecast.fault} {forecast.remedy}".strip()
        else:
            words = self._plan_words(forecast)
        self._sentence.setText(words)

    def _refresh_shade(self) -> None:
        forecast = self._forecast
        if forecast is None or forecast.fault:
            return
        self._first = forecast.first
        if self.choice.shade not in (None, forecast.shade):  # it was asked for before the last click
            self._forecast = None
            self._rest.start()
            return
        self._shade.setChecked(bool(forecast.shade))
        self._shade.setEnabled(forecast.shade is not None and self._can_choose_shade())

    def _plan_words(self, forecast: Forecast) -> str:
        if forecast.first:
            what = self.tr("Trains the first model on {0} normals; {1} more set its limits.")
        elif self._full.isChecked():
            what = self.tr("Trains a new model on {0} normals; {1} more set its limits.")
        elif self._other.isChecked():
            what = self.tr("Goes on from the model chosen below with {0} normals; {1} more set the limits.")
        else:
            what = self.tr("Goes on from the active model with {0} normals; {1} more set the limits.")
        time = self.tr("Takes about {0}.").format(duration(forecast.seconds))
        after = self.tr("Then it is compared with the active model; nothing is promoted by itself.")
        if forecast.first:
            after = self.tr("Nothing is promoted by itself.")
        counted = what.format(forecast.normals, forecast.held_out)
        backbone = self.tr("Backbone: {0}.").format(backbone_word(forecast.backbone))
        return " ".join((counted, time, after, backbone, *forecast.warnings))
