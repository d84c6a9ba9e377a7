"""Half-written, locked, foreign and vanishing files of a watched folder: none is lost, each is told once."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from almrr_core.cameras.files import Seen, is_on_network
from almrr_core.cameras.watch import WatchFolder
from almrr_core.settings import AfterInspection, SourceKind
from almrr_core.types import Frame, SourceState
from tests.core.cameras.helpers import (
    folder_for_anybody,
    level_of,
    opened,
    png,
    put,
    settings,
    take_all,
    unprivileged,
)


def watch(folder: Path, patience: float = 0.5, **more: object) -> WatchFolder:
    return WatchFolder(settings(SourceKind.WATCH, folder, **more), stable=0.1, patience=patience)


def all_frames(camera: WatchFolder, timeout: float) -> list[Frame]:
    frames = []
    while (frame := camera.take(timeout)) is not None:
        camera.settle(frame)
        frames.append(frame)
    return frames


def test_half_written_files_are_retried_and_then_told_once(tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(png(1)[:-9])
    (tmp_path / "empty.png").touch()
    put(tmp_path / "good.png", 3)
    began = time.monotonic()
    with opened(watch(tmp_path)) as camera:
        assert level_of(camera.take(1.0)) == 3  # it does not wait behind the others
        bad = all_frames(camera, 1.0)
    assert time.monotonic() - began > 0.5
    assert sorted(Path(frame.name).name for frame in bad) == ["cut.png", "empty.png"]
    assert all(frame.picture is None and "tried for 0.5 s" in frame.fault for frame in bad)
    assert any("is cut short" in frame.fault for frame in bad)


def test_a_half_written_file_that_is_finished_in_time_is_a_picture(tmp_path: Path) -> None:
    data = png(5)
    (tmp_path / "part.png").write_bytes(data[:50])
    with opened(watch(tmp_path, patience=5.0)) as camera:
        assert camera.take(0.5) is None
        with (tmp_path / "part.png").open("ab") as stream:
            stream.write(data[50:])
        assert level_of(camera.take(3.0)) == 5
        assert camera.take(0.5) is None


def test_one_that_is_finished_after_it_was_given_up_comes_again(tmp_path: Path) -> None:
    (tmp_path / "part.png").write_bytes(png(5)[:50])
    with opened(watch(tmp_path, patience=0.3)) as camera:
        (given_up,) = take_all(camera, 1)
        assert given_up.picture is None
        (tmp_path / "part.png").write_bytes(png(5))
        assert level_of(camera.take(3.0)) == 5


def test_foreign_files_are_told_and_never_deleted(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("shift notes", encoding="utf-8")
    (tmp_path / "Thumbs.db").write_text("the system's", encoding="utf-8")
    (tmp_path / ".hidden.png").write_bytes(png(1))
    with opened(watch(tmp_path, after=AfterInspection.DELETE)) as camera:
        (frame,) = all_frames(camera, 1.0)
    assert frame.picture is None
    assert "is not a PNG" in frame.fault
    assert sorted(os.listdir(tmp_path)) == [".hidden.png", "Thumbs.db", "notes.txt"]


def test_foreign_files_go_to_the_archive(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("shift notes", encoding="utf-8")
    with opened(watch(tmp_path, after=AfterInspection.ARCHIVE)) as camera:
        assert len(all_frames(camera, 1.0)) == 1
    assert (tmp_path / "inspected" / "notes.txt").read_text(encoding="utf-8") == "shift notes"


def test_a_locked_file_is_retried_until_it_is_open() -> None:
    with folder_for_anybody() as folder:
        locked = put(folder / "locked.png", 6)
        locked.chmod(0)
        with opened(watch(folder, patience=5.0)) as camera:
            with unprivileged():
                assert camera.take(0.6) is None
            locked.chmod(0o644)
            assert level_of(camera.take(5.0)) == 6


def test_a_file_that_stays_locked_is_told_with_the_reason() -> None:
    with folder_for_anybody() as folder:
        locked = put(folder / "locked.png", 6)
        locked.chmod(0)
        with opened(watch(folder, after=AfterInspection.DELETE)) as camera, unprivileged():
            (frame,) = take_all(camera, 1)
            assert camera.take(0.3) is None
        assert "cannot be read (Permission denied)" in frame.fault
        assert locked.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX")
def test_what_is_no_file_does_not_hang_the_watch(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "missing")
    (tmp_path / "loop").symlink_to(tmp_path)
    with opened(watch(tmp_path, subfolders=True)) as camera:
        (frame,) = all_frames(camera, 1.0)
    assert "is not a file" in frame.fault


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux")
def test_a_name_that_is_no_text_is_told_as_text(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9\n.png")
    put(tmp_path / "1.png", 1).rename(odd)
    with opened(watch(tmp_path, after=AfterInspection.DELETE)) as camera:
        (frame,) = all_frames(camera, 1.0)
    assert frame.name.encode().endswith(b"caf\\udce9\\n.png")
    assert not odd.exists()


def test_files_deleted_while_they_are_taken_stop_nothing(tmp_path: Path) -> None:
    def delete_some() -> None:
        for number in range(0, 100, 2):
            (tmp_path / f"{number:03}.png").unlink(missing_ok=True)

    for number in range(100):
        put(tmp_path / f"{number:03}.png", number)
    with opened(watch(tmp_path, after=AfterInspection.DELETE)) as camera:
        vandal = threading.Thread(target=delete_some)
        first = level_of(camera.take(2.0))
        vandal.start()
        rest = [level_of(frame) for frame in all_frames(camera, 1.0)]
        vandal.join()
        assert camera.status().state is SourceState.LIVE
    assert set(range(1, 100, 2)) <= {first, *rest}
    assert len(rest) == len(set(rest))


def test_a_closed_watch_returns_at_once_and_close_does_not_hang(tmp_path: Path) -> None:
    camera = watch(tmp_path)
    camera.open()
    taken: list[Frame | None] = []
    taker = threading.Thread(target=lambda: taken.append(camera.take(30.0)))
    taker.start()
    began = time.monotonic()
    camera.close()
    taker.join()
    assert time.monotonic() - began < 2
    assert taken == [None]
    assert camera.status().state is SourceState.CLOSED


def test_a_local_folder_is_not_on_the_network_and_a_share_is(tmp_path: Path) -> None:
    assert isinstance(is_on_network(tmp_path), bool)
    if sys.platform == "linux":
        assert not is_on_network(Path("/proc"))


def test_the_memory_of_seen_files_forgets_what_is_gone(tmp_path: Path) -> None:
    store = tmp_path / "deep" / "src.seen"
    seen = Seen(store)
    for number in range(3):
        seen.keep(tmp_path / str(number), (number, number))
    seen.prune({str(tmp_path / "1")})
    again = Seen(store)
    assert (tmp_path / "1", (1, 1)) in again
    assert (tmp_path / "1", (1, 2)) not in again
    assert (tmp_path / "2", (2, 2)) not in again


@pytest.mark.parametrize("polling", [False, True], ids=["told", "polling"])
def test_a_share_that_is_not_mounted_for_a_while_is_not_inspected_again(
    tmp_path: Path, polling: bool
) -> None:
    share, away, store = tmp_path / "share", tmp_path / "away", tmp_path / "src.seen"

    def camera() -> WatchFolder:
        return WatchFolder(settings(SourceKind.WATCH, share, polling=polling), store=store, stable=0.1)

    def unmount() -> None:
        share.rename(away)
        share.mkdir()  # what lies below a mount

    def mount() -> None:
        shutil.rmtree(share)
        away.rename(share)

    share.mkdir()
    for level in (1, 2):
        put(share / f"{level}.png", level)
    with opened(camera()) as watching:
        assert len(all_frames(watching, 0.5)) == 2
        unmount()
        put(share / "stray.png", 3)
        assert [level_of(frame) for frame in all_frames(watching, 1.6)] == [3]
    with opened(camera()) as watching:  # a new start
        assert all_frames(watching, 1.6) == []
        mount()
        assert all_frames(watching, 1.6) == []
        put(share / "4.png", 4)
        assert [level_of(frame) for frame in all_frames(watching, 1.6)] == [4]
    with opened(camera()) as watching:
        assert all_frames(watching, 0.5) == []


def test_a_file_that_was_deleted_and_is_copied_again_is_a_new_part(tmp_path: Path) -> None:
    folder, master = tmp_path / "in", tmp_path / "master.png"
    folder.mkdir()
    put(master, 4)
    with opened(watch(folder, polling=True)) as camera:
        for _ in range(2):
            shutil.copy2(master, folder / "part.png")  # with the same time of change
            assert [level_of(frame) for frame in all_frames(camera, 1.3)] == [4]
            (folder / "part.png").unlink()
            assert all_frames(camera, 1.3) == []


def test_the_memory_keeps_some_files_of_a_folder_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("almrr_core.cameras.files._MOST_ELSEWHERE", 2)
    store = tmp_path / "src.seen"
    store.write_text('["/0", 0, 0]\n["/1", 1, 1]\n', encoding="utf-8")  # of an older program
    seen = Seen(store)
    seen.place = (1, 1)
    for number in (2, 3):
        seen.keep(Path(f"/{number}"), (number, number))
    seen.prune({"/1", "/2", "/3"})
    seen.place = (2, 2)
    seen.prune(set())
    again = Seen(store)
    assert [(Path(f"/{number}"), (number, number)) in again for number in range(4)] == [False] * 2 + [
        True
    ] * 2


def test_a_file_that_waits_for_the_log_is_not_remembered_after_a_crash(tmp_path: Path) -> None:
    store = tmp_path / "src.seen"
    seen = Seen(store)
    seen.keep(Path("/gone"), (1, 1))
    seen.hold(Path("/waits"), (2, 2))
    seen.prune({"/waits"})
    assert (Path("/waits"), (2, 2)) in seen
    assert (Path("/waits"), (2, 2)) not in Seen(store)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no other disk")
def test_an_archive_on_another_disk_has_a_name_for_whole_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, copy, seen = tmp_path / "in", shutil.copy2, []
    folder.mkdir()
    put(folder / "1.png", 1)

    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        if os.stat(other).st_dev == os.stat(folder).st_dev:
            pytest.skip("there is no other disk")
        (Path(other) / "1.png").write_bytes(png(9))

        def copying(source: Path, target: Path) -> None:
            copy(source, target)
            seen.extend(name for name in os.listdir(other) if not name.startswith("."))

        monkeypatch.setattr(shutil, "copy2", copying)
        with opened(watch(folder, after=AfterInspection.ARCHIVE, archive=other)) as camera:
            assert len(all_frames(camera, 1.0)) == 1
        assert seen == ["1.png"]  # the older one
        assert sorted(os.listdir(other)) == ["1-2.png", "1.png"]
        assert (Path(other) / "1-2.png").read_bytes() == png(1)
    assert os.listdir(folder) == []
