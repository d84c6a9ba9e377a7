"""What sources whose frames wait for us have in common: their state, the frame taken last, their gaps."""

from __future__ import annotations

import threading

from almrr_core.cameras.frames import Moment, RateMeter, size_of
from almrr_core.cameras.protocol import Gap
from almrr_core.types import Frame, SourceState, SourceStatus

_JOIN = 1.5  # seconds


class WaitingSource:
    """Files and videos: taken by one thread, asked by any."""

    can_wait = True
    arrives = False

    def __init__(self, source_id: str) -> None:
        self._source_id = source_id
        self._closing = threading.Event()
        self._reading = threading.Lock()  # held while files are looked at, which may hang
        self._lock = threading.Lock()  # held for a moment
        self._state, self._sentence = SourceState.CLOSED, ""
        self._frame: Frame | None = None
        self._meter = RateMeter()
        self._lost: Moment | None = None
        self._gaps: list[Gap] = []

    def _begin(self) -> None:
        self._closing.clear()
        self._frame, self._meter = None, RateMeter()
        self._enter(SourceState.LIVE)

    def _enter(self, state: SourceState, sentence: str = "") -> None:
        if state is SourceState.CLOSED or not self._closing.is_set():
            self._state, self._sentence = state, sentence

    def _taking(self, frame: Frame) -> Frame:
        self._frame = frame
        self._meter.count(frame)
        return frame

    def _lose(self, reason: str) -> None:
        self._lost = self._lost or Moment.now()
        self._enter(SourceState.LOST, f"{reason} It is tried again by itself.")

    def _found(self, state: SourceState = SourceState.LIVE) -> None:
        with self._lock:
            if self._lost is not None:
                self._gaps.append(Gap(self._lost.at, Moment.now().at, self._sentence))
            self._lost = None
        self._enter(state)

    def close(self) -> None:
        """Stop; a look at a dead network share that hangs is left to itself after 1.5 s."""
        self._closing.set()
        idle = self._reading.acquire(timeout=_JOIN)
        self._found(SourceState.CLOSED)
        self._let_go()
        if idle:
            self._reading.release()

    def _let_go(self) -> None:
        """Release what is held."""

    def look(self) -> None:
        """Do nothing: what is played comes when it is taken."""

    def latest(self) -> Frame | None:
        """Return the frame that was taken last."""
        return self._frame

    def settle(self, frame: Frame) -> None:
        """Do nothing: the file stays."""

    def status(self) -> SourceStatus:
        """Return the state, and the size and rate of the frames taken."""
        width, height = size_of(self._frame)
        rate = self._meter.rate() if self._state is SourceState.LIVE else 0.0
        return SourceStatus(self._source_id, self._state, self._sentence, width, height, rate)

    def gaps(self) -> tuple[Gap, ...]:
        """Return the gaps that ended since the last call."""
        with self._lock:
            gaps, self._gaps = tuple(self._gaps), []
        return gaps
