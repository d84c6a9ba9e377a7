"""What makes a frame a part: `Trigger.wait`, separate from the camera; PLCs will plug in here.

A request with a part id was asked for by somebody and is a part from then on, with or without a picture. One
without (of an interval, of a folder) becomes a part, and is named, when a frame is there.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections import deque
from itertools import count
from typing import Protocol

from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.flight import LONGEST_ID
from almrr_core.line.setup import Clock
from almrr_core.types import PartId, PartRequest, TriggerKind, TriggerSettings

MOST_WAITING = 64  # requests that may wait for the inspector
NAMELESS = PartId("")
_WORD = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_ID - 1}}}")


class Trigger(Protocol):
    """Says when the next part is due."""

    def wait(self, timeout: float) -> PartRequest | None:
        """Return the next request, None where there is none within `timeout` seconds."""


class PartIds:
    """Names parts that came without one: start of the line, a random mark, a number without gaps."""

    def __init__(self, clock: Clock) -> None:
        self._prefix = f"{clock.now():%y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        self._numbers = count(1)

    def new(self) -> PartId:
        """Return an id that no other part has."""
        return PartId(f"{self._prefix}-{next(self._numbers):06d}")


class Requests:
    """Parts that somebody asked for, oldest first; bounded, open while the line runs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[PartRequest] = deque()
        self._open = False

    def open(self) -> None:
        """Take requests from now on."""
        with self._changed:
            self._open = True

    def close(self) -> tuple[PartRequest, ...]:
        """Take no more, and return those that nobody served."""
        with self._changed:
            self._open = False
            left = tuple(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            return left

    @property
    def waiting(self) -> int:
        """Return how many nobody served yet."""
        return len(self._waiting)

    def put(self, request: PartRequest) -> None:
        """Add a request; raises TRIGGER_REFUSED where the line does not run or is too far behind."""
        with self._changed:
            if not self._open:
                raise refused("The line is not running.", "Start the line first.")
            if len(self._waiting) >= MOST_WAITING:
                sentence = f"The line is behind: {MOST_WAITING} parts wait for their picture."
                raise refused(sentence, "Trigger more slowly.")
            self._waiting.append(request)
            self._changed.notify_all()

    def take(self, timeout: float) -> PartRequest | None:
        """Return the oldest request, None where there is none within `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._open, timeout)
            return self._waiting.popleft() if self._waiting else None


class ManualTrigger:
    """A key, a button: parts only as somebody asks for them."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def wait(self, timeout: float) -> PartRequest | None:
        """Return the oldest request."""
        return self._requests.take(timeout)


class NetworkTrigger(ManualTrigger):
    """Lines on the TCP socket: `network.TriggerServer` hands them to the line, which queues them."""


class IntervalTrigger:
    """A part every `interval` seconds, and when somebody asks; where the line is slower none pile up."""

    def __init__(self, requests: Requests, interval: float, clock: Clock) -> None:
        self._requests, self._clock = requests, clock
        self._interval = max(1, round(interval * 1e9))
        self._due = clock.ns()

    def wait(self, timeout: float) -> PartRequest | None:
        """Return what was asked for, else a nameless request when one is due."""
        left = max(0.0, (self._due - self._clock.ns()) / 1e9)
        asked = self._requests.take(min(left, timeout))
        if asked is not None or self._clock.ns() < self._due:
            return asked
        self._due = max(self._due + self._interval, self._clock.ns())
        return nameless(self._clock)


class ArrivalTrigger:
    """Every frame that comes is a part."""

    def __init__(self, requests: Requests, clock: Clock) -> None:
        self._requests, self._clock = requests, clock

    def wait(self, timeout: float) -> PartRequest | None:
        """Return what was asked for, else a nameless request at once: the frame is waited for."""
        return self._requests.take(0) or nameless(self._clock)


def build_trigger(settings: TriggerSettings, requests: Requests, clock: Clock) -> Trigger:
    """Return the trigger of a recipe."""
    match settings.kind:
        case TriggerKind.INTERVAL:
            return IntervalTrigger(requests, settings.interval, clock)
        case TriggerKind.ARRIVAL:
            return ArrivalTrigger(requests, clock)
        case TriggerKind.MANUAL:
            return ManualTrigger(requests)
        case TriggerKind.NETWORK:
            return NetworkTrigger(requests)


def nameless(clock: Clock) -> PartRequest:
    """Return a request that becomes a part when a frame is there."""
    return PartRequest(NAMELESS, clock.now(), clock.ns())


def checked_word(word: str, what: str) -> str:
    """Return a part id, lot or serial as it is; raises TRIGGER_REFUSED for what could not name a file."""
    if _WORD.fullmatch(word):
        return word
    raise refused(
        f"The {what} is not a plain name of at most {LONGEST_ID} characters.",
        "Use letters, digits, dots, dashes and underscores, and begin with a letter or digit.",
    )


def refused(sentence: str, remedy: str) -> StationError:
    """Return the fault for a trigger that is not served."""
    return StationError(ErrorCode.TRIGGER_REFUSED, sentence, remedy)
