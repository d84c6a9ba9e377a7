"""Anything that must not hold up the window: a pool, workers for database and line, slow and waiting ones."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import shiboken6
from PySide6.QtCore import QObject, Signal

from almrr_core.errors import StationError
from app.services.faults import Faults

T = TypeVar("T")
WORKERS = 2
NICENESS = 10  # of a heavy work's thread


class Tasks(QObject):
    """Runs work on threads and hands its result to the GUI thread; one error path for all of it."""

    idle = Signal(bool)  # nothing is running or waiting any more
    _finished = Signal(object)  # a callable that the GUI thread shall call

    def __init__(self, faults: Faults, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._faults = faults
        self._pool = ThreadPoolExecutor(WORKERS, "task")
        self._database = ThreadPoolExecutor(1, "database-task")
        self._line = ThreadPoolExecutor(1, "line-task")
        self._heavy = ThreadPoolExecutor(WORKERS, "heavy-task", _give_way)
        self._outside = ThreadPoolExecutor(WORKERS, "outside-task")
        self._pools = (self._pool, self._database, self._line, self._heavy, self._outside)
        self._lock, self._pending, self._closed = threading.Lock(), 0, False
        self._finished.connect(self._deliver)

    @property
    def pending(self) -> int:
        """Return how many works have not been delivered yet."""
        with self._lock:
            return self._pending

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[StationError], None] | None = None,
        database: bool = False,
        line: bool = False,
        heavy: bool = False,
        outside: bool = False,
    ) -> None:
        """Call `work` on a thread, then `done` with its result on the GUI thread.

        A StationError goes to `failed`, or to the fault banner; any other exception is a bug. Works given with
        `database` run one after the other, and so do those given with `line`; these wait for no others. `heavy`
        work may take a minute: the line's threads go first. `outside` work asks what may never answer, a camera
        or a network: only its own kind waits for it. When the widget that owns a callback is gone it is not
        called. After `close` nothing is run.
        """
        with self._lock:
            if self._closed:
                return
            self._pending += 1
        own = ((line, self._line), (database, self._database), (heavy, self._heavy), (outside, self._outside))
        pool = next((pool for wanted, pool in own if wanted), self._pool)
        pool.submit(self._work, work, done, failed)

    def close(self) -> None:
        """Drop what waits and take nothing more; what runs ends by itself."""
        with self._lock:
            self._closed = True
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)

    def wait_closed(self) -> None:
        """Block until the threads are gone; for the very end, when there is no window any more."""
        self.close()
        for pool in self._pools:
            pool.shutdown(wait=True)

    def _work(
        self,
        work: Callable[[], T],
        done: Callable[[T], None] | None,
        failed: Callable[[StationError], None] | None,
    ) -> None:
        try:
            result = work()
            answer = functools.partial(_call, done, result)
        except StationError as error:
            answer = functools.partial(_call, failed or self._faults.report, error)
        except BaseException as error:
            answer = functools.partial(_call, self._faults.bug, error)
        self._finished.emit(answer)

    def _deliver(self, answer: Callable[[], None]) -> None:
        with self._lock:
            self._pending -= 1
            idle = not self._pending
        answer()
        if idle:
            self.idle.emit(True)


def _give_way() -> None:
    """Let other threads run first, as far as the system can tell a thread from its process."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
    elif sys.platform == "win32":
        kernel = ctypes.windll.kernel32
        kernel.SetThreadPriority(ctypes.c_void_p(kernel.GetCurrentThread()), -1)  # below normal


def _call(callback: Callable[[T], None] | None, value: T) -> None:
    if callback is not None and alive(callback):
        callback(value)


def alive(callback: Callable[..., object]) -> bool:
    """Return whether the object whose method this is still exists; a partial is its function's."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    owner = getattr(callback, "__self__", None)
    return not isinstance(owner, QObject) or shiboken6.isValid(owner)
