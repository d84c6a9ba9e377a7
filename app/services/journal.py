"""The program's own log: one rotating file in the data folder, for bugs, faults and what Qt says."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

from almrr_core.files import write_failed

NAME, BYTES, KEPT = "station.log", 1_000_000, 5
_FORMAT = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"
_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}
_QT = logging.getLogger("qt")


@contextmanager
def journal(*folders: Path) -> Iterator[Path]:
    """Write everything that is logged to logs/station.log in the first of the folders that can be written.

    Qt's messages go there too. Yields the file; raises WRITE_FAILED where no folder can be written.
    """
    handler = _handler(folders)
    handler.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    before = qInstallMessageHandler(_from_qt)
    try:
        yield Path(handler.baseFilename)
    finally:
        qInstallMessageHandler(before)
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()


def _handler(folders: Sequence[Path]) -> RotatingFileHandler:
    for folder in folders:
        path = folder / "logs" / NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return RotatingFileHandler(path, maxBytes=BYTES, backupCount=KEPT, encoding="utf-8")
        except OSError as error:
            fault = write_failed(path, error)
    raise fault


def _from_qt(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    _QT.log(
        _LEVELS.get(kind, logging.INFO), "%s%s", f"{context.category}: " if context.category else "", text
    )
