"""Known faults go to the notices, bugs to the log file and a dialog: nothing is lost in a console."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, Signal

from almrr_core.errors import StationError
from almrr_core.types import Notice
from app.services.values import Bug

_LOG = logging.getLogger("app")


class Faults(QObject):
    """What people must know. May be called from any thread; the signals arrive on the GUI thread."""

    noticed = Signal(object)  # Notice
    bug_found = Signal(object)  # Bug

    def __init__(self, log: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.log = log
        self._numbers = itertools.count(1)
        self._before: tuple[Callable[..., object], Callable[..., object]] | None = None

    def report(self, error: StationError) -> None:
        """Show a known fault in the banner."""
        _LOG.warning("%s: %s", error.code, error)
        self._notice(error.sentence, error.remedy, serious=True)

    def say(self, sentence: str, remedy: str = "", serious: bool = False) -> None:
        """Add a notice; a serious one stands in the banner."""
        _LOG.info("%s %s", sentence, remedy)
        self._notice(sentence, remedy, serious)

    def bug(self, error: BaseException) -> None:
        """Write an unknown exception to the log file and show where it lies."""
        text = "".join(traceback.format_exception(error))
        _LOG.error("A bug:\n%s", text)
        self.bug_found.emit(Bug(self.log, text.strip().rsplit("\n", 1)[-1]))

    def install_excepthook(self) -> None:
        """Catch what nobody caught: in the main thread, in Qt's slots and in every other thread."""
        self._before = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._uncaught
        threading.excepthook = self._uncaught_in_thread

    def remove_excepthook(self) -> None:
        """Put back the hooks that were there before."""
        if self._before is not None:
            sys.excepthook, threading.excepthook = self._before
            self._before = None

    def _notice(self, sentence: str, remedy: str, serious: bool) -> None:
        self.noticed.emit(Notice(next(self._numbers), datetime.now(UTC), sentence, remedy, serious))

    def _uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        elif isinstance(error, StationError):
            self.report(error)
        else:
            self.bug(error)

    def _uncaught_in_thread(self, raised: threading.ExceptHookArgs) -> None:
        if raised.exc_value is not None:
            self._uncaught(raised.exc_type, raised.exc_value, raised.exc_traceback)
