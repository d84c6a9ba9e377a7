"""Replayed folders and video files: every frame, in order, at the rate asked for."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from almrr_core.cameras import Camera, build_camera
from almrr_core.errors import ErrorCode, StationError
from almrr_core.settings import SourceKind
from almrr_core.types import SourceState
from tests.core.cameras.helpers import level_of, opened, png, put, seconds_to, settings, take_all


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "below").mkdir()
    for level in (3, 1, 2):
        put(tmp_path / f"{level}.png", level)
    put(tmp_path / "below" / "9.png", 9)
    (tmp_path / "notes.txt").write_text("not a picture", encoding="utf-8")
    return tmp_path


def replay(folder: Path, **more: object) -> Camera:
    return build_camera(settings(SourceKind.REPLAY, folder, **({"rate": 0.0} | more)))


def levels(camera: Camera, count: int) -> list[int]:
    return [level_of(frame) for frame in take_all(camera, count, 1.0)]


def test_a_folder_once_in_name_order(folder: Path) -> None:
    with opened(replay(folder, loop=False)) as camera:
        assert camera.can_wait
        assert camera.latest() is None
        assert levels(camera, 3) == [1, 2, 3]
        assert camera.take(0.05) is None
        assert camera.status().state is SourceState.ENDED
        assert level_of(camera.latest()) == 3
    with opened(camera):
        assert levels(camera, 1) == [1]


def test_a_folder_in_a_loop_with_what_is_below(folder: Path) -> None:
    with opened(replay(folder, subfolders=True)) as camera:
        assert levels(camera, 5) == [1, 2, 3, 9, 1]
        put(folder / "0.png", 0)
        assert levels(camera, 4) == [2, 3, 9, 0]


def test_the_rate_is_kept_and_a_timeout_loses_no_frame(folder: Path) -> None:
    with opened(replay(folder, rate=10.0)) as camera:
        began = time.monotonic()
        assert levels(camera, 1) == [1]
        assert camera.take(0.01) is None
        assert levels(camera, 3) == [2, 3, 1]
        assert 0.29 < time.monotonic() - began < 0.8
        assert 5 < camera.status().rate < 11


def test_a_damaged_picture_is_a_part_with_a_fault(folder: Path) -> None:
    (folder / "2.png").write_bytes(png(2)[:-20])
    with opened(replay(folder, loop=False)) as camera:
        frames = take_all(camera, 3)
    assert [frame.picture is None for frame in frames] == [False, True, False]
    assert "2.png" in frames[1].fault
    assert frames[1].name == str(folder / "2.png")


def test_a_folder_that_goes_away_is_lost_and_comes_back(folder: Path, tmp_path: Path) -> None:
    gone = folder.with_name("gone")
    with opened(replay(folder)) as camera:
        levels(camera, 3)
        shutil.move(folder, gone)
        assert camera.take(0.05) is None
        assert camera.status().state is SourceState.LOST
        shutil.move(gone, folder)
        assert levels(camera, 1) == [1]
        assert camera.status().state is SourceState.LIVE
        assert len(camera.gaps()) == 1


@pytest.mark.parametrize("kind", [SourceKind.REPLAY, SourceKind.VIDEO, SourceKind.WATCH])
def test_what_is_not_there_is_refused_at_opening(kind: SourceKind, tmp_path: Path) -> None:
    camera = build_camera(settings(kind, tmp_path / "missing"))
    with pytest.raises(StationError) as caught:
        camera.open()
    assert caught.value.code is ErrorCode.SOURCE_UNUSABLE
    assert "missing" in caught.value.sentence
    assert camera.status().state is SourceState.CLOSED
    assert camera.take(0.0) is None
    camera.close()


def test_an_empty_folder_and_a_file_that_is_no_video_are_refused(tmp_path: Path) -> None:
    (tmp_path / "v.avi").write_bytes(b"RIFF, but no video")
    for camera in (replay(tmp_path), build_camera(settings(SourceKind.VIDEO, tmp_path / "v.avi"))):
        with pytest.raises(StationError) as caught:
            camera.open()
        assert caught.value.code is ErrorCode.SOURCE_UNUSABLE


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "größe 1.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for level in range(0, 200, 20):
        writer.write(np.full((48, 64, 3), (level, 100, 250), np.uint8))  # BGR
    writer.release()
    return path


def test_every_frame_of_a_video_once(clip: Path) -> None:
    video = build_camera(settings(SourceKind.VIDEO, clip, rate=0.0, loop=False))
    with opened(video) as camera:
        frames = take_all(camera, 10)
        assert camera.take(0.05) is None
        assert seconds_to(camera, SourceState.ENDED) < 1
    blues = [int(frame.picture[0, 0, 2]) for frame in frames if frame.picture is not None]
    assert np.allclose(blues, range(0, 200, 20), atol=6)
    assert all(frame.picture is not None and frame.picture[0, 0, 0] > 240 for frame in frames)  # red
    assert frames[9].name == f"{clip.name} #10"


def test_a_video_in_a_loop_begins_again(clip: Path) -> None:
    with opened(build_camera(settings(SourceKind.VIDEO, clip, rate=0.0))) as camera:
        names = [frame.name for frame in take_all(camera, 21)]
    assert names[0] == names[10] == names[20] == f"{clip.name} #1"
