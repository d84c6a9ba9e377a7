"""The training process of the window: started on a worker, read by a timer, ended on a worker."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from almrr_core.errors import StationError
from app.services.faults import Faults
from app.services.heavy import Heavy
from app.services.tasks import Tasks
from app.services.training_values import Learning

if TYPE_CHECKING:
    from almrr_core.lifecycle.process import News, TrainingProcess
    from almrr_core.lifecycle.retrain import Plan
    from almrr_core.train.job import Progress

_LOG = logging.getLogger("app")
POLL = 100  # ms


class Trainer(QObject):
    """One training at a time."""

    learned = Signal(object)  # Learning
    finished = Signal(object)  # Plan: its bundle is there
    failed = Signal(object)  # StationError; a cancelled training too

    def __init__(self, tasks: Tasks, heavy: Heavy, faults: Faults, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._heavy, self._faults = tasks, heavy, faults
        self._plan: Plan | None = None
        self._process: TrainingProcess | None = None
        self._cancelled = False
        self._timer = QTimer(self)
        self._timer.setInterval(POLL)
        self._timer.timeout.connect(self._poll)

    @property
    def running(self) -> bool:
        """Return whether a training was started and has not said its end."""
        return self._plan is not None

    @property
    def pid(self) -> int | None:
        """Return the number of the training's process while there is one."""
        return self._process.pid if self._process is not None else None

    def start(self, plan: Plan, line_runs: bool) -> None:
        """Train as planned; with `line_runs` with half of the cores."""
        self._plan, self._cancelled = plan, False
        work = functools.partial(self._start, plan, line_runs)
        self._heavy.run(work, self._started, self._ended_with)

    def cancel(self) -> None:
        """End the training; `failed` then says so."""
        self._cancelled = True
        if self._process is not None:
            self._process.cancel()

    def close(self) -> None:
        """End the process now; for a worker, when the program ends."""
        process, plan = self._process, self._plan
        if process is not None:
            process.close()
        if plan is not None:
            _abandon(plan)

    def stop(self) -> None:
        """Read no more news."""
        self._timer.stop()

    def _start(self, plan: Plan, line_runs: bool) -> None:
        """Start the process on a worker; it is known at once, so that `close` finds it."""
        from almrr_core.lifecycle.process import TrainingProcess, thread_cap

        self._process = TrainingProcess(plan.job, thread_cap(line_runs))

    def _started(self, _none: None) -> None:
        assert self._process is not None
        if self._cancelled:
            self._process.cancel()
        self._timer.start()

    def _poll(self) -> None:
        from almrr_core.lifecycle.process import Failed, Finished

        assert self._process is not None
        news: News | None
        while (news := self._process.poll()) is not None:
            if isinstance(news, Finished):
                self._end(None)
            elif isinstance(news, Failed):
                _LOG.warning("%s\n%s", news.fault, news.details)
                self._end(news.fault)
            else:
                self._learn(news)

    def _learn(self, news: Progress) -> None:
        if news.notice:
            self._faults.say(news.notice)
        self.learned.emit(learning_of(news))

    def _end(self, fault: StationError | None) -> None:
        """Let the process go on a worker, then say how it ended."""
        self._timer.stop()
        assert self._process is not None
        self._tasks.run(self._process.close, functools.partial(self._released, fault))

    def _released(self, fault: StationError | None, _none: None) -> None:
        self._process = None
        if fault is not None:
            self._ended_with(fault)
            return
        plan, self._plan = self._plan, None
        self.finished.emit(plan)

    def _ended_with(self, fault: StationError) -> None:
        plan, self._plan = self._plan, None
        assert plan is not None
        self._tasks.run(functools.partial(_abandon, plan))
        self.failed.emit(fault)


def _abandon(plan: Plan) -> None:
    from almrr_core.lifecycle.retrain import abandon

    abandon(plan)


def learning_of(news: Progress) -> Learning:
    """Return the news for the window."""
    losses = (
        (news.reconstruction, news.focal, news.dice)
        if news.step and any((news.reconstruction, news.focal, news.dice))
        else None
    )
    return Learning(
        news.stage.value,
        news.step,
        news.fraction,
        news.seconds_left,
        news.pictures_per_second,
        losses,
        tuple(one.path for one in news.worst),
    )
