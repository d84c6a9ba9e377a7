"""The first start: the demo line by one press, or three steps to live pictures of one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from almrr_core.settings import Settings
from app.services.station import Station
from app.services.trial import SourceTrial
from app.theme import GAP, MARGIN, TARGET, Role, Tokens, set_role, theme, tokens
from app.views.first_steps import LaunchStep, ProductStep, SourceStep, Step
from app.views.form_fields import Card

WIDTH = 880


class FirstStart(QWidget):
    """Shown while `Settings.first_start_done` is False; starting a line sets it."""

    def __init__(
        self, station: Station, trial: SourceTrial | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._station, self._going = station, ""
        self._source, self._product = SourceStep(trial, self), ProductStep(station, trial, self)
        self._launch = LaunchStep(station.data_dir, self)
        self._steps: tuple[Step, ...] = (self._source, self._product, self._launch)
        self._stack, self._number = QStackedWidget(self), QLabel(self)
        self._back = QPushButton(self.tr("Back"), self)
        self._next, self._skip = QPushButton(self), QPushButton(self.tr("Set it up later"), self)
        self._said = QLabel(self)
        self._demo, self._own = self._demo_button(), QPushButton(self.tr("Set up my line"), self)
        self._build()
        self._connect()
        self._show(0)

    def go(self) -> None:
        """Use the source and the product that were chosen, and start the line."""
        self._going = self._product.name
        self._said.setText("")
        self._station.use_source(self._source.source)
        new = self._product.is_new
        if new and self._going not in self._station.products:  # else it was made before, but did not load
            self._station.make_product(self._going, Path(self._product.folder))
        else:
            self._station.choose_product(self._going, None if new else self._finish)
        self._enable()

    def _demo_button(self) -> QPushButton:
        button = QPushButton(self.tr("Try the demo line"), self)
        set_role(button, Role.PRIMARY_TOUCH)
        return button

    def _build(self) -> None:
        self._stack.setStyleSheet("QStackedWidget { background: transparent; }")
        self._stack.addWidget(self._welcome())
        self._stack.addWidget(self._wizard())
        content = QWidget(self)
        content.setFixedWidth(WIDTH)
        column = QVBoxLayout(content)
        column.setContentsMargins(MARGIN, 2 * MARGIN, MARGIN, MARGIN)
        column.addWidget(self._stack, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(content)
        row.addStretch(1)

    def _welcome(self) -> QWidget:
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(MARGIN)
        title = QLabel(self.tr("Inspect parts on this computer"), page)
        set_role(title, Role.TITLE)
        text = QLabel(
            self.tr(
                "This station looks at pictures of parts, shows where one differs from the normal, and logs it."
            ),
            page,
        )
        text.setWordWrap(True)
        set_role(text, Role.MUTED)
        demo = Card(
            self.tr("See it work, without a camera"),
            self.tr(
                "A simulated line shows moving material with some defects; a trained model that comes with the "
                "program judges it. Its parts are logged like real ones, under a product of their own."
            ),
            page,
        )
        demo.column.addWidget(self._demo)
        own = Card(
            self.tr("Your own pictures, in three steps"),
            self.tr(
                "Choose where pictures come from, choose a product with its trained model, start the line."
            ),
            page,
        )
        set_role(self._own, Role.TOUCH)
        own.column.addWidget(self._own)
        set_role(self._skip, Role.QUIET)
        self._skip.setStyleSheet(f"QPushButton {{ min-height: {TARGET - 10}px; }}")  # and padding and border
        column.addStretch(1)
        for widget in (title, text, demo, own):
            column.addWidget(widget)
        column.addWidget(self._skip, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)
        return page

    def _wizard(self) -> QWidget:
        page = QWidget(self)
        self._pages = QStackedWidget(page)
        self._pages.setStyleSheet("QStackedWidget { background: transparent; }")
        for step in self._steps:
            area = QScrollArea(page)
            area.setWidgetResizable(True)
            area.setFrameShape(QFrame.Shape.NoFrame)
            area.setWidget(step)
            self._pages.addWidget(area)
        set_role(self._number, Role.TITLE)
        set_role(self._back, Role.TOUCH)
        set_role(self._next, Role.PRIMARY_TOUCH)
        for button in (self._back, self._next):
            button.setMinimumWidth(140)
        self._said.setWordWrap(True)
        self._said.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self._back)
        row.addWidget(self._said, 1)
        row.addWidget(self._next)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(MARGIN)
        column.addWidget(self._number)
        column.addWidget(self._pages, 1)
        column.addLayout(row)
        return page

    def _connect(self) -> None:
        self._demo.clicked.connect(self._try_demo)
        self._own.clicked.connect(self._begin)
        self._skip.clicked.connect(self._later)
        self._back.clicked.connect(self._go_back)
        self._next.clicked.connect(self._go_on)
        for step in self._steps:
            step.changed.connect(self._enable)
        self._station.settings_changed.connect(self._settings_changed)
        self._station.busy_changed.connect(self._busy_changed)
        theme().changed.connect(self._recolor)
        self._recolor()

    @property
    def step(self) -> int:
        """Which step is shown: 0 for the welcome, then 1 to 3."""
        return 0 if self._stack.currentIndex() == 0 else 1 + self._pages.currentIndex()

    def _show(self, step: int) -> None:
        self._stack.setCurrentIndex(min(step, 1))
        if not step:
            self._demo.setFocus()
            return
        self._pages.setCurrentIndex(step - 1)
        if step == len(self._steps):
            self._launch.show_choice(self._source.source, self._product.name)
        self._number.setText(self._titles()[step - 1])
        last = step == len(self._steps)
        self._next.setText(self.tr("Start line") if last else self.tr("Next"))
        self._said.setText("")
        self._steps[step - 1].setFocus()
        self._enable()

    def _titles(self) -> tuple[str, str, str]:
        return (
            self.tr("1 of 3: where do pictures come from?"),
            self.tr("2 of 3: what is inspected?"),
            self.tr("3 of 3: ready"),
        )

    def _enable(self) -> None:
        busy = bool(self._going or self._station.busy)
        self._next.setEnabled(not busy and self.step > 0 and self._steps[self.step - 1].ready)
        for button in (self._back, self._demo, self._own, self._skip):
            button.setEnabled(not busy)

    def _begin(self) -> None:
        self._show(1)

    def _go_back(self) -> None:
        self._show(self.step - 1)

    def _go_on(self) -> None:
        if self.step == len(self._steps):
            self.go()
        elif self._steps[self.step - 1].check():
            self._show(self.step + 1)

    def _try_demo(self) -> None:
        self._station.load_demo()
        self._enable()

    def _later(self) -> None:
        self._station.change_settings(replace(self._station.settings, first_start_done=True))

    def _finish(self) -> None:
        self._going = ""
        self._station.start()
        self._later()

    def _settings_changed(self, settings: Settings) -> None:
        if self._going and settings.product == self._going and self._product.is_new:
            self._going = ""
            QTimer.singleShot(0, self._finish)  # these settings are still being put in force

    def _busy_changed(self, what: str) -> None:
        self._said.setText(what)
        if not what and self._going:
            self._going = ""
            self._said.setText(self.tr("It did not work; the message above says why and what to do."))
        self._demo.setText(what or self.tr("Try the demo line"))
        self._enable()

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        self._said.setStyleSheet(f"color: {tokens().muted};")
