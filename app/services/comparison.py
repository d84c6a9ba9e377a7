"""Candidate against active model, on a worker: the report, and both heat maps of one picture."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from almrr_core.errors import ErrorCode, StationError
from almrr_core.types import Box, ModelId
from app.services.heavy import Heavy
from app.services.tasks import Tasks
from app.services.training_values import Compared, Counted, GateReport, Pair

if TYPE_CHECKING:
    from almrr_core.lifecycle.gate import Gate
    from almrr_core.runtime.engine import Engine
    from almrr_core.store.store import Store


class Comparison(QObject):
    """Holds two loaded models from `start` until `forget`; the newest `start` counts."""

    counted = Signal(object)  # Counted: pictures compared
    compared = Signal(object)  # GateReport
    failed = Signal(object)  # StationError
    _counted = Signal(object)  # from a worker

    def __init__(self, store: Store, tasks: Tasks, heavy: Heavy, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store, self._tasks, self._heavy = store, tasks, heavy
        self._stop = threading.Event()
        self._gate: Gate | None = None
        self._report: GateReport | None = None
        self._counted.connect(self.counted)

    @property
    def report(self) -> GateReport | None:
        """Return what was compared last."""
        return self._report

    @property
    def engine(self) -> Engine | None:
        """Return the candidate, loaded and verified."""
        return self._gate.candidate if self._gate else None

    @property
    def roi(self) -> Box | None:
        """Return where in the pictures the maps lie, None for the whole picture."""
        engine = self.engine
        return engine.geometry.roi if engine else None

    def start(self, candidate: ModelId, device: str, active: ModelId | None = None) -> None:
        """Compare a model with `active`, without it with the product's active model."""
        self.forget()
        stop = self._stop = threading.Event()
        work = functools.partial(self._compare, candidate, device, active, stop)
        self._heavy.run(work, functools.partial(self._done, stop), functools.partial(self._failed, stop))

    def forget(self) -> None:
        """Stop what runs and let go of the models."""
        self._stop.set()
        self._gate = self._report = None

    def pair(self, one: Compared, done: Callable[[Pair], None]) -> None:
        """Give `done` a picture with both maps; nothing after `forget`."""
        if self._gate is not None:
            work = functools.partial(_pair, self._gate, one)
            self._tasks.run(work, functools.partial(self._give, self._gate, done))

    def _compare(
        self, candidate: ModelId, device: str, active: ModelId | None, stop: threading.Event
    ) -> tuple[Gate, GateReport]:
        from almrr_core.lifecycle.gate import Gate

        gate = Gate.load(self._store, candidate, active, device)
        report = gate.compare(done=self._count, cancelled=functools.partial(self._is_over, stop))
        return gate, report

    def _count(self, done: int, total: int) -> None:
        self._counted.emit(Counted(done, total))

    def _is_over(self, stop: threading.Event) -> bool:
        return stop.is_set() or self._heavy.over

    def _done(self, stop: threading.Event, found: tuple[Gate, GateReport]) -> None:
        if not stop.is_set():
            self._gate, self._report = found
            self.compared.emit(self._report)

    def _failed(self, stop: threading.Event, error: StationError) -> None:
        if not stop.is_set() or error.code is not ErrorCode.TRAINING_CANCELLED:
            self.failed.emit(error)

    def _give(self, gate: Gate, done: Callable[[Pair], None], pair: Pair) -> None:
        if gate is self._gate:
            done(pair)


def _pair(gate: Gate, one: Compared) -> Pair:
    maps, limits = gate.maps(one), gate.limits()
    return Pair(one, maps.picture, maps.active, maps.candidate, limits[0], limits[1])
