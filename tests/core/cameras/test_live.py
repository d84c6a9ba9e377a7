"""The grabber thread: drivers that hang, fail or raise must neither hide that nor stop the rest."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
import pytest

from almrr_core.cameras import build_camera, live
from almrr_core.cameras.frames import frame_of
from almrr_core.cameras.live import LiveCamera
from almrr_core.errors import ErrorCode, StationError
from almrr_core.settings import SimulatedSettings, SourceKind
from almrr_core.types import Frame, Picture, SourceState
from tests.core.cameras.helpers import gray, level_of, opened, seconds_to, settings, wait_for


class Driver:
    """A device at 50 frames/s that can hang in a read, or raise."""

    remark = "The camera does not take the gain 3."

    def __init__(self) -> None:
        self.running = threading.Event()
        self.running.set()
        self.raises = False
        self.connections = 0

    def connect(self, stop: threading.Event) -> Driver:
        self.connections += 1
        return self

    def read(self) -> Frame | None:
        self.running.wait()
        if self.raises:
            raise OSError("driver broke")
        time.sleep(0.02)
        return frame_of("src", gray(self.connections))

    def release(self) -> None:
        pass


def test_a_read_that_hangs_is_lost_and_closing_does_not_wait_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    driver = Driver()
    camera = LiveCamera("src", driver.connect)
    with opened(camera):
        seconds_to(camera, SourceState.LIVE)
        assert camera.status().sentence == driver.remark
        driver.running.clear()
        assert seconds_to(camera, SourceState.LOST) < 2
        began = time.monotonic()
        with caplog.at_level(logging.WARNING):
            camera.close()
        assert time.monotonic() - began < 2
        assert "abandoned" in caplog.text
    driver.running.set()


def test_a_thread_that_hangs_too_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_HANGING", 2.5)
    driver = Driver()
    with opened(LiveCamera("src", driver.connect)) as camera:
        assert level_of(camera.take(2.0)) == 1
        hanging = driver.running
        hanging.clear()
        seconds_to(camera, SourceState.LOST)
        driver.running = threading.Event()
        driver.running.set()  # the device was plugged in again
        seconds_to(camera, SourceState.LIVE)
        assert level_of(camera.take(2.0)) == 2
        newest = camera.latest()
        hanging.set()  # the first thread comes back, and must not be heard
        wait_for(lambda: camera.latest() is not newest)
        assert camera.status().state is SourceState.LIVE
        assert len(camera.gaps()) == 1


def test_a_driver_that_raises_is_tried_again() -> None:
    driver = Driver()
    with opened(LiveCamera("src", driver.connect)) as camera:
        seconds_to(camera, SourceState.LIVE)
        driver.raises = True
        seconds_to(camera, SourceState.LOST)
        assert "driver broke" in camera.status().sentence
        driver.raises = False
        seconds_to(camera, SourceState.LIVE)
        assert driver.connections > 1


def test_the_pauses_between_attempts_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FIRST_DELAY", 0.1)
    stamps: list[float] = []

    def connect(stop: threading.Event) -> Driver:
        stamps.append(time.monotonic())
        raise StationError(ErrorCode.SOURCE_UNUSABLE, "It is not there.")

    with opened(LiveCamera("src", connect)) as camera:
        wait_for(lambda: len(stamps) == 5)
        assert camera.status().sentence == "It is not there. It is tried again by itself."
    pauses = np.diff(stamps)
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8], rel=0.3)


def test_a_slow_camera_is_not_lost_between_its_frames() -> None:
    def make(number: int) -> tuple[Picture, str]:
        return gray(number), "good"

    speed = SimulatedSettings(speed=0.5)
    with opened(build_camera(settings(SourceKind.SIMULATED, simulated=speed), make)) as camera:
        seconds_to(camera, SourceState.LIVE)
        states = {camera.status().state}

        def second_came() -> bool:
            states.add(camera.status().state)
            return level_of(camera.latest()) == 1

        wait_for(second_came)
        assert states == {SourceState.LIVE}
        assert camera.gaps() == ()


def test_opening_twice_is_once_and_threads_do_not_stay() -> None:
    driver = Driver()
    camera = LiveCamera("src", driver.connect)
    before = threading.active_count()
    for _ in range(3):
        camera.open()
        camera.open()
        assert threading.active_count() == before + 1
        assert camera.take(2.0) is not None
        camera.close()
        camera.close()
        wait_for(lambda: threading.active_count() == before)
