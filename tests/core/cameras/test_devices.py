"""Cameras by name: the device is found again at another index, and told from one of its kind."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from almrr_core.cameras import build_camera, list_cameras
from almrr_core.cameras.devices import Device, match_device
from almrr_core.cameras.opencv import picture_of
from almrr_core.errors import ErrorCode, StationError
from almrr_core.settings import SourceKind
from almrr_core.types import SourceState
from tests.core.cameras.helpers import opened, seconds_to, settings, wait_for

WEBCAM = Device("HD Webcam", 0x046D, 0x0825, "port 1", 0, cv2.CAP_V4L2)
TWIN = replace(WEBCAM, port="port 2", index=2)
OTHER = Device("Microscope [USB] 2", 0x1234, 0xABCD, "port 3", 4, cv2.CAP_V4L2)


def test_the_device_is_found_at_another_index_by_each_back_end() -> None:
    moved = replace(WEBCAM, index=7)
    by_another = replace(moved, backend=cv2.CAP_GSTREAMER, index=1)
    assert match_device(WEBCAM.address, [OTHER, moved, by_another]) == (moved, by_another)
    assert match_device(OTHER.address, [WEBCAM, OTHER]) == (OTHER,)
    assert match_device("", [WEBCAM, OTHER]) == (WEBCAM,)
    assert match_device("HD Webcam", [OTHER, WEBCAM]) == (WEBCAM,)


def test_at_another_port_it_is_found_while_it_is_the_only_one() -> None:
    assert match_device(WEBCAM.address, [OTHER, TWIN]) == (TWIN,)
    assert match_device(WEBCAM.address, [TWIN, WEBCAM]) == (WEBCAM,)
    third = replace(WEBCAM, port="port 9")
    with pytest.raises(StationError, match="Several cameras HD Webcam"):
        match_device(WEBCAM.address, [TWIN, third])


def test_one_that_is_not_there_is_named() -> None:
    with pytest.raises(StationError, match=r"HD Webcam \[046d:0825\] is not connected") as caught:
        match_device(WEBCAM.address, [OTHER])
    assert caught.value.code is ErrorCode.SOURCE_UNUSABLE
    with pytest.raises(StationError, match="No camera is connected"):
        match_device("", [])


def test_the_list_of_cameras_is_a_list_with_unique_addresses() -> None:
    found = list_cameras()
    assert len({one.address for one in found}) == len(found)
    assert len({one.name for one in found}) == len(found)


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux")
@pytest.mark.skipif(any(Path("/dev").glob("video*")), reason="only on Linux without a camera")
def test_without_a_camera_it_says_so_and_goes_on_trying() -> None:
    with opened(build_camera(settings(SourceKind.CAMERA))) as camera:
        assert not camera.can_wait
        assert seconds_to(camera, SourceState.LOST) < 2
        wait_for(lambda: camera.status().sentence == "No camera is connected. It is tried again by itself.")
        began = time.monotonic()
        assert camera.take(0.1) is None
        assert time.monotonic() - began < 1
    assert len(camera.gaps()) == 1


def test_pixels_become_gray_or_rgb_with_eight_bit() -> None:
    colour = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.array_equal(picture_of(colour, None), colour[..., ::-1])
    assert np.array_equal(picture_of(np.dstack([colour, colour[..., :1]]), None), colour[..., ::-1])
    assert picture_of(colour[..., :1], None).shape == (2, 4)
    gray = picture_of(colour[..., 0], None)
    assert np.array_equal(gray, colour[..., 0])
    assert not np.shares_memory(gray, colour)
    deep = np.array([[0, 4095, 65535]], np.uint16)
    assert picture_of(deep, 12).tolist() == [[0, 255, 255]]
    assert picture_of(deep, None).tolist() == [[0, 15, 255]]
