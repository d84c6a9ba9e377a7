"""A watched folder: every file once, when it is whole, and then left, moved or deleted."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from almrr_core.cameras import Camera, build_camera
from almrr_core.errors import ErrorCode, StationError
from almrr_core.settings import AfterInspection, SourceKind
from almrr_core.types import SourceState
from tests.core.cameras.helpers import level_of, opened, png, put, settings, take_all

BOTH_WAYS = pytest.mark.parametrize("polling", [False, True], ids=["told", "polling"])


def watch(folder: Path, state: Path | None = None, **more: object) -> Camera:
    return build_camera(settings(SourceKind.WATCH, folder, **more), state_folder=state)


def levels(camera: Camera, count: int) -> list[int]:
    return [level_of(frame) for frame in take_all(camera, count)]


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@BOTH_WAYS
def test_what_is_there_comes_by_name_then_what_arrives(tmp_path: Path, polling: bool) -> None:
    for level in (3, 1, 2):
        put(tmp_path / f"{level}.png", level)
    with opened(watch(tmp_path, polling=polling)) as camera:
        assert camera.can_wait
        assert levels(camera, 3) == [1, 2, 3]
        assert camera.take(0.1) is None
        put(tmp_path / "0.png", 0)
        assert levels(camera, 1) == [0]
        assert camera.take(1.2) is None
        assert camera.status().state is SourceState.LIVE
    assert names_in(tmp_path) == ["0.png", "1.png", "2.png", "3.png"]


@BOTH_WAYS
def test_a_burst_of_200_files_is_taken_whole_and_deleted(tmp_path: Path, polling: bool) -> None:
    def burst() -> None:
        for number in range(200):
            (tmp_path / f"{number:03}.png").write_bytes(png(number))

    with opened(watch(tmp_path, polling=polling, after=AfterInspection.DELETE)) as camera:
        writer = threading.Thread(target=burst)
        writer.start()
        assert sorted(levels(camera, 200)) == list(range(200))
        writer.join()
        assert camera.take(0.5) is None
    assert names_in(tmp_path) == []


def test_a_file_written_slowly_is_taken_once_and_whole(tmp_path: Path) -> None:
    data = png(7)
    with opened(watch(tmp_path)) as camera, (tmp_path / "slow.png").open("wb", buffering=0) as stream:
        for at in range(0, len(data), 12):
            stream.write(data[at : at + 12])
            assert camera.take(0.1) is None
        assert levels(camera, 1) == [7]
        assert camera.take(0.6) is None


def test_the_archive_never_writes_over_a_file(tmp_path: Path) -> None:
    folder, archive = tmp_path / "in", tmp_path / "done"
    folder.mkdir()
    after = {"after": AfterInspection.ARCHIVE, "archive": str(archive)}
    with opened(watch(folder, **after)) as camera:
        for level in (1, 2, 3):
            put(folder / "part.png", level)
            assert levels(camera, 1) == [level]
    assert names_in(archive) == ["part-2.png", "part-3.png", "part.png"]
    assert (archive / "part.png").read_bytes() == png(1)
    assert (archive / "part-3.png").read_bytes() == png(3)
    assert names_in(folder) == []


def test_sub_folders_keep_their_place_in_the_archive(tmp_path: Path) -> None:
    with opened(watch(tmp_path, after=AfterInspection.ARCHIVE, subfolders=True)) as camera:
        assert camera.take(0.1) is None
        (tmp_path / "a" / "b").mkdir(parents=True)
        put(tmp_path / "a" / "b" / "1.png", 1)
        put(tmp_path / "2.png", 2)
        assert sorted(levels(camera, 2)) == [1, 2]
        assert camera.take(0.5) is None  # the archive lies inside, and is not watched
    assert names_in(tmp_path) == ["inspected/2.png", "inspected/a/b/1.png"]


def test_without_sub_folders_they_are_not_looked_into(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    put(tmp_path / "below" / "1.png", 1)
    put(tmp_path / "2.png", 2)
    with opened(watch(tmp_path)) as camera:
        assert levels(camera, 1) == [2]
        put(tmp_path / "below" / "3.png", 3)
        assert camera.take(0.5) is None


def test_what_was_left_is_not_taken_again_by_the_same_camera(tmp_path: Path) -> None:
    put(tmp_path / "1.png", 1)
    camera = watch(tmp_path)
    with opened(camera):
        assert levels(camera, 1) == [1]
    with opened(camera):
        assert camera.take(0.6) is None
        put(tmp_path / "1.png", 5)  # written anew: another picture
        assert levels(camera, 1) == [5]


def test_what_waits_for_the_log_is_not_taken_again_when_the_line_starts_anew(tmp_path: Path) -> None:
    put(tmp_path / "1.png", 1)
    camera = watch(tmp_path, after=AfterInspection.DELETE)
    with opened(camera):
        waiting = camera.take(2.0)
    assert waiting is not None
    with opened(camera):
        assert camera.take(0.6) is None
        camera.settle(waiting)
    assert names_in(tmp_path) == []


def test_with_a_state_folder_what_was_left_is_remembered_across_restarts(tmp_path: Path) -> None:
    folder, state = tmp_path / "in", tmp_path / "state"
    folder.mkdir()
    for level in (1, 2):
        put(folder / f"{level}.png", level)
    with opened(watch(folder, state)) as camera:
        assert levels(camera, 1) == [1]
        assert level_of(camera.take(1.0)) == 2  # and then the power fails: it is not in the log
    with (state / "src.seen").open("a", encoding="utf-8") as stream:
        stream.write('["/cut sho')
    with opened(watch(folder, state)) as camera:
        assert levels(camera, 1) == [2]
        (folder / "1.png").unlink()
    with opened(watch(folder, state)) as camera:
        assert camera.take(0.6) is None
    assert len((state / "src.seen").read_text(encoding="utf-8").splitlines()) == 1


def test_a_frame_may_be_settled_after_closing(tmp_path: Path) -> None:
    put(tmp_path / "1.png", 1)
    camera = watch(tmp_path, after=AfterInspection.DELETE)
    with opened(camera):
        frame = camera.take(2.0)
    assert frame is not None
    camera.settle(frame)
    camera.settle(frame)
    assert names_in(tmp_path) == []


def test_two_files_taken_within_one_tick_of_the_clock_are_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = put(tmp_path / "1.png", 1), put(tmp_path / "2.png", 2)
    with opened(watch(tmp_path, after=AfterInspection.DELETE)) as camera:
        monkeypatch.setattr(time, "monotonic_ns", lambda: 15_600_000)  # as Windows says for 16 ms
        frames = [camera.take(2.0), camera.take(2.0)]
        assert [level_of(frame) for frame in frames] == [1, 2]
        for frame, path, other in zip(frames, (first, second), (True, False), strict=True):
            assert frame is not None
            camera.settle(frame)
            assert (path.exists(), second.exists()) == (False, other)


def test_a_file_written_anew_before_its_part_is_logged_is_not_moved_unseen(tmp_path: Path) -> None:
    put(tmp_path / "1.png", 1)
    with opened(watch(tmp_path, after=AfterInspection.DELETE)) as camera:
        first = camera.take(2.0)
        assert first is not None
        put(tmp_path / "1.png", 2)
        camera.settle(first)
        assert levels(camera, 1) == [2]
    assert names_in(tmp_path) == []


def test_the_same_file_copied_again_after_the_archive_is_a_new_part(tmp_path: Path) -> None:
    folder, master = tmp_path / "in", tmp_path / "master.png"
    folder.mkdir()
    put(master, 4)
    with opened(watch(folder, after=AfterInspection.ARCHIVE)) as camera:
        for _ in range(2):
            shutil.copy2(master, folder / "part.png")  # with the same time of change
            assert levels(camera, 1) == [4]


def test_a_folder_that_goes_away_is_lost_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    with opened(watch(folder)) as camera:
        assert camera.take(0.0) is None
        folder.rmdir()
        assert camera.take(1.5) is None
        assert camera.status().state is SourceState.LOST
        assert str(folder) in camera.status().sentence
        folder.mkdir()
        put(folder / "1.png", 1)
        assert levels(camera, 1) == [1]
        put(folder / "2.png", 2)
        assert levels(camera, 1) == [2]
        (gap,) = camera.gaps()
        assert gap.since < gap.until


def test_a_folder_replaced_by_another_is_watched_again(tmp_path: Path) -> None:
    folder, other = tmp_path / "in", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    with opened(watch(folder)) as camera:
        assert camera.take(0.0) is None
        folder.rename(tmp_path / "away")
        other.rename(folder)
        put(folder / "1.png", 1)
        assert levels(camera, 1) == [1]


def test_a_folder_cannot_be_its_own_archive(tmp_path: Path) -> None:
    camera = watch(tmp_path, after=AfterInspection.ARCHIVE, archive=str(tmp_path))
    with pytest.raises(StationError) as caught:
        camera.open()
    assert caught.value.code is ErrorCode.SOURCE_UNUSABLE


def test_an_archive_that_cannot_be_written_keeps_the_file_and_says_so(tmp_path: Path) -> None:
    folder, blocked = tmp_path / "in", tmp_path / "done"
    folder.mkdir()
    blocked.write_text("a file where the archive should be", encoding="utf-8")
    put(folder / "1.png", 1)
    with opened(watch(folder, after=AfterInspection.ARCHIVE, archive=str(blocked))) as camera:
        frame = camera.take(2.0)
        assert frame is not None
        with pytest.raises(StationError) as caught:
            camera.settle(frame)
        assert caught.value.code is ErrorCode.WRITE_FAILED
        assert camera.take(0.6) is None
    assert names_in(folder) == ["1.png"]


def test_what_came_too_early_is_passed_over_and_left(tmp_path: Path) -> None:
    put(tmp_path / "old.png", 1)
    with opened(watch(tmp_path, after=AfterInspection.DELETE)) as camera:
        assert camera.take(1.0, after_ns=1) is None  # it lay there: it came at 0
        assert "(1)" in camera.status().sentence
        began = time.monotonic_ns()
        put(tmp_path / "new.png", 2)
        assert level_of(camera.take(2.0, after_ns=began)) == 2
        put(tmp_path / "old.png", 3)  # written anew
        assert level_of(camera.take(2.0, after_ns=began)) == 3
        assert camera.take(0.0, after_ns=began) is None
        assert camera.status().sentence == ""
    assert names_in(tmp_path) == ["new.png", "old.png"]  # nothing was settled


def test_when_a_file_came_is_known_without_taking_it(tmp_path: Path) -> None:
    with opened(watch(tmp_path, polling=True)) as camera:
        put(tmp_path / "1.png", 1)
        began, end = time.monotonic_ns(), time.monotonic() + 1.2
        while time.monotonic() < end:
            camera.look()
        assert camera.take(0.0, after_ns=time.monotonic_ns()) is None
        assert level_of(camera.take(1.0, after_ns=began)) == 1


def test_where_the_order_counts_no_file_overtakes_another(tmp_path: Path) -> None:
    data, began = png(9), time.monotonic_ns()
    with opened(watch(tmp_path, polling=True)) as camera:
        (tmp_path / "9.png").write_bytes(data[:50])
        os.utime(tmp_path / "9.png", (1, 1))
        put(tmp_path / "10.png", 10)
        assert camera.take(2.0, after_ns=began) is None
        (tmp_path / "9.png").write_bytes(data)
        assert [level_of(camera.take(5.0, after_ns=began)) for _ in range(2)] == [9, 10]
