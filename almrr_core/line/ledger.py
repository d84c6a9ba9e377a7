"""What a line knows of itself in numbers, kept by its threads and read by any other."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

from almrr_core.errors import StationError
from almrr_core.line.setup import Clock
from almrr_core.types import Counts, Notice, Record, Verdict

LATENCIES = 500  # parts
RATE_OVER = 10.0  # seconds
NOTICES = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers at one moment; latencies in milliseconds, None before the first inspected part."""

    counts: Counts
    inspected: int
    recorded: int
    pictures_per_second: float
    latency_p50: float | None
    latency_p95: float | None
    notices: tuple[Notice, ...]


class Ledger:
    """Counts parts, times and notices."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._verdicts: Counter[Verdict] = Counter()
        self._recorded = 0
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self._moments: deque[int] = deque()
        self._began = clock.ns()
        self._notices: deque[Notice] = deque(maxlen=NOTICES)
        self._noticed = 0

    def begin(self) -> None:
        """Measure the rate from now on."""
        with self._lock:
            self._began = self._clock.ns()
            self._moments.clear()

    def inspected(self, record: Record) -> None:
        """Count a part that left the inspector."""
        with self._lock:
            self._verdicts[record.verdict] += 1
            if record.verdict is not Verdict.NOT_INSPECTED:
                self._latencies.append(record.latency_ms)
            self._moments.append(self._clock.ns())
            self._forget_old_moments()

    def recorded(self) -> int:
        """Count a part that is in the log and return how many there are."""
        with self._lock:
            self._recorded += 1
            return self._recorded

    def notice(self, error: StationError, serious: bool = False) -> None:
        """Keep a sentence for people."""
        with self._lock:
            self._noticed += 1
            at = self._clock.now()
            self._notices.append(Notice(self._noticed, at, error.sentence, error.remedy, serious))

    def figures(self) -> Figures:
        """Return the numbers of this moment."""
        with self._lock:
            self._forget_old_moments()
            rate = len(self._moments) / self._seconds() if self._moments else 0.0
            latencies, notices = list(self._latencies), tuple(self._notices)
            recorded, verdicts = self._recorded, self._verdicts.copy()
        p50, p95 = np.percentile(latencies, (50, 95)).tolist() if latencies else (None, None)
        counts = Counts(*(verdicts[verdict] for verdict in Verdict))
        return Figures(counts, counts.total, recorded, rate, p50, p95, notices)

    def _seconds(self) -> float:
        return min(RATE_OVER, max(1.0, (self._clock.ns() - self._began) / 1e9))

    def _forget_old_moments(self) -> None:
        oldest = self._clock.ns() - round(RATE_OVER * 1e9)
        while self._moments and self._moments[0] < oldest:
            self._moments.popleft()
