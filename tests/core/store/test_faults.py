"""What goes wrong at a station: power cuts, full disks, locked databases. Real processes, files and locks."""

from __future__ import annotations

import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store import Store
from almrr_core.types import LogFilter, LogOrder, Recipe
from tests.core.store.helpers import a_picture, open_store, picture_files, prepare, record_of
from tests.core.store.processes import child, line, release

WAIT = 60.0  # seconds until a test gives up


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline
        pause.wait(0.005)


def assert_files_and_rows_agree(store: Store) -> None:
    """Every picture a row names can be read, with its map, and no other file is there."""
    named = set()
    for row in store.page(LogFilter(), LogOrder.OLDEST, None, 100_000):
        if row.has_picture:
            got = store.detail(row.inspection_id)
            assert got.picture is not None and got.score_map is not None and got.picture_path is not None
            path = got.picture_path.relative_to(store.folder)
            named |= {path.as_posix(), path.with_suffix(".npy").as_posix()}
    assert picture_files(store.folder) == named


@pytest.mark.parametrize("parts", [1, 7, 20])
def test_sigkill_while_recording_loses_only_the_part_in_flight(tmp_path: Path, parts: int) -> None:
    said: list[str] = []
    with child("record_for_ever", tmp_path) as process:
        while f"done {process.pid}-{parts}" not in said:
            said.append(line(process))
            assert said[-1]
        process.kill()
        assert process.stdout is not None
        said += process.stdout.read().split("\n")  # communicate() would lose what is read ahead
    begun, done = ({one.split()[1] for one in said if one.startswith(word)} for word in ("begun ", "done "))
    with closing(open_store(tmp_path)) as store:
        logged = {row.part_id for row in store.page(LogFilter(), LogOrder.OLDEST, None, 100_000)}
        assert done <= logged <= begun
        assert len(begun - logged) <= 1
        assert store.recovered <= len(begun - logged)
        assert (store.events(1)[0].action == "gap") == bool(store.recovered)
        assert_files_and_rows_agree(store)


def test_a_crash_between_file_and_row_is_cleaned_and_counted(tmp_path: Path) -> None:
    with child("die_between_file_and_row", tmp_path) as process:
        process.wait(WAIT)
    left = {name for name in picture_files(tmp_path) if "half" in name}
    assert len(left) == 3  # picture, map, mark
    with closing(open_store(tmp_path)) as store:
        assert store.recovered == 1
        newest = store.events(1)[0]
        assert (newest.actor, newest.action, newest.after) == ("station", "gap", "half")
        assert "1 part was being recorded" in newest.reason
        assert store.find_part("whole") and not store.find_part("half")
        assert_files_and_rows_agree(store)
        store.record(record_of(prepared(store), "half", picture=a_picture()), keep_picture=True)
    with closing(open_store(tmp_path)) as store:
        assert store.recovered == 0
        assert_files_and_rows_agree(store)


def test_a_mark_that_a_power_cut_emptied_takes_no_picture_away(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        number = store.record(record_of(prepare(store), "kept", picture=a_picture()), keep_picture=True)
        picture = store.detail(number).picture_path
        assert picture is not None
    mark = tmp_path / "pictures" / ".unfinished" / ",".join(picture.relative_to(tmp_path / "pictures").parts)
    mark.touch()
    with closing(open_store(tmp_path)) as store:
        assert store.recovered == 0
        assert store.detail(number).picture is not None
    assert not mark.exists()


def prepared(store: Store) -> Recipe:
    recipe = store.active_recipe("weave")
    assert recipe is not None
    return recipe


def test_a_crash_while_a_picture_is_deleted_is_finished(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        recipe = prepare(store)
        for part_id in ("deleted", "kept"):
            store.record(record_of(recipe, part_id, picture=a_picture()), keep_picture=True)
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log, log:
        log.execute("UPDATE inspection SET picture = NULL, picture_bytes = 0 WHERE id = 1")
    for part_id in ("deleted", "kept"):  # as retention marks them before its rows are committed
        mark = tmp_path / "pictures" / ".unfinished" / f"2026,07,23,{part_id}.png"
        mark.write_text(f"{part_id}\ntop", encoding="utf-8")
    (tmp_path / "pictures/2026/07/23/.1-2.tmp").touch()
    with closing(open_store(tmp_path)) as store:
        assert store.recovered == 0
        assert [one.action for one in store.events(1)] == ["recipe_applied"]
        assert_files_and_rows_agree(store)
        assert store.detail(2).picture is not None


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow over `size` bytes, as on a disk without room."""
    if sys.platform == "win32":
        pytest.skip("only on POSIX: file size limits")
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_no_room_for_a_picture(store: Store, recipe: Recipe) -> None:
    """The kernel stops the picture's file (EFBIG); /dev/full takes no rename, and a tmpfs needs root."""
    record = record_of(recipe, picture=a_picture(500, 700))
    with (
        largest_file(200_000),
        pytest.raises(StationError, match="is full: nothing can be recorded") as caught,
    ):
        store.record(record, keep_picture=True)
    assert caught.value.code is ErrorCode.DISK_FULL
    assert (picture_files(store.folder), store.count(LogFilter())) == (set(), 0)
    store.record(record, keep_picture=True)
    assert_files_and_rows_agree(store)


def test_no_room_for_rows(store: Store, recipe: Recipe) -> None:
    """SQLite itself says FULL: its file may not grow any more."""
    with store._database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    recorded = 0
    with pytest.raises(StationError) as caught:
        for recorded in range(1000):
            store.record(record_of(recipe, f"P-{recorded}", picture=a_picture(2, 2)), keep_picture=True)
    assert caught.value.code is ErrorCode.DISK_FULL
    assert store.count(LogFilter()) == recorded
    assert_files_and_rows_agree(store)
    with store._database.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    store.record(record_of(recipe, f"P-{recorded}"), keep_picture=True)


def test_a_log_that_another_program_locks_too_long(tmp_path: Path) -> None:
    with closing(open_store(tmp_path, busy_seconds=0.2)) as store:
        record = record_of(prepare(store), picture=a_picture())
        with child("hold_lock", tmp_path) as other:
            assert line(other) == "held"
            with pytest.raises(StationError, match="is locked by another program") as caught:
                store.record(record, keep_picture=True)
            assert caught.value.code is ErrorCode.LOG_LOCKED
            assert picture_files(tmp_path) == set()
            assert store.count(LogFilter()) == 0  # reading goes on
            release(other)
        store.record(record, keep_picture=True)
        assert_files_and_rows_agree(store)


def test_a_log_that_another_program_locks_for_a_while(tmp_path: Path) -> None:
    with closing(open_store(tmp_path, busy_seconds=WAIT)) as store:
        record = record_of(prepare(store), picture=a_picture())
        with child("hold_lock", tmp_path) as other:
            assert line(other) == "held"
            recorder = threading.Thread(target=store.record, args=(record, True))
            recorder.start()
            wait_until(lambda: any("P-1.npy" in name for name in picture_files(tmp_path)))
            assert store.count(LogFilter()) == 0
            release(other)
            recorder.join(WAIT)
        assert store.count(LogFilter()) == 1
        assert_files_and_rows_agree(store)


def test_several_threads_record_and_read_at_once(store: Store, recipe: Recipe) -> None:
    failed: list[BaseException] = []

    def work(line_number: int) -> None:
        try:
            for number in range(15):
                record = record_of(recipe, f"{line_number}/{number}", picture=a_picture(8, 8))
                store.record(record, keep_picture=True)
                store.page(LogFilter(text=f"{line_number}/"), LogOrder.WORST, None, 10)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert not failed
    assert store.count(LogFilter()) == 60
    assert_files_and_rows_agree(store)
