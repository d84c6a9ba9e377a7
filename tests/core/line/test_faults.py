"""What goes wrong at the borders of a line: every part is recorded, or counted and kept."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.flight import left_over
from almrr_core.line.recorder import Recorder
from almrr_core.line.setup import SystemClock
from almrr_core.types import Action, LineState, TriggerKind, Verdict
from tests.core.line.fakes import (
    DEADLINE,
    DISK_FULL,
    SETUP,
    FakeLog,
    FakeModel,
    FakeSource,
    fault_shows,
    frame_of,
    is_idle,
    recipe_of,
    wait_until,
)
from tests.core.line.test_line import running

# The log.


def test_a_full_disk_stops_the_line_and_every_part_is_accounted_for(tmp_path: Path) -> None:
    source, log = FakeSource(40), FakeLog()
    log.takes, log.error = 5, DISK_FULL
    setup = replace(SETUP, flight_file=tmp_path / "flight")
    with running(source, log, setup=setup) as line:
        wait_until(lambda: fault_shows(line))
        wait_until(lambda: source.closed)
        status = line.status()
        assert (status.fault, status.remedy) == ("The disk is full.", "Free some space.")
        assert status.inspected - status.recorded == len(line.unrecorded()) > 0
        assert status.inspected == source.taken
        assert sorted(left_over(tmp_path / "flight")) == sorted(line.unrecorded())
        assert [notice.sentence for notice in status.notices if notice.serious] == ["The disk is full."]

        line.start()  # too early
        wait_until(lambda: fault_shows(line))
        log.error = None
        line.start()
        wait_until(lambda: is_idle(line))
    assert log.names == [f"{number:05d}.png" for number in range(40)]
    assert not left_over(tmp_path / "flight")


def test_a_start_that_the_log_refuses_at_once_takes_no_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    source, log = FakeSource(4000), FakeLog()
    log.error = DISK_FULL
    with running(source, log) as line:
        wait_until(lambda: fault_shows(line) and source.closed)
        begin = Recorder.start

        def begin_and_fail(recorder: Recorder) -> None:
            begin(recorder)
            recorder.finish(DEADLINE)  # it is over before `Line.start` goes on

        monkeypatch.setattr(Recorder, "start", begin_and_fail)
        line.start()
        wait_until(lambda: source.closed == 2)
        assert fault_shows(line)
        monkeypatch.undo()
        log.error = None


def test_a_stop_tries_what_the_log_did_not_take_once_more() -> None:
    source, log = FakeSource(20), FakeLog()
    log.error = StationError(ErrorCode.LOG_LOCKED, "The log is locked.", "Wait.")
    with running(source, log) as line:
        wait_until(lambda: fault_shows(line) and source.closed)
        line.stop()
        assert line.status().state is LineState.FAULT
        assert line.unrecorded()
        log.error = None
        line.stop()
        assert line.status().state is LineState.READY
        assert not line.unrecorded()
    assert len(log.records) == source.taken


def test_a_stop_that_the_log_holds_up_says_so_and_loses_nothing() -> None:
    source, log = FakeSource(20), FakeLog()
    log.open.clear()
    with running(source, log) as line:
        wait_until(lambda: line.status().queue == SETUP.queue_size)
        line.stop(timeout=0.2)
        status = line.status()
        assert status.state is LineState.FAULT
        assert f"{SETUP.queue_size} inspected parts" in status.fault
        log.open.set()
        wait_until(lambda: not line.unrecorded())
        line.stop()
        assert line.status().state is LineState.READY


def test_a_bug_in_the_log_is_a_fault_with_a_sentence() -> None:
    source, log = FakeSource(5), FakeLog()
    log.error = ZeroDivisionError("by nothing")
    with running(source, log) as line:
        wait_until(lambda: fault_shows(line))
        assert "The recorder stopped: ZeroDivisionError: by nothing." in line.status().fault
        log.error = None


@pytest.mark.parametrize("kind", [TriggerKind.INTERVAL, TriggerKind.ARRIVAL])
def test_where_the_source_cannot_wait_a_full_queue_is_a_fault_and_the_part_not_inspected(
    kind: TriggerKind,
) -> None:
    source, log = FakeSource(can_wait=False), FakeLog()
    log.open.clear()
    with running(source, log, recipe=recipe_of(kind)) as line:
        wait_until(lambda: fault_shows(line))
        wait_until(lambda: source.closed)
        status = line.status()
        assert "does not keep up" in status.fault
        assert status.counts.not_inspected == 1
        assert status.inspected == source.taken == SETUP.queue_size + 1
        log.open.set()
        wait_until(lambda: len(log.records) == source.taken)
    assert [record.verdict for record in log.records[:-1]] == [Verdict.PASS] * SETUP.queue_size
    assert log.records[-1].verdict is Verdict.NOT_INSPECTED
    assert "queue was full" in log.records[-1].reason


# The model and the frames.


def test_a_model_that_raises_now_and_then_costs_those_parts_alone() -> None:
    def fails(count: int) -> Exception | None:
        known = StationError(ErrorCode.SCORE_INVALID, "The map is not finite.", "Retrain.")
        return {3: ValueError("odd"), 4: known, 6: MemoryError()}.get(count)

    source, log = FakeSource(10), FakeLog()
    with running(source, log, model=FakeModel(fails)) as line:
        wait_until(lambda: is_idle(line))
        status = line.status()
    assert (status.state, status.counts.not_inspected, status.counts.inspected) == (LineState.READY, 3, 7)
    reasons = {number: record.reason for number, record in enumerate(log.records) if record.reason}
    assert set(reasons) == {2, 3, 5}
    assert "ValueError: odd" in reasons[2]
    assert reasons[3] == "The map is not finite."


def test_a_model_that_fails_three_times_in_a_row_stops_the_line() -> None:
    source, log = FakeSource(10), FakeLog()
    model = FakeModel(lambda count: ValueError("odd") if count > 4 else None)
    with running(source, log, model=model) as line:
        wait_until(lambda: fault_shows(line) and line.status().recorded == 7)
        assert "failed on 3 parts in a row" in line.status().fault
        assert line.status().counts.not_inspected == 3


def test_a_file_that_cannot_be_read_is_not_inspected_with_its_reason() -> None:
    source, log = FakeSource(8), FakeLog()
    for number in (2, 3, 4, 5):  # more than a model may fail
        source.frames[number] = frame_of(number, fault="The picture is cut short.")
    with running(source, log) as line:
        wait_until(lambda: is_idle(line))
        assert line.status().state is LineState.READY
    assert [record.verdict for record in log.records[2:6]] == [Verdict.NOT_INSPECTED] * 4
    assert log.records[2].reason == "The picture is cut short."
    assert source.settled == log.names


# The source.


def test_a_lost_source_is_noticed_once_and_its_gap_logged() -> None:
    source, log = FakeSource(can_wait=False), FakeLog()
    with running(source, log, recipe=recipe_of(TriggerKind.INTERVAL)) as line:
        wait_until(lambda: log.records)
        source.lose()
        wait_until(lambda: line.status().notices)
        assert line.status().state is LineState.RUNNING
        wait_until(lambda: line.status().inspected == line.status().recorded)
        before = line.status().inspected
        asked = line.trigger()  # a promised part is logged, picture or not
        wait_until(lambda: asked in log.parts)
        assert line.status().inspected == before + 1
        source.come_back()
        wait_until(lambda: line.status().inspected > before + 1)
        wait_until(lambda: log.events)
    (notice,) = line.status().notices
    assert "gives no pictures" in notice.sentence
    ((action, subject, reason),) = log.events
    assert (action, subject) == (Action.GAP, "source-1")
    assert "unplugged" in reason
    missing = log.records[log.parts.index(asked)]
    assert missing.verdict is Verdict.NOT_INSPECTED
    assert missing.reason == "There was no picture within 0.3 s."


@pytest.mark.parametrize(
    "error", [StationError(ErrorCode.SOURCE_UNUSABLE, "No.", "Look."), OSError("driver")]
)
def test_a_source_that_raises_is_a_fault_and_the_part_that_was_asked_for_is_logged(error: Exception) -> None:
    source, log = FakeSource(can_wait=False), FakeLog()
    source.fault = error
    with running(source, log, recipe=recipe_of(TriggerKind.MANUAL)) as line:
        asked = line.trigger()
        wait_until(lambda: fault_shows(line) and log.records)
        assert log.parts == [asked]
        assert log.records[0].verdict is Verdict.NOT_INSPECTED
        source.fault = None
        line.start()
        line.trigger()
        wait_until(lambda: len(log.records) == 2)
        assert log.records[1].verdict is Verdict.PASS


def test_a_live_picture_taken_long_after_its_trigger_is_of_another_part() -> None:
    source, log, model = FakeSource(can_wait=False), FakeLog(), FakeModel()
    model.allowed.clear()
    setup = replace(SETUP, tardiness=0.1)
    with running(source, log, model=model, setup=setup, recipe=recipe_of(TriggerKind.MANUAL)) as line:
        line.trigger()
        wait_until(lambda: source.taken == 1)
        late = line.trigger()
        threading.Event().wait(setup.tardiness + 0.05)
        model.allowed.set()
        wait_until(lambda: len(log.records) == 2)
    assert source.taken == 1
    assert log.records[1].request.part_id == late
    assert log.records[1].verdict is Verdict.NOT_INSPECTED
    assert "busy" in log.records[1].reason


def test_a_file_that_cannot_be_moved_after_inspection_is_a_notice() -> None:
    class Stuck(FakeSource):
        def settle(self, frame: object) -> None:
            raise StationError(ErrorCode.WRITE_FAILED, "It could not be moved.", "Look.")

    source, log = Stuck(3), FakeLog()
    with running(source, log) as line:
        wait_until(lambda: is_idle(line))
        assert line.status().state is LineState.READY
        (notice,) = line.status().notices
    assert notice.sentence == "It could not be moved."


# The clock.


class JumpingClock(SystemClock):
    """Its wall time jumps by a year whenever somebody looks; the monotonic one does not."""

    def __init__(self) -> None:
        self.looks = 0

    def now(self) -> datetime:
        self.looks += 1
        return datetime.now(UTC) + timedelta(days=365) * (-1) ** self.looks


def test_no_duration_follows_a_clock_that_jumps() -> None:
    source, log = FakeSource(can_wait=False), FakeLog()
    with running(source, log, clock=JumpingClock(), recipe=recipe_of(TriggerKind.INTERVAL)) as line:
        wait_until(lambda: len(log.records) >= 30)
        status = line.status()
    assert status.latency_p95 is not None
    assert 0 <= status.latency_p95 < 10_000
    assert 0 < status.pictures_per_second < 1000
    assert all(0 <= record.latency_ms < 10_000 for record in log.records)
    assert len(set(log.parts)) == len(log.records)
