"""The simulated line: parts pass by whether they are looked at or not."""

from __future__ import annotations

import threading
import time

from almrr_core.cameras.frames import frame_of
from almrr_core.cameras.live import LiveCamera
from almrr_core.cameras.protocol import PictureMaker
from almrr_core.types import Frame

FIRST = 8  # parts that are made before the belt moves: at first a maker paints its material
MAKING = 120.0  # seconds that this may take on a busy machine


def simulated_camera(source_id: str, make: PictureMaker, speed: float) -> LiveCamera:
    """Return a camera that sees `speed` parts/s pass; those that pass while one is made are not seen."""

    def connect(stop: threading.Event) -> _Belt:
        for number in range(FIRST):
            if stop.is_set():
                break
            make(number)
        return _Belt(source_id, make, speed, stop)

    return LiveCamera(source_id, connect, 1 / speed, MAKING)


class _Belt:
    """The part with number n is in front of the camera n / speed seconds after the belt started."""

    remark = ""

    def __init__(self, source_id: str, make: PictureMaker, speed: float, stop: threading.Event) -> None:
        self._source_id, self._make, self._speed, self._stop = source_id, make, speed, stop
        self._started, self._next = time.monotonic(), 0

    def read(self) -> Frame | None:
        """Wait for the next part and picture it; None when stopped."""
        passed = (time.monotonic() - self._started) * self._speed
        number = max(self._next, int(passed))
        if self._stop.wait(max(0.0, (number - passed) / self._speed)):
            return None
        self._next = number + 1
        picture, truth = self._make(number)
        return frame_of(self._source_id, picture, truth=truth)

    def release(self) -> None:
        """Nothing is held."""
