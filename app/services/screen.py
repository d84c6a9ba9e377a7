"""What the screen polls of a running line: its newest part, its live picture, its status."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Signal

from almrr_core.types import LineState, LineStatus, TriggerKind
from app.services.faults import Faults
from app.services.plant import CLOSED, Running

SHOW_EVERY, SAY_EVERY = 33, 250  # ms
LIVE_AFTER = 1.0  # s without a part: the live picture moves again


class Screen(QObject):
    """Polls one line, never the other way round: the line does not wait for the window."""

    showed = Signal(object)  # Shown
    live_changed = Signal(object)  # Frame
    status_changed = Signal(object)  # LineStatus
    ended = Signal(object)  # LineStatus: the line stopped by itself, its source has no more

    def __init__(self, faults: Faults, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._faults = faults
        self._running: Running | None = None
        self.status: LineStatus = CLOSED
        self._shown_at, self._live_ns, self._heard = 0.0, 0, 0
        self._show_timer = self._timer(SHOW_EVERY)
        self._show_timer.timeout.connect(self._show)
        self._say_timer = self._timer(SAY_EVERY)
        self._say_timer.timeout.connect(self.say)

    def _timer(self, every: int) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(every)
        return timer

    def watch(self, running: Running | None) -> None:
        """Poll this line from now on, or none; the last status of the one before is said first."""
        self.say()
        if running is None or self._running is None or running.line is not self._running.line:
            self._heard = self._live_ns = 0
        self._running, self._shown_at = running, time.monotonic()
        for timer in (self._show_timer, self._say_timer):
            if running is None:
                timer.stop()
            else:
                timer.start()
        self.say()

    def say(self) -> None:
        """Say the status now, and the notices and the fault that are new in it."""
        if self._running is None:
            return
        before, now = self.status, self._running.line.status()
        self.status = now
        self.status_changed.emit(now)
        for notice in now.notices:
            if notice.number > self._heard:
                self._heard = notice.number
                self._faults.say(notice.sentence, notice.remedy, notice.serious)
        if (before.state, now.state) == (LineState.RUNNING, LineState.READY):
            self.ended.emit(now)

    def _show(self) -> None:
        assert self._running is not None
        line, now = self._running.line, time.monotonic()
        shown = line.shown.take()
        if shown is not None:
            self._shown_at = now
            self.showed.emit(shown)
        elif self._wants_live(now):
            frame = line.live()
            if frame is not None and frame.picture is not None and frame.grabbed_ns != self._live_ns:
                self._live_ns = frame.grabbed_ns
                self.live_changed.emit(frame)

    def _wants_live(self, now: float) -> bool:
        assert self._running is not None
        by_hand = self._running.loaded.recipe.trigger.kind is TriggerKind.MANUAL
        return by_hand or now - self._shown_at > LIVE_AFTER
