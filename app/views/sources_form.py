"""The sources of the station: a list, the form of the one chosen, which one the line uses, and a trial."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from almrr_core.settings import Settings, SourceKind, SourceSettings
from app.icons import Icon
from app.services.trial import CameraName, SourceTrial
from app.theme import GAP, ICON, MARGIN, Tokens, icon, theme
from app.views.empty_state import EmptyState
from app.views.form_fields import Card
from app.views.source_form import SourceForm
from app.views.source_try import SourceTry
from app.views.source_words import KIND_ICON, kind_sentence, kind_word, new_source

LIST_WIDTH = 232


class SourcesForm(QWidget):
    """Edits `Settings.sources` and `Settings.active_source`."""

    edited = Signal()
    checked = Signal()  # what is wrong may be known better now

    def __init__(self, trial: SourceTrial | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trial = trial
        self._sources: list[SourceSettings] = []
        self._active, self._showing = -1, False  # which of them the line uses, -1: none
        self._list, self._form = QListWidget(self), SourceForm(trial, self)
        self._add, self._remove = QToolButton(self), QPushButton(self.tr("Remove"), self)
        self._use = QPushButton(self)
        self._try = SourceTry(trial, self) if trial else None
        self._empty = EmptyState(Icon.CAMERA, self)
        self._pages = QStackedWidget(self)
        self._build()
        self._recolor()
        theme().changed.connect(self._recolor)

    def show_settings(self, settings: Settings) -> None:
        """Show these settings; the source looked at stays the same where it still exists."""
        before = self._chosen()
        self._sources = list(settings.sources)
        names = [source.source_id for source in self._sources]
        self._active = names.index(settings.active_source) if settings.active_source in names else -1
        wanted = before.source_id if before else settings.active_source
        self._refill(names.index(wanted) if wanted in names else 0)

    def applied_to(self, settings: Settings) -> Settings:
        """Return the settings with what is edited here."""
        used = settings.active_source if self._active < 0 else self._sources[self._active].source_id
        return replace(settings, sources=tuple(self._sources), active_source=used)

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the source shown, and which others lack a name or share one."""
        names = [source.source_id for source in self._sources]
        if len(set(names)) < len(names) or "" in names:
            return (self.tr("Every source needs a name of its own."),)
        return self._form.problems() if self._sources else ()

    def showEvent(self, event: object) -> None:  # noqa: N802
        """Look for cameras whenever the section is opened."""
        del event
        if self._trial is not None:
            self._trial.cameras(self._cameras_found)

    def add(self, kind: SourceKind) -> None:
        """Add a source of a kind under a free name and show it."""
        taken = {source.source_id for source in self._sources}
        base = kind.value
        free = (f"{base}-{number}" for number in range(1, len(taken) + 2))
        self._sources.append(new_source(kind, next(name for name in free if name not in taken)))
        if len(self._sources) == 1:
            self._active = 0
        self._refill(len(self._sources) - 1)
        self.edited.emit()

    def _build(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(MARGIN)
        row.addWidget(self._build_list())
        card = Card("", "", self)
        self._heading = card.heading
        card.column.addWidget(self._form)
        if self._try is not None:
            card.column.addWidget(self._try)
        card.column.addWidget(self._use, 0, Qt.AlignmentFlag.AlignLeft)
        card.column.addStretch(1)
        self._empty.say(
            self.tr("No source yet"),
            self.tr("Add a camera, a folder or the simulated line: the line takes its pictures there."),
        )
        self._pages.addWidget(self._empty)
        self._pages.addWidget(card)
        row.addWidget(self._pages, 1)
        self._form.edited.connect(self._take)
        self._form.checked.connect(self._checked)
        self._list.currentRowChanged.connect(self._show)
        self._remove.clicked.connect(self._remove_chosen)
        self._use.clicked.connect(self._use_chosen)

    def _build_list(self) -> Card:
        card = Card(self.tr("Sources"), "", self)
        card.setFixedWidth(LIST_WIDTH)
        self._list.setIconSize(QSize(ICON, ICON))
        self._list.setAccessibleName(self.tr("Sources"))
        self._list.setStyleSheet("QListView::item { padding: 6px; }")
        card.column.addWidget(self._list, 1)
        menu = QMenu(self._add)
        menu.setToolTipsVisible(True)
        for kind in SourceKind:
            action = QAction(icon(KIND_ICON[kind]), kind_word(kind), menu)
            action.setToolTip(kind_sentence(kind))
            action.triggered.connect(partial(self._add_kind, kind))
            menu.addAction(action)
        self._add.setText(self.tr("Add"))
        self._add.setStyleSheet("QToolButton { padding-right: 22px; }")  # room for the arrow
        self._add.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._add.setMenu(menu)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addWidget(self._add)
        buttons.addWidget(self._remove)
        buttons.addStretch(1)
        card.column.addLayout(buttons)
        return card

    def _add_kind(self, kind: SourceKind, _checked: bool = False) -> None:
        self.add(kind)

    def _chosen(self) -> SourceSettings | None:
        at = self._list.currentRow()
        return self._sources[at] if 0 <= at < len(self._sources) else None

    def _refill(self, current: int) -> None:
        self._showing = True
        self._list.clear()
        for source in self._sources:
            self._list.addItem(QListWidgetItem(icon(KIND_ICON[source.kind]), ""))
        self._entitle()
        self._list.setCurrentRow(current if self._sources else -1)
        self._showing = False
        self._show()

    def _entitle(self) -> None:
        for at, source in enumerate(self._sources):
            name = source.source_id or self.tr("(no name)")
            self._list.item(at).setText(self.tr("{0} · in use").format(name) if at == self._active else name)

    def _show(self, _at: int = -1) -> None:
        if self._showing:
            return
        chosen = self._chosen()
        self._remove.setEnabled(chosen is not None)
        self._pages.setCurrentIndex(0 if chosen is None else 1)
        if chosen is not None:
            others = (source.source_id for source in self._sources if source is not chosen)
            self._form.show_source(chosen, frozenset(others))
            self._heading.setText(kind_word(chosen.kind))
        self._show_use()

    def _show_use(self) -> None:
        chosen = self._chosen()
        used = chosen is not None and self._list.currentRow() == self._active
        self._use.setText(self.tr("The line uses this source") if used else self.tr("Use this source"))
        self._use.setEnabled(not used)
        if self._try is not None:
            self._try.offer(chosen, not self._form.problems())

    def _take(self, source: SourceSettings) -> None:
        at = self._list.currentRow()
        self._sources[at] = source
        self._entitle()
        self._show_use()
        self.edited.emit()

    def _checked(self, _source: SourceSettings) -> None:
        self._show_use()
        self.checked.emit()

    def _remove_chosen(self) -> None:
        at = self._list.currentRow()
        del self._sources[at]
        if at == self._active:
            self._active = 0 if self._sources else -1
        elif at < self._active:
            self._active -= 1
        self._refill(min(at, len(self._sources) - 1))
        self.edited.emit()

    def _use_chosen(self) -> None:
        self._active = self._list.currentRow()
        self._entitle()
        self._show_use()
        self.edited.emit()

    def _cameras_found(self, cameras: tuple[CameraName, ...]) -> None:
        self._form.offer_cameras(cameras)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        for at, source in enumerate(self._sources):
            self._list.item(at).setIcon(icon(KIND_ICON[source.kind]))
        for action, kind in zip(self._add.menu().actions(), SourceKind, strict=True):
            action.setIcon(icon(KIND_ICON[kind]))
        self._remove.setIcon(icon(Icon.DELETE))
        self._add.setIcon(icon(Icon.ADD))
        self._add.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
