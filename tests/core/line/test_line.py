from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.line import Line
from almrr_core.types import Geometry, LineState, PartId, TriggerKind, Verdict
from tests.core.bundles import fault_of
from tests.core.line.fakes import (
    SETUP,
    FakeLog,
    FakeModel,
    FakeSource,
    frame_of,
    is_idle,
    recipe_of,
    wait_until,
)


@contextmanager
def running(source: FakeSource, log: FakeLog, **options: Any) -> Iterator[Line]:
    """A started line, stopped at the end whatever happens."""
    recipe, model = options.pop("recipe", recipe_of()), options.pop("model", None) or FakeModel()
    setup = options.pop("setup", SETUP)
    line = Line(setup, recipe, model, source, log.record, event=log.event, known_part=log.has, **options)
    line.start()
    try:
        yield line
    finally:
        log.open.set()
        line.stop()


def test_every_frame_of_a_folder_is_judged_and_logged_in_order() -> None:
    source, log = FakeSource(60), FakeLog()
    for number, frame in enumerate(source.frames):
        source.frames[number] = replace(frame, picture=frame_of(number, number % 3).picture)
    with running(source, log) as line:
        wait_until(lambda: is_idle(line))
        status = line.status()
    assert log.names == [f"{number:05d}.png" for number in range(60)]
    assert [record.verdict for record in log.records] == [Verdict.PASS, Verdict.REVIEW, Verdict.FAIL] * 20
    assert len(set(log.parts)) == 60
    assert source.settled == log.names
    assert (status.state, status.inspected, status.recorded, status.queue) == (LineState.READY, 60, 60, 0)
    assert (status.counts.passed, status.counts.review, status.counts.fail) == (20, 20, 20)
    assert status.latency_p50 is not None
    assert status.latency_p95 is not None
    assert 0 <= status.latency_p50 <= status.latency_p95
    assert status.pictures_per_second > 0
    shown = line.shown.take()
    assert shown is not None
    assert (shown.number, shown.inspection_id, shown.record) == (60, 60, log.records[-1])
    assert line.shown.take() is None
    assert (source.opened, source.closed) == (1, 1)


def test_a_record_says_all_there_is_to_say() -> None:
    source, log = FakeSource(1), FakeLog()
    source.frames[0] = replace(frame_of(0, 2), truth="hole")
    with running(source, log) as line:
        wait_until(lambda: is_idle(line))
    (record,) = log.records
    assert (record.verdict, record.score, record.frame.truth) == (Verdict.FAIL, 2.0, "hole")
    assert record.score_map is not None
    assert record.model_map is not None
    assert (record.score_map.shape, record.model_map.shape) == ((8, 8), (2, 2))
    assert [region.area for region in record.regions] == [64]
    assert (record.model_hash, record.station_id, record.line_id) == ("5ea1", "station-1", "line-1")
    assert record.output_at is None
    assert record.latency_ms >= 0


def test_2000_parts_pass_a_log_that_stalls_and_none_is_lost_or_waits_in_memory() -> None:
    source, log = FakeSource(2000), FakeLog()
    most = 0
    with running(source, log) as line:
        for stop in range(100, 2000, 400):
            wait_until(lambda stop=stop: len(log.records) >= stop)
            log.open.clear()
            wait_until(lambda: line.status().queue >= SETUP.queue_size)
            most = max(most, line.status().queue)
            log.open.set()
        wait_until(lambda: is_idle(line))
        assert line.status().state is LineState.READY
    assert most == SETUP.queue_size
    assert log.names == [f"{number:05d}.png" for number in range(2000)]
    assert len(set(log.parts)) == 2000


def test_a_swap_under_load_never_mixes_two_recipes() -> None:
    source, log = FakeSource(600), FakeLog()
    first, second = recipe_of(version=1), recipe_of(review=10, fail=20, version=2)
    models = {1: FakeModel(score=5), 2: FakeModel(score=15)}  # FAIL by the first pair, REVIEW by the second
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            line.swap(second, models[2])
            line.swap(first, models[1])

    with running(source, log, recipe=first, model=models[1]) as line:
        swapper = threading.Thread(target=swap)
        swapper.start()
        wait_until(lambda: is_idle(line))
        done.set()
        swapper.join()
    assert len(log.records) == 600
    for record in log.records:
        wanted = (5.0, Verdict.FAIL) if record.recipe.version == 1 else (15.0, Verdict.REVIEW)
        assert (record.score, record.verdict) == wanted
    assert {record.recipe.version for record in log.records} == {1, 2}


def test_after_a_swap_the_next_part_has_the_new_recipe_and_trigger() -> None:
    source, log = FakeSource(can_wait=False), FakeLog()
    with running(source, log, recipe=recipe_of(TriggerKind.MANUAL)) as line:
        line.trigger()
        wait_until(lambda: len(log.records) == 1)
        line.swap(recipe_of(TriggerKind.MANUAL, version=2))
        line.trigger()
        wait_until(lambda: len(log.records) == 2)
        line.swap(recipe_of(TriggerKind.INTERVAL, version=3))
        wait_until(lambda: len(log.records) >= 4)
    assert [record.recipe.version for record in log.records[:4]] == [1, 2, 3, 3]


def test_a_geometry_the_model_was_not_made_for_is_refused_and_changes_nothing() -> None:
    with running(FakeSource(can_wait=False), FakeLog()) as line:
        other = replace(recipe_of(), geometry=Geometry(input_size=128))
        assert fault_of(lambda: line.swap(other)).code is ErrorCode.GEOMETRY_MISMATCH
        assert line.recipe == recipe_of()


def test_who_asks_gives_id_lot_and_serial() -> None:
    source, log = FakeSource(can_wait=False), FakeLog()
    with running(source, log, recipe=recipe_of(TriggerKind.MANUAL)) as line:
        assert line.trigger("L7", "S-9", "part-1") == "part-1"
        made = line.trigger()
        wait_until(lambda: len(log.records) == 2)
    request = log.records[0].request
    assert (request.part_id, request.lot, request.serial) == ("part-1", "L7", "S-9")
    assert log.parts == ["part-1", made]
    assert log.records[0].frame.grabbed_ns >= request.trigger_ns


@pytest.mark.parametrize("word", ["", "a b", "../x", "-a", "é", "x" * 65, "a\n", "a/b"])
def test_a_part_id_that_could_not_name_a_file_is_refused(word: str) -> None:
    log = FakeLog()
    with running(FakeSource(can_wait=False), log, recipe=recipe_of(TriggerKind.MANUAL)) as line:
        assert fault_of(lambda: line.trigger(part_id=word)).code is ErrorCode.TRIGGER_REFUSED
    assert not log.records


def test_a_part_id_is_given_once() -> None:
    source, log = FakeSource(can_wait=False), FakeLog()
    with running(source, log, recipe=recipe_of(TriggerKind.MANUAL)) as line:
        log.open.clear()
        line.trigger(part_id="one")
        assert fault_of(lambda: line.trigger(part_id="one")).code is ErrorCode.TRIGGER_REFUSED
        log.open.set()
        wait_until(lambda: log.parts == ["one"])
        assert fault_of(lambda: line.trigger(part_id="one")).code is ErrorCode.TRIGGER_REFUSED
        line.trigger(part_id="two")
        wait_until(lambda: log.parts == ["one", "two"])


def test_a_line_that_does_not_run_takes_no_part() -> None:
    line = Line(SETUP, recipe_of(), FakeModel(), FakeSource(), FakeLog().record)
    assert line.status().state is LineState.READY
    assert fault_of(line.trigger).code is ErrorCode.TRIGGER_REFUSED
    line.stop()
    line.start()
    line.stop()
    line.stop()
    assert fault_of(line.trigger).code is ErrorCode.TRIGGER_REFUSED
    assert line.status().state is LineState.READY


def test_a_line_starts_again_and_goes_on_counting() -> None:
    source, log = FakeSource(can_wait=False), FakeLog()
    with running(source, log, recipe=recipe_of(TriggerKind.MANUAL)) as line:
        line.trigger()
        line.start()  # harmless
        line.stop()
        line.start()
        line.trigger()
        wait_until(lambda: len(log.records) == 2)
        assert line.status().counts.total == 2
    assert source.opened == source.closed == 2


def test_a_part_is_asked_for_while_the_line_ends_is_logged_all_the_same() -> None:
    source, log, model = FakeSource(can_wait=False), FakeLog(), FakeModel()
    model.allowed.clear()
    with running(source, log, model=model, recipe=recipe_of(TriggerKind.MANUAL)) as line:
        asked = [line.trigger() for _ in range(5)]
        wait_until(lambda: source.taken == 1)
        stopper = threading.Thread(target=line.stop)
        stopper.start()
        wait_until(lambda: line._inspector is not None and line._inspector._stop.is_set())
        model.allowed.set()
        stopper.join()
    assert log.parts == asked
    assert [record.verdict for record in log.records] == [Verdict.PASS] + [Verdict.NOT_INSPECTED] * 4
    assert "stopped" in log.records[-1].reason


def test_parts_that_are_wanted_and_no_more(tmp_path: Path) -> None:
    source, log = FakeSource(100), FakeLog()
    setup = replace(SETUP, parts=7, flight_file=tmp_path / "flight")
    with running(source, log, setup=setup) as line:
        wait_until(lambda: is_idle(line))
    assert len(log.records) == 7


def test_far_too_many_requests_are_refused() -> None:
    source, log, model = FakeSource(can_wait=False), FakeLog(), FakeModel()
    model.allowed.clear()
    given: list[PartId] = []
    with running(source, log, model=model, recipe=recipe_of(TriggerKind.MANUAL)) as line:
        with pytest.raises(StationError) as caught:
            while len(given) < 1000:
                given.append(line.trigger())
        assert caught.value.code is ErrorCode.TRIGGER_REFUSED
        model.allowed.set()
        wait_until(lambda: len(log.records) == len(given))
    assert log.parts == given
