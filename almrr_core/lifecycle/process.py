"""The training process as its starter sees it: start, ask for news, end. A crash of it is a sentence here."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import almrr_core
from almrr_core.errors import ErrorCode, StationError
from almrr_core.train import wire
from almrr_core.train.job import Progress, TrainJob

PATIENCE = 5.0  # seconds for a process to end that was told to
_KEPT = 2000  # characters of what the process said last, for the program's log
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_SLEEPY = {"OMP_WAIT_POLICY": "PASSIVE"}  # threads that spin while they wait would take the line's cores


@dataclass(frozen=True, slots=True)
class Finished:
    """The training left its bundle, which passed its self-test; `seal` names it."""

    seal: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The training ended without a bundle; `details` is for the program's log."""

    fault: StationError
    details: str = ""


News = Progress | Finished | Failed


def thread_cap(line_runs: bool, cores: int | None = None) -> int:
    """Return how many threads may compute: half the cores while the line runs, else all of them."""
    cores = cores or os.cpu_count() or 1
    return max(1, cores // 2) if line_runs else cores


class TrainingProcess:
    """One training in a process of its own, of low priority; the starter's end ends it too.

    `poll` from one thread; `cancel` and `close` from any.
    """

    def __init__(self, job: TrainJob, threads: int) -> None:
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._cancelled = False
        self._ended = False
        self._process = _start(threads, self._said)
        self._reader = threading.Thread(target=self._read, name="training", daemon=True)
        self._reader.start()
        self._order(wire.order_of(job, threads))

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Return whether the end has not been told by `poll` yet."""
        return not self._ended

    def poll(self, timeout: float = 0.0) -> News | None:
        """Return the next news, None where there is none within `timeout` seconds; after an end always None."""
        if self._ended:
            return None
        try:
            news = self._news.get(timeout=timeout) if timeout > 0 else self._news.get_nowait()
        except queue.Empty:
            return None
        self._ended = not isinstance(news, Progress)
        return news

    def cancel(self) -> None:
        """End the training; `poll` then says TRAINING_CANCELLED, unless it was done already."""
        self._cancelled = True
        self._process.terminate()

    def close(self) -> None:
        """End the process if it still runs, and let go of its pipes."""
        if self._process.poll() is None:
            self.cancel()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                _close_quietly(pipe)
        self._said.close()

    def _order(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it died at once: the reader says so
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    def _read(self) -> None:
        """Turn the process's lines into news until it ends, on a thread of its own."""
        assert self._process.stdout is not None
        end: News | None = None
        for line in self._process.stdout:
            news = _news_of(line)
            if isinstance(news, Progress):
                self._news.put(news)
            elif news is not None:
                end = news
        code = self._process.wait()
        self._news.put(end if end is not None and not self._cancelled else self._death(code))

    def _death(self, code: int) -> Failed:
        if self._cancelled:
            fault = StationError(ErrorCode.TRAINING_CANCELLED, "The training was stopped; no model was left.")
            return Failed(fault)
        self._said.seek(0)
        return Failed(_died(code), self._said.read().decode("utf-8", "replace")[-_KEPT:])


def _start(threads: int, said: IO[bytes]) -> subprocess.Popen[bytes]:
    root = str(Path(almrr_core.__file__).resolve().parent.parent)
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = _SLEEPY | os.environ | dict.fromkeys(_THREADS, str(threads)) | {"PYTHONPATH": paths}
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.BELOW_NORMAL_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(
        [sys.executable, "-m", "almrr_core.train"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        env=environment,
        creationflags=flags,
    )


def _news_of(line: bytes) -> News | None:
    """Return what a line says; None for one that was cut short by the process's death."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    value = said["value"]
    match said["kind"]:
        case "progress":
            return wire.progress_from_json(value)
        case "done":
            return Finished(value)
        case "fault":
            return Failed(wire.fault_from_json(value))
    last = str(value).strip().splitlines()[-1]
    sentence = f"The training failed by an error in the program: {last}."
    return Failed(StationError(ErrorCode.TRAINING_DIED, sentence, "Report it with the program's log."), value)


def _died(code: int) -> StationError:
    """Return the fault for a process that ended without a word."""
    how = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
    remedy = "Start it again; the active model goes on. If it comes back, report it with the program's log."
    if code == -9:
        how += ", as the system does when memory runs out"
        remedy = (
            "Close other programs or choose a smaller batch, and start it again; the active model goes on."
        )
    return StationError(
        ErrorCode.TRAINING_DIED,
        f"The training process ended {how}: no model was left.",
        remedy,
        exit_code=code,
    )


def _close_quietly(pipe: IO[bytes]) -> None:
    with suppress(OSError):  # what could not be flushed is of no use to a dead process
        pipe.close()
