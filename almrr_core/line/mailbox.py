"""One slot between a thread that makes values and one that looks now and then: the newest replaces the last."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds at most one value."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: T | None = None

    def put(self, value: T) -> None:
        """Leave a value; one that was not taken is gone."""
        with self._lock:
            self._value = value

    def take(self) -> T | None:
        """Return the value and empty the slot; None where there is nothing new."""
        with self._lock:
            value, self._value = self._value, None
            return value
