"""A watched folder and triggers: no part that was asked for gets the picture of another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from almrr_core.cameras import build_camera
from almrr_core.cameras.watch import WatchFolder
from almrr_core.line.line import Line
from almrr_core.line.pairing import Owed
from almrr_core.settings import SourceKind
from almrr_core.types import LineState, TriggerKind, Verdict
from tests.core.cameras.helpers import put, settings
from tests.core.line.fakes import SETUP, FakeLog, is_idle, recipe_of, wait_until
from tests.core.line.test_line import running
from tests.core.line.test_parts import SetClock

PATIENCE = 1.2  # seconds


class Folder(WatchFolder):
    """Says when it is open."""

    def __init__(self, folder: Path) -> None:
        super().__init__(settings(SourceKind.WATCH, folder), stable=0.05)
        self.is_open = threading.Event()

    def open(self) -> None:
        super().open()
        self.is_open.set()


@contextmanager
def triggered(
    folder: Path, log: FakeLog, quiet: float = 60.0, patience: float = PATIENCE
) -> Iterator[tuple[Line, Folder]]:
    """A line that is triggered and takes its pictures from the folder."""
    source = Folder(folder)
    setup = replace(SETUP, patience=patience, quiet=quiet)
    with running(source, log, setup=setup, recipe=recipe_of(TriggerKind.NETWORK, fail=200)) as line:
        wait_until(source.is_open.is_set)
        yield line, source


def pictures_of(log: FakeLog) -> dict[str, int | None]:
    """The level of the picture of each named part, None without one."""
    return {
        record.request.part_id: None if record.frame.picture is None else int(record.frame.picture[0, 0])
        for record in log.records
        if record.request.part_id.startswith("P-")
    }


def nameless(log: FakeLog) -> list[str]:
    """The files of the parts without a name, in order."""
    return [Path(one.frame.name).name for one in log.records if not one.request.part_id.startswith("P-")]


def test_a_late_picture_is_a_part_without_a_name_and_the_next_parts_get_their_own(tmp_path: Path) -> None:
    log = FakeLog()
    with triggered(tmp_path, log) as (line, _):
        line.trigger(part_id="P-1")
        wait_until(lambda: "P-1" in log.parts)
        put(tmp_path / "1.png", 1)
        wait_until(lambda: nameless(log))
        for number in (2, 3):
            line.trigger(part_id=f"P-{number}")
            put(tmp_path / f"{number}.png", number)
            wait_until(lambda number=number: f"P-{number}" in log.parts)
        (notice,) = line.status().notices
    assert pictures_of(log) == {"P-1": None, "P-2": 2, "P-3": 3}
    assert nameless(log) == ["1.png"]
    assert log.records[1].verdict is Verdict.REVIEW
    assert "1.png came too late to tell whose it is" in notice.sentence


def test_a_late_picture_that_comes_while_the_next_part_waits(tmp_path: Path) -> None:
    log = FakeLog()
    with triggered(tmp_path, log) as (line, _):
        line.trigger(part_id="P-1")
        wait_until(lambda: "P-1" in log.parts)
        line.trigger(part_id="P-2")
        put(tmp_path / "1.png", 1)
        put(tmp_path / "2.png", 2)
        wait_until(lambda: "P-2" in log.parts)
    assert pictures_of(log) == {"P-1": None, "P-2": 2}
    assert nameless(log) == ["1.png"]


def test_after_a_picture_that_never_comes_no_part_is_named_until_a_pause(tmp_path: Path) -> None:
    log = FakeLog()
    with triggered(tmp_path, log, quiet=2.0) as (line, _):
        line.trigger(part_id="P-1")
        wait_until(lambda: "P-1" in log.parts)
        line.trigger(part_id="P-2")
        put(tmp_path / "2.png", 2)
        wait_until(lambda: "P-2" in log.parts)
        wait_until(lambda: line._inspector is not None and line._inspector._owed.since is None)
        line.trigger(part_id="P-3")
        put(tmp_path / "3.png", 3)
        wait_until(lambda: "P-3" in log.parts)
    assert pictures_of(log) == {"P-1": None, "P-2": None, "P-3": 3}
    assert nameless(log) == ["2.png"]


def test_where_pictures_come_and_no_part_gets_one_the_line_stops_and_a_start_mends_it(tmp_path: Path) -> None:
    log = FakeLog()
    with triggered(tmp_path, log, patience=0.5) as (line, source):
        line.trigger(part_id="P-1")  # its picture never comes
        wait_until(lambda: "P-1" in log.parts)
        for number in range(2, 7):
            assert line.status().state is LineState.RUNNING
            line.trigger(part_id=f"P-{number}")
            put(tmp_path / f"{number}.png", number)
            wait_until(lambda number=number: f"P-{number}" in log.parts)
        wait_until(lambda: is_idle(line))
        status = line.status()
        source.is_open.clear()
        line.start()
        wait_until(source.is_open.is_set)
        line.trigger(part_id="P-7")
        put(tmp_path / "7.png", 7)
        wait_until(lambda: "P-7" in log.parts)
        assert line.status().state is LineState.RUNNING
    assert status.state is LineState.FAULT
    assert "5 parts in a row got no picture although pictures came" in status.fault
    assert status.remedy.startswith("Start the line again")
    assert pictures_of(log) == {**{f"P-{number}": None for number in range(1, 7)}, "P-7": 7}
    assert nameless(log) == [f"{number}.png" for number in range(2, 7)]


def test_a_camera_that_is_off_for_many_parts_is_no_fault_if_their_pictures_come_at_last(
    tmp_path: Path,
) -> None:
    log = FakeLog()
    with triggered(tmp_path, log, patience=0.5) as (line, _):
        for number in range(1, 7):
            line.trigger(part_id=f"P-{number}")
            wait_until(lambda number=number: f"P-{number}" in log.parts)
        for number in range(1, 7):
            put(tmp_path / f"{number}.png", number)
        wait_until(lambda: len(nameless(log)) == 6)
        line.trigger(part_id="P-7")
        put(tmp_path / "7.png", 7)
        wait_until(lambda: "P-7" in log.parts)
        assert line.status().state is LineState.RUNNING
    assert pictures_of(log)["P-7"] == 7


def test_a_slow_replay_owes_nothing(tmp_path: Path) -> None:
    for number in range(1, 4):
        put(tmp_path / f"{number}.png", number)
    log, source = FakeLog(), build_camera(settings(SourceKind.REPLAY, tmp_path, rate=1.0))
    setup = replace(SETUP, patience=0.6)
    with running(source, log, setup=setup, recipe=recipe_of(TriggerKind.NETWORK, fail=200)) as line:
        for number in range(1, 5):
            line.trigger(part_id=f"P-{number}")
            wait_until(lambda number=number: f"P-{number}" in log.parts)
    assert pictures_of(log) == {"P-1": 1, "P-2": None, "P-3": 2, "P-4": None}
    assert nameless(log) == []


def test_what_lay_there_before_the_start_is_no_picture_of_a_part_that_is_asked_for(tmp_path: Path) -> None:
    log = FakeLog()
    for number in (8, 9):
        put(tmp_path / f"0-{number}.png", number)
    with triggered(tmp_path, log) as (line, _):
        line.trigger(part_id="P-1")
        put(tmp_path / "1.png", 1)
        wait_until(lambda: "P-1" in log.parts)
        line.trigger(part_id="P-2")
        wait_until(lambda: "P-2" in log.parts)
    assert pictures_of(log) == {"P-1": 1, "P-2": None}
    assert nameless(log) == []
    assert "before are left there (2): no trigger asked for them" in log.records[-1].reason


def test_a_picture_may_come_a_little_before_its_trigger_but_not_long_before(tmp_path: Path) -> None:
    log = FakeLog()
    with triggered(tmp_path, log) as (line, source):
        put(tmp_path / "1.png", 1)
        wait_until(lambda: source._waiting)
        line.trigger(part_id="P-1")
        wait_until(lambda: "P-1" in log.parts)
        put(tmp_path / "stray.png", 7)
        wait_until(lambda: source._waiting)
        threading.Event().wait(PATIENCE + 0.1)
        line.trigger(part_id="P-2")
        put(tmp_path / "2.png", 2)
        wait_until(lambda: "P-2" in log.parts)
    assert pictures_of(log) == {"P-1": 1, "P-2": 2}
    assert nameless(log) == []


def test_many_parts_that_wait_get_their_pictures_in_order(tmp_path: Path) -> None:
    log = FakeLog()
    with triggered(tmp_path, log) as (line, _):
        log.open.clear()  # the line is behind: triggers and files pile up
        for number in range(1, 21):
            line.trigger(part_id=f"P-{number}")
            put(tmp_path / f"{number:02}.png", number)
        log.open.set()
        wait_until(lambda: len(log.records) == 20)
    assert pictures_of(log) == {f"P-{number}": number for number in range(1, 21)}


def test_what_is_owed_is_paid_once_each_and_forgotten_after_a_pause() -> None:
    clock = SetClock()
    owed = Owed(clock, quiet=10.0)
    assert not owed.pay()
    clock.at = 5_000_000_000
    owed.add(3)
    owed.add(4)
    assert (owed.since, owed.first_time(), owed.first_time()) == (3, True, False)
    clock.at += 10_000_000_000
    assert owed.pay()
    assert owed.since == 4
    clock.at += 9_000_000_000
    owed.stir()  # a trigger
    clock.at += 9_000_000_000
    assert owed.since == 4
    clock.at += 2_000_000_000
    assert owed.since is None
    assert not owed.pay()
    assert owed.first_time()


def test_out_of_step_is_many_parts_and_as_many_pictures_in_a_row() -> None:
    clock = SetClock()
    owed = Owed(clock, quiet=10.0)
    for after in ("a pause", "a part with its picture"):
        for _ in range(6):
            owed.add(1)
        paid = [owed.pay() and owed.out_of_step for _ in range(5)]
        assert paid == [False] * 4 + [True]
        if after == "a pause":
            clock.at += 11_000_000_000
            assert owed.since is None
        else:
            assert owed.pay()
            assert not owed.pay()
        assert not owed.out_of_step
