"""The window: the rail, the pages, the fault bar, and how it is closed."""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMessageBox,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from almrr_core.settings import Settings
from almrr_core.types import Notice
from app.services.faults import Faults
from app.services.values import Bug
from app.theme import MARGIN, Role, set_role
from app.views.log_words import counted
from app.views.notices import BugDialog, FaultBar, NoticeList
from app.views.pages import Page
from app.views.rail import Rail

if TYPE_CHECKING:
    from app.services.station import Station
    from app.services.trainer import Trainer

SMALLEST = (1024, 640)
FIRST_SIZE = (1366, 768)


class MainWindow(QMainWindow):
    """Stands at once with a sentence; `furnish` gives it the station and its pages when the log is open."""

    leaving = Signal(bool)  # the window shall close when the line has ended; True: parts not logged may go

    closed = Signal(bool)

    def __init__(self, faults: Faults, layout: str = "") -> None:
        super().__init__()
        self.setWindowTitle(self.tr("ALMRR line inspector"))
        self.setMinimumSize(*SMALLEST)
        self.resize(*FIRST_SIZE)
        self._station: Station | None = None
        self._trainer: Trainer | None = None
        self._pages: Mapping[Page, QWidget] = {}
        self._rail: Rail | None = None
        self._done = self._over = self._operator = self._asking = False
        self._bug: BugDialog | None = None
        self._refusal = ""
        self._stack, self._bar, self._notices = QStackedWidget(), FaultBar(), NoticeList()
        self._opening = QLabel(self.tr("Opening the station…"))
        self._first_page = self._restore(layout)
        self._lay_out()
        faults.noticed.connect(self._notice)
        faults.bug_found.connect(self._show_bug)
        QShortcut(QKeySequence(Qt.Key.Key_F11), self).activated.connect(self.toggle_operator_mode)
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self._escape.activated.connect(self.toggle_operator_mode)
        self._escape.setEnabled(False)

    def furnish(
        self, station: Station, trainer: Trainer, pages: Mapping[Page, QWidget], welcome: QWidget | None
    ) -> None:
        """Show the pages, or first `welcome` where the station was never set up."""
        self._station, self._trainer, self._pages = station, trainer, pages
        self._rail = Rail(pages)
        self._rail.chosen.connect(self.show_page)
        station.settings_changed.connect(self._settings_changed)
        self._rail.notices_toggled.connect(self._notices.setVisible)
        self._notices.closed.connect(self._rail.close_notices)
        self._row.insertWidget(0, self._rail)
        for page in pages.values():
            self._stack.addWidget(page)
        station.status_changed.connect(self._bar.take_status)
        self._bar.retried.connect(station.start)
        if welcome is not None:
            self._stack.addWidget(welcome)
            self._stack.setCurrentWidget(welcome)
            self._rail.hide()
            return
        self.enter()

    def enter(self) -> None:
        """Leave the opening sentence or the first steps for the page that was shown last."""
        assert self._rail is not None
        self._rail.setVisible(not self._operator)
        self._rail.choose(self._first_page if self._first_page in self._pages else Page.INSPECT)

    @property
    def refusal(self) -> str:
        """Return why there is no station, "" where there is one."""
        return self._refusal

    def refuse(self, sentence: str, remedy: str) -> None:
        """Say why there is no station, with the one thing left to do."""
        self._refusal = sentence
        words, button = QLabel(sentence), QPushButton(self.tr("Close"))
        set_role(words, Role.TITLE)
        advice = QLabel(remedy)
        set_role(button, Role.PRIMARY_TOUCH)
        button.clicked.connect(self.close)
        place = QWidget()
        column = QVBoxLayout(place)
        column.setSpacing(MARGIN)
        column.addStretch()
        for widget in (words, advice):
            widget.setWordWrap(True)
            widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
            widget.setTextFormat(Qt.TextFormat.PlainText)
            column.addWidget(widget)
        column.addWidget(button, 0, Qt.AlignmentFlag.AlignCenter)
        column.addStretch()
        self._stack.addWidget(place)
        self._stack.setCurrentWidget(place)
        button.setFocus()

    @property
    def over(self) -> bool:
        """Return whether the window was closed for good."""
        return self._over

    @property
    def page(self) -> Page | None:
        """Return the page shown, None before there is one."""
        shown = self._stack.currentWidget()
        return next((page for page, widget in self._pages.items() if widget is shown), None)

    @property
    def pages(self) -> tuple[Page, ...]:
        """Return the pages there are, from top to bottom."""
        return tuple(self._pages)

    def go(self, page: Page) -> None:
        """Go to a page as the rail does."""
        if self._rail is not None:
            self._rail.choose(page)

    def show_page(self, page: Page) -> None:
        """Show a page; the rail says it."""
        shown = self._pages[page]
        self._stack.setCurrentWidget(shown)
        takes_keys = shown.focusPolicy() is not Qt.FocusPolicy.NoFocus
        (shown if takes_keys else self._stack).setFocus(Qt.FocusReason.OtherFocusReason)

    def toggle_operator_mode(self) -> None:
        """Full screen with picture, verdict, counters and stop only; and back."""
        if self._rail is None or self.page is None:
            return
        self._operator = not self._operator
        if self._operator:
            self._rail.choose(Page.INSPECT)
            self._rail.close_notices()
        self._rail.setVisible(not self._operator)
        self._escape.setEnabled(self._operator)
        inspect = self._pages[Page.INSPECT]
        inspect.set_operator_mode(self._operator)  # type: ignore[attr-defined]  # it is an InspectPage
        full, state = Qt.WindowState.WindowFullScreen, self.windowState()
        self.setWindowState(state | full if self._operator else state & ~full)

    def layout_state(self) -> str:
        """Return page and geometry for the settings."""
        page = self.page or self._first_page
        return f"{page}:{base64.b64encode(self.saveGeometry().data()).decode()}"

    def finish(self) -> None:
        """Close now: the line is stopped and the log closed."""
        self._done = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Ask where a line or a training runs; else leave, which ends with `finish`."""
        if self._done or self._station is None:
            event.accept()
            self._over = True
            self.closed.emit(True)
            return
        event.ignore()
        if self._station.running or self._station.unrecorded or self._training:
            self._ask()
        else:
            self.hide()
            self._leave()

    @property
    def _training(self) -> bool:
        return self._trainer is not None and self._trainer.running

    def _ask(self) -> None:
        if self._asking or self._station is None:
            return
        self._asking = True
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle(self.tr("Close the station"))
        box.setText(self.tr("The line is running. Stop it and close?"))
        box.setInformativeText(self.tr("Every part that was inspected will be in the log."))
        if not self._station.running and not self._station.unrecorded:
            box.setText(self.tr("A training is running. Close and cancel it?"))
            box.setInformativeText(self.tr("The active model stays as it is."))
        elif not self._station.running:
            one = self.tr("{0} inspected part is not in the log yet. Close and lose it?")
            many = self.tr("{0} inspected parts are not in the log yet. Close and lose them?")
            box.setText(counted(self._station.unrecorded, one, many))
            box.setInformativeText(self.tr("Free disk space and start the line again to keep them."))
        elif self._training:
            box.setText(self.tr("The line and a training are running. Stop both and close?"))
            more = self.tr("The training is cancelled; the active model stays as it is.")
            box.setInformativeText(f"{box.informativeText()} {more}")
        yes = box.addButton(self.tr("Stop and close"), QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(self.tr("Keep open"), QMessageBox.ButtonRole.RejectRole))
        yes.clicked.connect(self._leave)
        box.finished.connect(self._asked)
        box.open()

    def _asked(self, _result: int) -> None:
        self._asking = False

    def _leave(self) -> None:
        assert self._station is not None
        wanted = dataclasses.replace(self._station.settings, layout=self.layout_state())
        self._station.change_settings(wanted)
        self.leaving.emit(not self._station.running)

    def _restore(self, layout: str) -> Page:
        page, _, geometry = layout.partition(":")
        try:
            self.restoreGeometry(QByteArray(base64.b64decode(geometry, validate=True)))
            # It may have been closed in the operator's view, which no start begins with.
            self.setWindowState(self.windowState() & ~Qt.WindowState.WindowFullScreen)
            return Page(page)
        except (ValueError, binascii.Error):
            return Page.INSPECT

    def _lay_out(self) -> None:
        self._stack.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._opening.setAlignment(Qt.AlignmentFlag.AlignCenter)
        set_role(self._opening, Role.MUTED)
        self._stack.addWidget(self._opening)
        column, self._row, middle = QVBoxLayout(), QHBoxLayout(), QWidget()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._bar)
        column.addWidget(self._stack, 1)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addLayout(column, 1)
        self._row.addWidget(self._notices)
        self._notices.hide()
        middle.setLayout(self._row)
        self.setCentralWidget(middle)

    def _settings_changed(self, settings: Settings) -> None:
        if settings.first_start_done and self._station is not None and self.page is None:
            self.enter()

    def _notice(self, notice: Notice) -> None:
        self._bar.take_notice(notice)
        self._notices.take(notice)
        if self._rail is not None:
            self._rail.count_notice()

    def _show_bug(self, bug: Bug) -> None:
        if self._bug is None:  # one dialog is enough: the log has all of them
            self._bug = BugDialog(bug, self)
            self._bug.finished.connect(self._bug_closed)
            self._bug.open()

    def _bug_closed(self, _result: int) -> None:
        self._bug = None
