"""The settings: sections left, the forms of one right, Apply and Revert below with what Apply will do."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from PySide6.QtCore import Qt, SignalInstance
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from almrr_core.settings import Settings
from almrr_core.types import LineStatus, Recipe
from app.services.station import Station
from app.services.trial import SourceTrial
from app.theme import GAP, MARGIN, Role, Tokens, set_role, theme, tokens
from app.views.product_form import ProductForm
from app.views.retention_form import RetentionForm
from app.views.settings_effects import effects
from app.views.settings_forms import NetworkForm, StationForm, TriggerForm, Triggering
from app.views.sources_form import SourcesForm

SECTIONS_WIDTH = 176
FORM_WIDTH = 900


class Form(Protocol):
    """A section that edits a part of `Settings`."""

    edited: SignalInstance

    def show_settings(self, settings: Settings) -> None:
        """Show these settings."""

    def applied_to(self, settings: Settings) -> Settings:
        """Return the settings with what is edited here."""

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong, one sentence each."""


class SettingsPage(QWidget):
    """Edits a copy of the settings; nothing changes before Apply, and Revert forgets it."""

    def __init__(
        self, station: Station, trial: SourceTrial | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._station = station
        self._sections, self._stack = QListWidget(self), QStackedWidget(self)
        self._said = QLabel(self)
        self._apply, self._revert = QPushButton(self.tr("Apply"), self), QPushButton(self.tr("Revert"), self)
        self._trigger = TriggerForm(self)
        self._forms: dict[int, Form] = {}
        self._edited = False
        self._build()
        self._add_sections(trial)
        self._connect()
        self._show_all()

    @property
    def unsaved(self) -> bool:
        """Whether something is edited that is not applied."""
        return self._draft() != self._station.settings or self._trigger_changed()

    def _build(self) -> None:
        self._sections.setFixedWidth(SECTIONS_WIDTH)
        self._sections.setAccessibleName(self.tr("Sections"))
        self._sections.setStyleSheet("QListView::item { padding: 8px 12px; }")
        set_role(self._said, Role.MUTED)
        self._said.setWordWrap(True)
        set_role(self._apply, Role.PRIMARY)
        top = QHBoxLayout()
        top.setSpacing(MARGIN)
        top.addWidget(self._sections)
        top.addWidget(self._stack, 1)
        bar = QFrame(self)
        set_role(bar, Role.CARD)
        bar.setMaximumWidth(SECTIONS_WIDTH + MARGIN + FORM_WIDTH)  # ends where the forms do
        row = QHBoxLayout(bar)
        row.setContentsMargins(MARGIN, GAP, MARGIN, GAP)
        row.setSpacing(GAP)
        row.addWidget(self._said, 1)
        row.addWidget(self._revert)
        row.addWidget(self._apply)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(MARGIN)
        column.addLayout(top, 1)
        column.addWidget(bar)

    def _add_sections(self, trial: SourceTrial | None) -> None:
        self._add(self.tr("Station"), StationForm(self._station.data_dir, self))
        sources = SourcesForm(trial, self)
        sources.checked.connect(self._say)
        self._add(self.tr("Sources"), sources)
        self._add(self.tr("Product and model"), ProductForm(self._station, trial, self))
        self._add(self.tr("Trigger"), self._trigger)
        self._add(self.tr("Pictures kept"), RetentionForm(self))
        self._add(self.tr("Network"), NetworkForm(self))
        self._sections.setCurrentRow(0)

    def _add(self, title: str, form: QWidget) -> None:
        if isinstance(form, StationForm | SourcesForm | RetentionForm | NetworkForm):
            self._forms[self._stack.count()] = form
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        form.setMaximumWidth(FORM_WIDTH)
        area.setWidget(form)
        area.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._stack.addWidget(area)
        self._sections.addItem(title)

    def _connect(self) -> None:
        self._sections.currentRowChanged.connect(self._stack.setCurrentIndex)
        self._apply.clicked.connect(self.apply)
        self._revert.clicked.connect(self.revert)
        for form in self._forms.values():
            form.edited.connect(self._changed)
        self._trigger.edited.connect(self._changed)
        self._station.settings_changed.connect(self._settings_changed)
        self._station.recipe_changed.connect(self._recipe_changed)
        self._station.status_changed.connect(self._status_changed)
        theme().changed.connect(self._recolor)
        QShortcut(QKeySequence.StandardKey.Save, self, self.apply)

    def apply(self) -> None:
        """Put what is edited in force; does nothing while a field complains."""
        if self._problems() or not self.unsaved:
            return
        draft, triggering, recipe = self._draft(), self._trigger.triggering(), self._station.recipe
        changed = self._trigger_changed()
        self._edited = False
        self._station.change_settings(draft)
        if changed and triggering is not None and recipe is not None:
            reason = self.tr("Trigger changed in the settings")
            self._station.apply_recipe(
                replace(recipe, trigger=triggering.trigger, on_late_output=triggering.on_late, reason=reason)
            )
        self._say()

    def revert(self) -> None:
        """Forget what was edited and show the settings in force."""
        self._edited = False
        self._show_all()

    def _draft(self) -> Settings:
        draft = self._station.settings
        for form in self._forms.values():
            draft = form.applied_to(draft)
        return draft

    def _triggering(self) -> Triggering | None:
        recipe = self._station.recipe
        return Triggering(recipe.trigger, recipe.on_late_output) if recipe else None

    def _trigger_changed(self) -> bool:
        return self._trigger.triggering() != self._triggering()

    def _problems(self) -> tuple[str, ...]:
        return tuple(problem for form in self._forms.values() for problem in form.problems())

    def _show_all(self) -> None:
        for form in self._forms.values():
            form.show_settings(self._station.settings)
        self._trigger.show_triggering(self._triggering())
        self._say()

    def _changed(self) -> None:
        self._edited = True
        self._say()

    def _settings_changed(self, _settings: Settings) -> None:
        if not self._edited:
            self._show_all()

    def _recipe_changed(self, _recipe: Recipe) -> None:
        if not self._edited:
            self._trigger.show_triggering(self._triggering())
            self._say()

    def _status_changed(self, _status: LineStatus) -> None:
        if self.isVisible() and self._edited:
            self._say()

    def _recolor(self, _tokens: Tokens) -> None:
        self._say()

    def _say(self) -> None:
        """Say what Apply will do, or what keeps it from being possible."""
        unsaved, problems = self.unsaved, self._problems()
        draft = self._draft()
        text = self.tr("Everything here is in force.")
        if problems and unsaved:
            text = self._where_wrong() + " " + problems[0]
        elif unsaved:
            what = effects(self._station.settings, draft, self._trigger_changed(), self._station.running)
            text = " ".join(what)
        self._said.setText(text)
        self._said.setStyleSheet(f"color: {tokens().fail};" if problems and unsaved else "")
        self._apply.setEnabled(unsaved and not problems)
        self._revert.setEnabled(unsaved)

    def _where_wrong(self) -> str:
        at = next(at for at, form in self._forms.items() if form.problems())
        return self.tr("{0}:").format(self._sections.item(at).text())
