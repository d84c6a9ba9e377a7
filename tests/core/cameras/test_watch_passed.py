"""Files of a watched folder that nobody asked for: passed over, in order, at no cost, until somebody does."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from almrr_core.cameras.watch import WatchFolder
from almrr_core.settings import SourceKind
from almrr_core.types import SourceState
from tests.core.cameras.helpers import (
    folder_for_anybody,
    level_of,
    opened,
    put,
    settings,
    unprivileged,
    wait_for,
)

OLD = 1  # ns: later than all that lay there, earlier than all that came since


def watch(folder: Path, **more: object) -> WatchFolder:
    return WatchFolder(settings(SourceKind.WATCH, folder, **more), stable=0.1)


def look_until(camera: WatchFolder, count: int) -> None:
    """Look until so many whole files are passed over."""

    def passed() -> bool:
        camera.look()
        return f"({count})" in camera.status().sentence

    wait_for(passed)


@pytest.mark.parametrize("polling", [False, True], ids=["told", "polling"])
def test_what_lay_in_a_share_is_passed_over_when_it_comes_back(tmp_path: Path, polling: bool) -> None:
    share, away = tmp_path / "share", tmp_path / "away"
    share.mkdir()
    for level in (1, 2, 3):
        put(share / f"old{level}.png", level)
    with opened(watch(share, polling=polling)) as camera:
        assert camera.take(0.5, after_ns=OLD) is None
        share.rename(away)
        share.mkdir()  # what lies below a mount
        assert camera.take(1.3, after_ns=OLD) is None
        assert camera.status().sentence == ""
        share.rmdir()
        away.rename(share)
        assert camera.take(1.6, after_ns=OLD) is None
        assert "(3)" in camera.status().sentence
        put(share / "own.png", 9)
        assert level_of(camera.take(3.0, after_ns=OLD)) == 9


@pytest.mark.parametrize("polling", [False, True], ids=["told", "polling"])
def test_what_lies_in_a_share_that_is_mounted_after_the_start_is_passed_over(
    tmp_path: Path, polling: bool
) -> None:
    share, away = tmp_path / "share", tmp_path / "away"
    share.mkdir()
    away.mkdir()
    put(away / "old.png", 1)
    with opened(watch(share, polling=polling)) as camera:
        assert camera.take(0.0, after_ns=OLD) is None
        share.rmdir()
        away.rename(share)
        assert camera.take(1.6, after_ns=OLD) is None
        put(share / "own.png", 9)
        assert level_of(camera.take(3.0, after_ns=OLD)) == 9


def test_what_lay_there_when_the_first_look_failed_is_passed_over() -> None:
    with folder_for_anybody() as folder:
        closed = folder / "closed"
        closed.mkdir()
        put(folder / "old.png", 1)
        closed.chmod(0)
        camera = watch(folder, subfolders=True)
        with unprivileged():
            camera.open()
        with opened(camera):  # it is open: to close it
            assert camera.status().state is SourceState.LOST
            closed.chmod(0o755)
            assert camera.take(1.6, after_ns=OLD) is None
            assert camera.status().state is SourceState.LIVE
            put(folder / "own.png", 9)
            assert level_of(camera.take(3.0, after_ns=OLD)) == 9


def test_names_that_are_written_anew_come_in_their_new_order(tmp_path: Path) -> None:
    for level in (10, 1, 2, 9):
        put(tmp_path / f"img_{level}.png", level)
    with opened(watch(tmp_path)) as camera:
        assert camera.take(0.5, after_ns=OLD) is None
        for level in (9, 10):
            put(tmp_path / f"img_{level}.png", level + 100)
        assert [level_of(camera.take(3.0, after_ns=OLD)) for _ in range(2)] == [109, 110]


def test_names_that_are_written_anew_before_they_are_taken_come_in_their_new_order(tmp_path: Path) -> None:
    with opened(watch(tmp_path)) as camera:
        for level in (10, 9, 109, 110):
            put(tmp_path / f"img_{level % 100}.png", level)
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                camera.look()  # sees that it is whole
        assert [level_of(camera.take(3.0, after_ns=OLD)) for _ in range(2)] == [109, 110]


def test_what_was_passed_over_comes_when_any_picture_will_do(tmp_path: Path) -> None:
    for level in (3, 1, 2):
        put(tmp_path / f"{level}.png", level)
    with opened(watch(tmp_path)) as camera:
        look_until(camera, 3)
        began = time.monotonic_ns()
        put(tmp_path / "0.png", 4)
        assert level_of(camera.take(3.0, after_ns=began)) == 4
        put(tmp_path / "00.png", 5)
        assert [level_of(camera.take(3.0)) for _ in range(4)] == [1, 2, 3, 5]
        assert camera.status().sentence == ""


def test_what_was_passed_over_and_is_gone_is_forgotten(tmp_path: Path) -> None:
    for level in (1, 2):
        put(tmp_path / f"{level}.png", level)
    with opened(watch(tmp_path, polling=True)) as camera:
        look_until(camera, 2)
        (tmp_path / "1.png").unlink()
        look_until(camera, 1)


def test_files_that_are_passed_over_cost_nothing(tmp_path: Path) -> None:
    count = 20_000
    for number in range(count):
        (tmp_path / f"{number}.png").touch()
    with opened(watch(tmp_path)) as camera:
        look_until(camera, count)
        seconds = []
        for number in range(40):
            began = time.thread_time()
            if number % 2:
                camera.look()
            else:
                camera.take(0.0, after_ns=OLD)
            seconds.append(time.thread_time() - began)
    assert statistics.median(seconds) < 1e-3
