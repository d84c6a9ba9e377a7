"""What the tests of sources share: waiting for a condition, small pictures, files nobody may read."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from almrr_core.cameras import Camera
from almrr_core.settings import SourceKind, SourceSettings
from almrr_core.types import Frame, Picture, SourceState

NOBODY = 65534


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> float:
    """Wait until the condition holds; return the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.005)
    return time.monotonic() - began


def seconds_to(camera: Camera, state: SourceState, seconds: float = 15.0) -> float:
    def reached() -> bool:
        return camera.status().state is state

    return wait_for(reached, seconds)


def settings(kind: SourceKind, address: object = "", **more: object) -> SourceSettings:
    return SourceSettings("src", kind, str(address), **more)  # type: ignore[arg-type]  # the caller knows them


def gray(level: int) -> Picture:
    return np.full((24, 32), level, np.uint8)


def png(level: int) -> bytes:
    return cv2.imencode(".png", gray(level))[1].tobytes()


def put(path: Path, level: int) -> Path:
    """Write a picture as careful programs do: under a hidden name first."""
    hidden = path.with_name(f".{path.name}")
    hidden.write_bytes(png(level))
    return hidden.rename(path)


def level_of(frame: Frame | None) -> int:
    assert frame is not None
    assert frame.picture is not None, frame.fault
    return int(frame.picture.flat[0])


def take_all(camera: Camera, count: int, timeout: float = 10.0) -> list[Frame]:
    frames = []
    for _ in range(count):
        frame = camera.take(timeout)
        assert frame is not None, f"only {len(frames)} of {count} frames came"
        camera.settle(frame)
        frames.append(frame)
    return frames


@contextmanager
def opened(camera: Camera) -> Iterator[Camera]:
    camera.open()
    try:
        yield camera
    finally:
        camera.close()


@contextmanager
def folder_for_anybody() -> Iterator[Path]:
    """A folder that others may enter too; pytest's own may not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@contextmanager
def unprivileged() -> Iterator[None]:
    """In this thread, see files as a common user does: root may read everything."""
    if sys.platform != "linux":
        pytest.skip("only on Linux")
    libc = ctypes.CDLL(None)
    mine = os.geteuid()
    if mine == 0:
        libc.setfsuid(NOBODY)
    try:
        yield
    finally:
        libc.setfsuid(mine)
