"""The small sections of the settings: the station itself, the sockets, and what triggers a part."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from almrr_core.settings import Settings, ThemeName
from almrr_core.types import OnLateOutput, TriggerKind, TriggerSettings
from app.theme import GAP, MARGIN
from app.views.form_fields import EDITOR_HEIGHT, Card, choices, choose, real_number, whole_number
from app.views.log_export import open_folder

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


class StationForm(QWidget):
    """Data folder, names, device and looks."""

    edited = Signal()

    def __init__(self, data_dir: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._data_dir = data_dir
        self._station, self._line = QLineEdit(self), QLineEdit(self)
        self._device = choices(
            (
                ("auto", self.tr("automatic: the GPU where there is one")),
                ("cpu", self.tr("CPU")),
                ("cuda", self.tr("NVIDIA GPU (CUDA)")),
            ),
            self,
        )
        self._theme = choices(
            (
                (ThemeName.SYSTEM, self.tr("as the system")),
                (ThemeName.LIGHT, self.tr("light")),
                (ThemeName.DARK, self.tr("dark")),
            ),
            self,
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(MARGIN)
        column.addWidget(self._build_names())
        column.addWidget(self._build_looks())
        column.addStretch(1)
        for text in (self._station, self._line):
            text.setMaxLength(60)
            text.textEdited.connect(self._changed)
        for box in (self._device, self._theme):
            box.activated.connect(self._changed)

    def show_settings(self, settings: Settings) -> None:
        """Show these settings."""
        for editor, value in ((self._station, settings.station_id), (self._line, settings.line_id)):
            if editor.text() != value:
                editor.setText(value)
        choose(self._device, settings.device)
        choose(self._theme, settings.theme)
        self._check()

    def applied_to(self, settings: Settings) -> Settings:
        """Return the settings with what is edited here."""
        return replace(
            settings,
            station_id=self._station.text().strip(),
            line_id=self._line.text().strip(),
            device=str(self._device.currentData()),
            theme=ThemeName(self._theme.currentData()),
        )

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong, one sentence each."""
        return tuple(f.complaint for f in (self._station_field, self._line_field) if f.complaint)

    def _build_names(self) -> Card:
        card = Card(self.tr("This station"), "", self)
        place = QWidget(card)
        row = QHBoxLayout(place)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        shown = QLineEdit(str(self._data_dir), place)
        shown.setReadOnly(True)
        shown.setCursorPosition(0)
        opener = QPushButton(self.tr("Open folder"), place)
        opener.clicked.connect(self._open)
        for widget in (shown, opener):
            widget.setFixedHeight(EDITOR_HEIGHT)
        row.addWidget(shown, 1)
        row.addWidget(opener)
        hint = self.tr("Log, pictures, models and settings. Another one: start with --data-dir FOLDER.")
        card.field(self.tr("Data folder"), place, hint)
        name = self.tr("Written into every row of the log.")
        self._station_field = card.field(self.tr("Station name"), self._station, name)
        self._line_field = card.field(self.tr("Line name"), self._line)
        return card

    def _build_looks(self) -> Card:
        card = Card(self.tr("Program"), "", self)
        card.field(self.tr("Inspect on"), self._device, self.tr("Scores are the same on every device."))
        card.field(self.tr("Theme"), self._theme)
        return card

    def _open(self) -> None:
        open_folder(self._data_dir)

    def _changed(self, _value: object) -> None:
        self._check()
        self.edited.emit()

    def _check(self) -> None:
        for field, editor in ((self._station_field, self._station), (self._line_field, self._line)):
            field.complain("" if editor.text().strip() else self.tr("Give it a name."))


class NetworkForm(QWidget):
    """The two sockets: parts asked for, verdicts told."""

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = QLineEdit(self)
        off = self.tr("off")
        self._trigger, self._output = whole_number(0, 65535, "", off), whole_number(0, 65535, "", off)
        self._deadline = whole_number(1, 60_000, "ms")
        card = Card(
            self.tr("Sockets"),
            self.tr("Lines of text over TCP, for a PLC or a computer. The manual shows both with examples."),
            self,
        )
        self._host_field = card.field(self.tr("Address"), self._host)
        self._trigger_field = card.field(
            self.tr("Trigger port"), self._trigger, self.tr("“TRIGGER <part-id>” takes a part.")
        )
        self._output_field = card.field(
            self.tr("Verdict port"), self._output, self.tr("One JSON line for every verdict.")
        )
        card.field(self.tr("Deadline"), self._deadline, self.tr("A verdict not taken in time is late."))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(card)
        column.addStretch(1)
        self._host.textEdited.connect(self._changed)
        for box in (self._trigger, self._output, self._deadline):
            box.valueChanged.connect(self._changed)
        self._showing = False

    def show_settings(self, settings: Settings) -> None:
        """Show these settings."""
        network = settings.network
        self._showing = True
        if self._host.text() != network.host:
            self._host.setText(network.host)
        self._trigger.setValue(network.trigger_port)
        self._output.setValue(network.output_port)
        self._deadline.setValue(network.deadline_ms)
        self._showing = False
        self._check()

    def applied_to(self, settings: Settings) -> Settings:
        """Return the settings with what is edited here."""
        network = replace(
            settings.network,
            host=self._host.text().strip(),
            trigger_port=self._trigger.value(),
            output_port=self._output.value(),
            deadline_ms=self._deadline.value(),
        )
        return replace(settings, network=network)

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong, one sentence each."""
        return tuple(f.complaint for f in (self._host_field, self._output_field) if f.complaint)

    def _changed(self, _value: object) -> None:
        if not self._showing:
            self._check()
            self.edited.emit()

    def _check(self) -> None:
        host = self._host.text().strip()
        self._host_field.complain("" if _is_host(host) else self.tr("Give an IP address or a host name."))
        self._host_field.hint(self._reach(host))
        same = self._output.value() and self._output.value() == self._trigger.value()
        self._output_field.complain(self.tr("Both sockets have the same port.") if same else "")

    def _reach(self, host: str) -> str:
        if host in ("127.0.0.1", "localhost", "::1"):
            return self.tr("Only programs on this computer can connect.")
        return self.tr("Every computer that reaches this address can connect: there is no password.")


@dataclass(frozen=True, slots=True)
class Triggering:
    """What the recipe says of triggers and late verdicts."""

    trigger: TriggerSettings
    on_late: OnLateOutput


class TriggerForm(QWidget):
    """Edits the part of the recipe that says when a frame becomes a part."""

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = choices(
            (
                (TriggerKind.INTERVAL, self.tr("a clock")),
                (TriggerKind.ARRIVAL, self.tr("every picture that arrives")),
                (TriggerKind.MANUAL, self.tr("a key or button")),
                (TriggerKind.NETWORK, self.tr("the trigger socket")),
            ),
            self,
        )
        self._interval = real_number(0.01, 3600, "s", 2)
        self._late = choices(
            (
                (OnLateOutput.NOTICE, self.tr("a notice; the line goes on")),
                (OnLateOutput.FAULT, self.tr("a fault; the line stops")),
            ),
            self,
        )
        self._none = QLabel(self.tr("Choose a product first: the trigger belongs to its recipe."), self)
        self._none.setWordWrap(True)
        card = Card(
            self.tr("When a picture becomes a part"),
            self.tr("Part of the product's recipe: applying writes a new version of it."),
            self,
        )
        card.column.addWidget(self._none)
        self._kind_field = card.field(self.tr("Triggered by"), self._kind)
        self._interval_field = card.field(self.tr("Every"), self._interval)
        self._late_field = card.field(self.tr("A late verdict is"), self._late)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(card)
        column.addStretch(1)
        self._shown: Triggering | None = None
        self._showing = False
        for box in (self._kind, self._late):
            box.currentIndexChanged.connect(self._changed)
        self._interval.valueChanged.connect(self._changed)

    def show_triggering(self, now: Triggering | None) -> None:
        """Show what the recipe says; None without a recipe."""
        self._shown, self._showing = now, True
        if now is not None:
            choose(self._kind, now.trigger.kind)
            self._interval.setValue(now.trigger.interval)
            choose(self._late, now.on_late)
        self._showing = False
        self._arrange()

    def triggering(self) -> Triggering | None:
        """Return what is edited; None without a recipe."""
        if self._shown is None:
            return None
        kind = TriggerKind(self._kind.currentData())
        trigger = TriggerSettings(kind, round(self._interval.value(), 2))
        return Triggering(trigger, OnLateOutput(self._late.currentData()))

    def _changed(self, _value: object) -> None:
        if not self._showing:
            self._arrange()
            self.edited.emit()

    def _arrange(self) -> None:
        there = self._shown is not None
        self._none.setVisible(not there)
        for field in (self._kind_field, self._late_field):
            field.setVisible(there)
        self._interval_field.setVisible(there and self._kind.currentData() == TriggerKind.INTERVAL)


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(_HOST.fullmatch(text)) and not re.fullmatch(r"[0-9.]+", text)
    return True
