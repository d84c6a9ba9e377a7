"""The log's export menu: it says what it will contain, asks where to, and tells when it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from almrr_core.errors import StationError
from almrr_core.types import LogFilter
from app.icons import Icon
from app.theme import Tokens, icon, theme
from app.views import log_words as words


class Exports(Protocol):
    """What the menu needs of the history service."""

    def export_csv(
        self,
        wanted: LogFilter,
        target: Path,
        done: Callable[[int], None],
        failed: Callable[[StationError], None] | None = None,
    ) -> None:
        """Write the rows and answer how many they were."""

    def export_zip(
        self,
        wanted: LogFilter,
        target: Path,
        done: Callable[[int], None],
        failed: Callable[[StationError], None] | None = None,
    ) -> None:
        """Write the rows and their pictures and answer how many rows they were."""

    def stop_export(self) -> None:
        """End the last export without a file."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A finished export."""

    target: Path
    rows: int


class ExportMenu(QToolButton):
    """Exports what the filter shows: as CSV, or as ZIP with the pictures that are still kept."""

    started = Signal(object)  # Path
    exported = Signal(object)  # Exported
    failed = Signal(object)  # StationError: nothing was written, or it was stopped

    def __init__(self, exports: Exports, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._exports, self._folder = exports, folder
        self._wanted, self._writing = LogFilter(), False
        self._rows: int | None = None
        self.setText(self.tr("Export"))
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setStyleSheet("QToolButton { padding-right: 22px; }")  # room for the arrow
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self._content = menu.addSection("")
        self._csv = self._action(menu, self._ask_csv)
        self._zip = self._action(menu, self._ask_zip)
        menu.addSeparator()
        self._open = self._action(menu, self._open_folder)
        self._open.setText(self.tr("Open the folder of pictures and log"))
        self.setMenu(menu)
        self._recolor()
        theme().changed.connect(self._recolor)
        self.offer(LogFilter(), None)

    def offer(self, wanted: LogFilter, rows: int | None) -> None:
        """Say what an export would contain now; None rows while nobody knows how many."""
        self._wanted, self._rows = wanted, rows
        count = "…" if rows is None else words.whole(rows)
        self._csv.setText(self.tr("CSV: {0} inspections, one row each").format(count))
        self._csv.setToolTip(
            self.tr("Times in UTC, part, lot, serial, verdict, score, limits, recipe, model, label, timings")
        )
        self._zip.setText(self.tr("ZIP with pictures: {0} inspections").format(count))
        self._zip.setToolTip(
            self.tr("The same table, and every picture with its score map that is still kept")
        )
        self._enable()

    def export(self, target: Path) -> None:
        """Write what the filter shows to `target`, a .zip with pictures, else CSV; one export at a time."""
        self._writing = True
        self._enable()
        self.started.emit(target)
        write = self._exports.export_zip if target.suffix.lower() == ".zip" else self._exports.export_csv
        write(self._wanted, target, partial(self._written, target), self._failed)

    def stop(self) -> None:
        """End the export without a file."""
        self._exports.stop_export()

    def _enable(self) -> None:
        for action in (self._csv, self._zip):
            action.setEnabled(bool(self._rows) and not self._writing)

    def _action(self, menu: QMenu, slot: Callable[[], None]) -> QAction:
        action = QAction(menu)
        action.triggered.connect(slot)
        menu.addAction(action)
        return action

    def _ask_csv(self) -> None:
        self._ask("csv", self.tr("Table (*.csv)"))

    def _ask_zip(self) -> None:
        self._ask("zip", self.tr("Table with pictures (*.zip)"))

    def _ask(self, suffix: str, kinds: str) -> None:
        exports = self._folder / "exports"
        name = f"log-{datetime.now().astimezone():%Y%m%d-%H%M%S}.{suffix}"
        dialog = QFileDialog(self.window(), self.tr("Export the log"), str(exports), kinds)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix)
        dialog.selectFile(name)
        dialog.fileSelected.connect(self._chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _chosen(self, path: str) -> None:
        self.export(Path(path))

    def _written(self, target: Path, rows: int) -> None:
        self._writing = False
        self._enable()
        self.exported.emit(Exported(target, rows))

    def _failed(self, error: StationError) -> None:
        self._writing = False
        self._enable()
        self.failed.emit(error)

    def _open_folder(self) -> None:
        open_folder(self._folder)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        self._csv.setIcon(icon(Icon.EXPORT))
        self._zip.setIcon(icon(Icon.EXPORT))
        self._open.setIcon(icon(Icon.OPEN))


def open_folder(folder: Path) -> None:
    """Show a folder in the system's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
