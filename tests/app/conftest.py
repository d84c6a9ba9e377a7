"""What every test of the window shares: offscreen, no Qt warning, no widget and no thread left over."""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QEvent, QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from almrr_core.settings import (
    Settings,
    SimulatedSettings,
    SourceKind,
    SourceSettings,
    ThemeName,
    load_settings,
    save_settings,
)
from app.compose import Program, make_application
from app.options import Options
from app.theme import apply_theme
from tests.core.bundles import make_bundle, tiny_model

HARMLESS = ("This plugin does not support propagateSizeHints()",)  # the offscreen platform says so
PATIENCE = 60_000  # ms: the machine may be busy


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """The program's own application."""
    return make_application()


@pytest.fixture(autouse=True)
def quiet_qt(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Fail the test for anything Qt warns of, in whatever thread, also through the program's own log."""
    said: list[str] = []

    def hear(kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
        if kind is not QtMsgType.QtDebugMsg and text not in HARMLESS:
            said.append(text)

    class _Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING and record.getMessage() not in HARMLESS:
                said.append(record.getMessage())

    listener = _Listener()
    logging.getLogger("qt").addHandler(listener)
    before = qInstallMessageHandler(hear)
    yield said
    qInstallMessageHandler(before)
    logging.getLogger("qt").removeHandler(listener)
    assert not said


@pytest.fixture(autouse=True)
def nothing_left(qapp: QApplication, quiet_qt: list[str]) -> Iterator[None]:
    """Fail the test for a top-level widget or a thread that it leaves behind."""
    threads = set(threading.enumerate())
    yield
    gc.collect()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    qapp.processEvents()
    left = [widget for widget in qapp.topLevelWidgets() if widget.isVisible() or widget.parent() is None]
    kinds = sorted({type(widget).__name__ for widget in left})
    for widget in left:
        widget.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    apply_theme(qapp, "light")
    assert not kinds
    assert not [thread.name for thread in set(threading.enumerate()) - threads if thread.is_alive()]


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real bundle of a tiny model; its scores mean nothing."""
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    make_bundle(folder, tiny_model())
    return folder


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder whose demo line is fast."""
    folder = tmp_path / "station"
    folder.mkdir()
    simulated = SimulatedSettings(speed=20.0, defect_rate=0.3)
    demo = SourceSettings("demo", SourceKind.SIMULATED, width=160, height=128, simulated=simulated)
    save_settings(folder, replace(Settings(), sources=(demo,), theme=ThemeName.LIGHT, first_start_done=True))
    return folder


Start = Callable[..., Program]


@pytest.fixture
def start(qapp: QApplication, qtbot: QtBot, data_dir: Path, tiny_bundle: Path) -> Iterator[Start]:
    """Start programs on `data_dir` as the user would; they are closed afterwards, without a question."""
    programs: list[Program] = []

    def one(folder: Path = data_dir, furnished: bool = True, demo: bool = False) -> Program:
        wanted = Options(folder, demo=demo, bundle=tiny_bundle)
        program = Program(qapp, folder, folder / "logs" / "station.log", wanted)
        programs.append(program)
        program.window.show()
        if furnished:
            qtbot.waitUntil(lambda: program.station is not None, timeout=PATIENCE)
        return program

    yield one
    for program in programs:
        close(program, qtbot)


def close(program: Program, qtbot: QtBot) -> None:
    """Close a program as "Stop and close" does; harmless for one that is closed."""
    if not program.window.over:
        if program.station is None:
            program.window.close()
        else:
            program.station.close(True)
        qtbot.waitUntil(lambda: program.window.over, timeout=PATIENCE)
    program.end()


@pytest.fixture
def slow_line(data_dir: Path) -> None:
    """A demo line that leaves the processor to the training."""
    before, _ = load_settings(data_dir)
    source = before.sources[0]
    simulated = replace(source.simulated, speed=2.0)
    save_settings(data_dir, replace(before, sources=(replace(source, simulated=simulated),)))
