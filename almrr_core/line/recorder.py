"""The thread that puts records into the log: a bounded queue that nothing leaves before it is logged."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from almrr_core.errors import StationError
from almrr_core.line.setup import broken
from almrr_core.types import PartId, Record

Event: TypeAlias = Callable[[], None]


class Recorder:
    """Logs records one by one, in order.

    A record leaves the queue only after `record` returned its id. When `record` fails the thread ends with a
    fault; what waits stays in memory and is tried again by the next `start`. `logged` gets every record with
    its id. Events go the same way, so that a locked log never holds up the inspector.
    """

    def __init__(
        self,
        record: Callable[[Record], int],
        logged: Callable[[Record, int], None],
        failed: Callable[[StationError], None],
        size: int,
    ) -> None:
        self._record, self._logged, self._failed, self._size = record, logged, failed, size
        self._changed = threading.Condition()
        self._records: deque[Record] = deque()
        self._events: deque[Event] = deque()
        self._ending = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, or go on with what was left; nothing happens where it runs."""
        with self._changed:
            self._ending = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
                self._thread.start()

    def finish(self, timeout: float) -> bool:
        """End when everything is logged; return whether it was within `timeout` seconds."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._thread is None, timeout)
            return not (self._records or self._events)

    def waits_for_room(self, timeout: float) -> bool:
        """Return whether one more record fits, after at most `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._records) < self._size, timeout)

    def put(self, record: Record) -> None:
        """Add a record; whoever can wait has waited for room, what never had a picture goes in all the same."""
        with self._changed:
            self._records.append(record)
            self._changed.notify_all()

    def event(self, event: Event) -> None:
        """Add something for the log that is no part."""
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    @property
    def waiting(self) -> tuple[PartId, ...]:
        """Return the parts that are not in the log yet, oldest first."""
        with self._changed:
            return tuple(record.request.part_id for record in self._records)

    def _run(self) -> None:
        try:
            while self._wait():
                self._log_events()
                self._log_one()
        except StationError as fault:
            self._end(fault)
        except Exception as error:
            self._end(broken("The recorder", error))

    def _end(self, fault: StationError) -> None:
        with self._changed:  # told before anybody can start anew
            self._failed(fault)
            self._thread = None
            self._changed.notify_all()

    def _wait(self) -> bool:
        """Wait for work; return False where there is none and the end was asked for."""
        with self._changed:
            self._changed.wait_for(lambda: self._records or self._events or self._ending)
            if self._records or self._events:
                return True
            self._thread = None
            self._changed.notify_all()
            return False

    def _log_events(self) -> None:
        while self._events:
            self._events[0]()
            self._events.popleft()

    def _log_one(self) -> None:
        if not self._records:
            return
        record = self._records[0]
        number = self._record(record)
        with self._changed:
            self._records.popleft()
            self._changed.notify_all()
        self._logged(record, number)
