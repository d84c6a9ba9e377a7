"""Work on threads: results and faults arrive on the GUI thread, in order where it matters."""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from almrr_core.errors import ErrorCode, StationError
from almrr_core.settings import SourceKind, SourceSettings
from almrr_core.types import Notice
from app.services.faults import Faults
from app.services.jobs import Jobs
from app.services.tasks import NICENESS, WORKERS, Tasks
from app.services.trial import SourceTrial
from app.services.values import Bug

FAULT = StationError(ErrorCode.WRITE_FAILED, "It could not be written.", "Free some space.")


@pytest.fixture
def faults(qapp: object) -> Faults:
    return Faults(Path("station.log"))


@pytest.fixture
def tasks(faults: Faults) -> Iterator[Tasks]:
    made = Tasks(faults)
    yield made
    made.wait_closed()


def fail() -> None:
    raise FAULT


def break_down() -> None:
    raise ZeroDivisionError("a bug")


def test_the_result_comes_to_the_gui_thread(tasks: Tasks, qtbot: QtBot) -> None:
    got: list[tuple[str, str]] = []

    def done(name: str) -> None:
        got.append((name, threading.current_thread().name))

    tasks.run(lambda: threading.current_thread().name, done)
    qtbot.waitUntil(lambda: bool(got))
    assert got[0][0].startswith("task")
    assert got[0][1] == threading.main_thread().name


def test_database_work_is_done_in_order_by_one_thread(tasks: Tasks, qtbot: QtBot) -> None:
    names: set[str] = set()
    got: list[int] = []

    def work(number: int) -> int:
        names.add(threading.current_thread().name)
        return number

    for number in range(50):
        tasks.run(functools.partial(work, number), got.append, database=True)
    qtbot.waitUntil(lambda: len(got) == 50)
    assert got == list(range(50))
    assert len(names) == 1


def test_the_line_waits_for_no_other_work_and_keeps_its_order(tasks: Tasks, qtbot: QtBot) -> None:
    go, begun, got = threading.Event(), threading.Semaphore(0), list[int]()

    def held() -> None:
        begun.release()
        assert go.wait(60)

    for database in (False, False, False, True):  # both workers and the database's are taken, one waits
        tasks.run(held, database=database)
    try:
        for _ in range(3):
            assert begun.acquire(timeout=60)
        for number in range(20):
            tasks.run(functools.partial(int, number), got.append, line=True)
        qtbot.waitUntil(lambda: len(got) == 20, timeout=60_000)
        assert got == list(range(20))
        assert not begun.acquire(blocking=False)
    finally:
        go.set()
    qtbot.waitUntil(lambda: not tasks.pending)


def test_nothing_waits_for_what_may_never_answer(tasks: Tasks, qtbot: QtBot) -> None:
    go, begun, got = threading.Event(), threading.Semaphore(0), list[object]()

    def dead(_source: SourceSettings) -> None:
        begun.release()
        assert go.wait(60)
        raise FAULT

    trial = SourceTrial(tasks, dead)
    try:
        for _ in range(WORKERS):
            trial.attempt(SourceSettings("dead", SourceKind.STREAM), failed=got.append, done=got.append)
            assert begun.acquire(timeout=60)
        tasks.run(lambda: "short", got.append)
        qtbot.waitUntil(lambda: bool(got), timeout=60_000)
        assert got == ["short"]
    finally:
        go.set()
    qtbot.waitUntil(lambda: not tasks.pending)
    assert got[1:] == [FAULT] * WORKERS


def test_work_for_the_line_runs_on_one_thread_that_is_its_own(tasks: Tasks, qtbot: QtBot) -> None:
    names = list[str]()
    for _ in range(20):
        tasks.run(lambda: threading.current_thread().name, names.append, line=True)
        tasks.run(lambda: threading.current_thread().name, database=True)
    qtbot.waitUntil(lambda: len(names) == 20 and not tasks.pending)
    assert len(set(names)) == 1 and names[0].startswith("line")


def test_a_fault_goes_to_who_asked_else_to_the_notices(tasks: Tasks, faults: Faults, qtbot: QtBot) -> None:
    asked: list[StationError] = []
    tasks.run(fail, failed=asked.append)
    qtbot.waitUntil(lambda: bool(asked))
    with qtbot.waitSignal(faults.noticed) as told:
        tasks.run(fail)
    assert told.args is not None
    notice = told.args[0]
    assert isinstance(notice, Notice)
    assert (notice.sentence, notice.remedy, notice.serious) == (FAULT.sentence, FAULT.remedy, True)


def test_anything_else_is_a_bug_in_the_log(
    tasks: Tasks, faults: Faults, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), qtbot.waitSignal(faults.bug_found) as told:
        tasks.run(break_down)
    assert told.args == [Bug(faults.log, "ZeroDivisionError: a bug")]
    assert "break_down" in caplog.text


@pytest.mark.parametrize("partial", [False, True])
def test_a_widget_that_is_gone_is_not_called(
    tasks: Tasks, faults: Faults, qtbot: QtBot, partial: bool
) -> None:
    label, go, bugs = QLabel(), threading.Event(), list[Bug]()
    faults.bug_found.connect(bugs.append)
    done = functools.partial(functools.partial(label.setText)) if partial else label.setText
    tasks.run(lambda: "text" if go.wait(5) else "", done)
    label.deleteLater()
    qtbot.waitUntil(lambda: not tasks.pending or _deleted(label))
    go.set()
    qtbot.waitUntil(lambda: not tasks.pending)
    assert not bugs


def _deleted(label: QObject) -> bool:
    try:
        label.objectName()
    except RuntimeError:
        return True
    return False


def test_after_close_nothing_runs_and_no_thread_is_left(faults: Faults) -> None:
    tasks, ran = Tasks(faults), list[int]()
    tasks.run(functools.partial(time.sleep, 0.05))
    tasks.close()
    tasks.run(functools.partial(ran.append, 1))
    tasks.wait_closed()
    assert not ran
    assert not [thread for thread in threading.enumerate() if "task" in thread.name]


def test_jobs_wait_for_each_other_and_go_on_after_a_fault(tasks: Tasks, faults: Faults, qtbot: QtBot) -> None:
    jobs, said, got = Jobs(tasks, faults), list[str](), list[str]()
    jobs.busy_changed.connect(said.append)
    state = {"open": False}

    def opened(_result: object) -> None:
        state["open"] = True

    jobs.add_work("opening", lambda: time.sleep(0.01), opened)
    jobs.add("only when closed", lambda: None if state["open"] else fail, got.append)
    jobs.add_work("failing", fail, got.append)
    jobs.add_work("broken", break_down, got.append)
    jobs.add_work("last", lambda: "done", got.append)
    assert jobs.busy == "opening"
    qtbot.waitUntil(lambda: jobs.busy == "")
    assert got == ["done"]
    assert said == ["opening", "failing", "broken", "last", ""]


def test_uncaught_exceptions_of_every_kind_are_bugs(faults: Faults, qtbot: QtBot) -> None:
    found: list[Bug] = []
    faults.bug_found.connect(found.append)
    faults.install_excepthook()
    try:
        thread = threading.Thread(target=break_down)
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: len(found) == 1)
        QTimer.singleShot(0, break_down)  # a slot of Qt
        qtbot.waitUntil(lambda: len(found) == 2)
    finally:
        faults.remove_excepthook()
    assert {bug.text for bug in found} == {"ZeroDivisionError: a bug"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a thread's priority")
def test_heavy_work_gives_way_and_short_work_does_not(tasks: Tasks, qtbot: QtBot) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    here, heavy, short = niceness(), list[int](), list[int]()
    tasks.run(niceness, heavy.append, heavy=True)
    tasks.run(niceness, short.append)
    tasks.run(niceness, short.append, database=True)
    tasks.run(niceness, short.append, line=True)
    qtbot.waitUntil(lambda: not tasks.pending)
    assert heavy == [max(here, NICENESS)]
    assert short == [here] * 3
