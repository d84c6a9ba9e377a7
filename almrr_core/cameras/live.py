"""A live camera: its own grabber thread keeps the newest frame only, and reconnects by itself."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from almrr_core.cameras.frames import Moment, RateMeter, size_of
from almrr_core.cameras.protocol import Gap
from almrr_core.errors import StationError
from almrr_core.types import Frame, SourceState, SourceStatus

SILENT = 1.5  # seconds without a frame after which a source is LOST: it must show within 2 s
FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0  # seconds before it is tried again

_OPENING = 5.0  # seconds that a first connection may take before the source is called LOST
_HANGING = 20.0  # seconds in one call of the driver after which its thread is given up
_MOST_ABANDONED = 4  # threads that hang in a driver at one time
_FAILURES, _PAUSE = 10, 0.02  # reads without a frame, and seconds between them, before connecting again
_JOIN = 1.5  # seconds that closing waits for the driver
_JOIN_MAKING = 4.0  # seconds that it waits for a source that prepares itself: there is no driver to hang
_AGAIN = "It is tried again by itself."

_log = logging.getLogger(__name__)


class Capture(Protocol):
    """An open connection to a device, used by one thread."""

    @property
    def remark(self) -> str:
        """What was asked for and the device does not offer, as a sentence; "" if nothing."""

    def read(self) -> Frame | None:
        """Wait for the next frame, for a short time; None: nothing this time."""

    def release(self) -> None:
        """Let go of the device."""


Connect = Callable[[threading.Event], Capture]
"""Blocks for some seconds at most, less when the event is set; raises StationError with the reason."""


class LiveCamera:
    """A source that does not wait, whatever `connect` opens; `period`: seconds between frames where known;
    `preparing`: seconds that the program itself may work in `connect`, which is OPENING all that time.

    The state is judged by the age of the newest frame, so a driver that hangs hides nothing; a thread that
    hangs too long in it is abandoned and another one tries anew.
    """

    can_wait = False
    arrives = False

    def __init__(self, source_id: str, connect: Connect, period: float = 0.0, preparing: float = 0.0) -> None:
        self._source_id, self._connect, self._period = source_id, connect, period
        self._opening, self._hanging = _OPENING + preparing, _HANGING + preparing
        self._join = _JOIN_MAKING if preparing else _JOIN
        self._news = threading.Condition()  # guards everything below
        self._grabber: _Grabber | None = None
        self._abandoned: list[_Grabber] = []
        self._gaps: list[Gap] = []
        self._forget()

    def _forget(self) -> None:
        self._frame: Frame | None = None
        self._meter = RateMeter()
        self._last = self._sign = Moment.now()  # the newest frame, or opened; the same or connected again
        self._connected = self._live = False  # `_live`: a frame came since the source was connected
        self._reason = self._remark = ""

    def open(self) -> None:
        """Start the grabber thread; does nothing when open."""
        with self._news:
            if self._grabber is None:
                self._forget()
                self._start()

    def _start(self) -> None:
        self._grabber = _Grabber(self._connect, self)
        self._grabber.thread.name = f"camera {self._source_id}"
        self._grabber.thread.start()

    def look(self) -> None:
        """Do nothing: the grabber does."""

    def take(self, timeout: float, after_ns: int = 0) -> Frame | None:
        """Return the newest frame grabbed after the call began, None without one within `timeout` s."""
        began, deadline = time.monotonic_ns(), time.monotonic() + timeout
        with self._news:
            while self._grabber is not None:
                if self._frame is not None and self._frame.grabbed_ns >= began:
                    return self._frame
                if (left := deadline - time.monotonic()) <= 0:
                    return None
                self._news.wait(left)
        return None

    def latest(self) -> Frame | None:
        """Return the newest frame."""
        return self._frame

    def settle(self, frame: Frame) -> None:
        """Do nothing: there is no file."""

    def status(self) -> SourceStatus:
        """Return the state by the age of the newest frame; gives up a thread that hangs."""
        with self._news:
            self._replace_hanging()
            state, sentence = self._judge()
            rate = self._meter.rate() if state is SourceState.LIVE else 0.0
            width, height = size_of(self._frame)
        return SourceStatus(self._source_id, state, sentence, width, height, rate)

    def _judge(self) -> tuple[SourceState, str]:
        if self._grabber is None:
            return SourceState.CLOSED, ""
        if self._live and self._last.age <= self._patience():
            return SourceState.LIVE, self._remark
        if self._frame is None and not self._reason:
            if self._sign.age <= (self._patience() if self._connected else self._opening):
                return SourceState.OPENING, "The source is being opened."
            return SourceState.LOST, f"The source does not answer. {_AGAIN}"
        return SourceState.LOST, f"{self._reason or 'The source gives no pictures any more.'} {_AGAIN}"

    def _patience(self) -> float:
        """A source that is slow when all is well is not lost: it may take two of its periods."""
        return max(SILENT, 2 * self._period, 2 * self._meter.period())

    def _replace_hanging(self) -> None:
        grabber = self._grabber
        self._abandoned = [one for one in self._abandoned if one.thread.is_alive()]
        if grabber is None or grabber.progress.age < self._hanging or len(self._abandoned) >= _MOST_ABANDONED:
            return
        _log.warning("%s: its driver hangs; the thread is abandoned, another tries anew", self._source_id)
        grabber.stop.set()
        self._abandoned.append(grabber)
        self.lost(grabber, "The driver of the source hangs.")
        self._start()

    def gaps(self) -> tuple[Gap, ...]:
        """Return the gaps that ended since the last call."""
        with self._news:
            gaps, self._gaps = tuple(self._gaps), []
        return gaps

    def close(self) -> None:
        """Stop; a thread that hangs in the driver is left to itself after 1.5 s (preparing: 4 s)."""
        with self._news:
            lost = self._judge()[0] is SourceState.LOST
            grabber, self._grabber = self._grabber, None
            if grabber is None:
                return
            if lost:
                self._end_gap(Moment.now())
            grabber.stop.set()
            self._news.notify_all()
        grabber.thread.join(self._join)
        if grabber.thread.is_alive():
            _log.warning("%s: its driver hangs; the thread is abandoned", self._source_id)

    def _end_gap(self, until: Moment) -> None:
        reason = self._reason or "The source gave no pictures."
        self._gaps.append(Gap(self._last.at, until.at, reason))

    # What a grabber tells; one that was abandoned is not heard any more.

    def connected(self, grabber: _Grabber, remark: str) -> None:
        """The device is open, its first frame is awaited."""
        with self._news:
            if grabber is self._grabber:
                self._connected, self._remark, self._sign = True, remark, Moment.now()

    def grabbed(self, grabber: _Grabber, frame: Frame) -> None:
        """A frame came."""
        with self._news:
            if grabber is not self._grabber:
                return
            now = Moment(frame.grabbed_at, frame.grabbed_ns)
            silent = self._last.age > (self._opening if self._frame is None else self._patience())
            if self._reason or silent:
                self._end_gap(now)
                self._meter = RateMeter()
            self._meter.count(frame)
            self._frame, self._last, self._sign, self._live, self._reason = frame, now, now, True, ""
            self._news.notify_all()

    def lost(self, grabber: _Grabber, reason: str) -> None:
        """The device could not be opened, or gives nothing any more."""
        with self._news:
            if grabber is self._grabber:
                self._connected, self._live, self._reason = False, False, reason


class _Grabber:
    """A thread that connects and grabs again and again until `stop`; `progress`: when it last did something."""

    def __init__(self, connect: Connect, camera: LiveCamera) -> None:
        self._connect, self._camera = connect, camera
        self.stop = threading.Event()
        self.progress = Moment.now()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        delay = FIRST_DELAY
        while not self.stop.is_set():
            self.progress = Moment.now()
            if self._connect_and_grab():
                delay = FIRST_DELAY
            self.progress = Moment.now()
            self.stop.wait(delay)
            delay = min(2 * delay, LONGEST_DELAY)

    def _connect_and_grab(self) -> bool:
        """Return whether at least one frame came."""
        try:
            capture = self._connect(self.stop)
            try:
                self._camera.connected(self, capture.remark)
                return self._grab(capture)
            finally:
                capture.release()
        except StationError as error:
            self._camera.lost(self, error.sentence)
        except Exception as error:  # a bug, or a driver's: it must not end the thread silently
            _log.exception("camera failed")
            self._camera.lost(self, f"The source failed unexpectedly ({type(error).__name__}: {error}).")
        return False

    def _grab(self, capture: Capture) -> bool:
        failures, last, any_frame = 0, Moment.now(), False
        while not self.stop.is_set():
            self.progress = Moment.now()
            frame = capture.read()
            if frame is not None:
                failures, last, any_frame = 0, Moment.now(), True
                self._camera.grabbed(self, frame)
                continue
            failures += 1
            if failures >= _FAILURES or last.age > SILENT:
                self._camera.lost(self, "The source gives no pictures any more.")
                break
            self.stop.wait(_PAUSE)
        return any_frame
