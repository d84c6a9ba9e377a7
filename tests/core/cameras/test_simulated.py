"""The simulated line: parts pass at its speed, and their truth is told."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from almrr_core.cameras import Camera, build_camera, live
from almrr_core.errors import StationError
from almrr_core.settings import SimulatedSettings, SourceKind
from almrr_core.types import GOOD, Picture, SourceState
from tests.core.cameras.helpers import gray, level_of, opened, seconds_to, settings


def make(number: int) -> tuple[Picture, str]:
    return gray(number), GOOD if number % 2 else "hole"


def simulated(speed: float) -> Camera:
    return build_camera(settings(SourceKind.SIMULATED, simulated=SimulatedSettings(speed=speed)), make)


def test_parts_pass_with_their_truth() -> None:
    with opened(simulated(8.0)) as camera:
        assert not camera.can_wait
        began = time.monotonic()
        frames = [camera.take(1.0) for _ in range(6)]
        assert 0.5 < time.monotonic() - began < 4
        levels = [level_of(frame) for frame in frames]
        assert levels == list(range(levels[0], levels[0] + 6))
        assert [frame.truth for frame in frames if frame] == [make(level)[1] for level in levels]


def test_parts_that_pass_unseen_are_gone() -> None:
    with opened(simulated(50.0)) as camera:
        first = level_of(camera.take(1.0))
        seconds_to(camera, SourceState.LIVE)
        time.sleep(0.2)  # the line is busy
        assert level_of(camera.take(1.0)) > first + 5


def test_closing_does_not_wait_for_the_next_part() -> None:
    camera = simulated(0.01)
    camera.open()
    assert camera.take(5.0) is None or camera.latest() is not None
    began = time.monotonic()
    camera.close()
    assert time.monotonic() - began < 0.5


class Painter:
    """Makes pictures, each only when it may."""

    def __init__(self) -> None:
        self.may, self.begun, self.made = threading.Semaphore(0), threading.Event(), 0

    def __call__(self, number: int) -> tuple[Picture, str]:
        self.begun.set()
        assert self.may.acquire(timeout=10)
        self.made += 1
        return make(number)


def test_while_it_paints_the_source_is_being_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SILENT", 0.2)
    monkeypatch.setattr(live, "_OPENING", 0.2)
    painter = Painter()
    with opened(build_camera(settings(SourceKind.SIMULATED), painter)) as camera:
        assert painter.begun.wait(10)
        assert camera.take(0.5) is None
        assert camera.status().state is SourceState.OPENING
        for _ in range(100):
            painter.may.release()
        seconds_to(camera, SourceState.LIVE)
        assert camera.gaps() == ()


def test_closing_ends_the_painting_after_the_picture_in_hand(caplog: pytest.LogCaptureFixture) -> None:
    painter, before = Painter(), threading.active_count()
    camera = build_camera(settings(SourceKind.SIMULATED), painter)
    camera.open()
    assert painter.begun.wait(10)
    later = threading.Timer(2.0, painter.may.release)  # longer than a driver may take to close
    later.start()
    with caplog.at_level(logging.WARNING):
        camera.close()
    later.join()
    assert (painter.made, threading.active_count()) == (1, before)
    assert not caplog.text


def test_without_pictures_there_is_no_simulated_line() -> None:
    with pytest.raises(StationError, match="Nothing makes pictures"):
        build_camera(settings(SourceKind.SIMULATED))
