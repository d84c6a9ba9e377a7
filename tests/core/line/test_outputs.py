"""Where verdicts go, and which parts are noted as in flight."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.flight import left_over
from almrr_core.line.line import Line
from almrr_core.types import LineState, OnLateOutput, Record, TriggerKind, Verdict
from tests.core.bundles import fault_of
from tests.core.line.fakes import (
    SETUP,
    FakeLog,
    FakeModel,
    FakeSource,
    fault_shows,
    is_idle,
    recipe_of,
    wait_until,
)
from tests.core.line.test_line import running

LATE = StationError(ErrorCode.OUTPUT_LATE, "It was late.", "Look.")


class FakeOutput:
    """Takes verdicts, or raises what it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[str] = []

    def send(self, record: Record, deadline: float) -> None:
        assert deadline == SETUP.deadline
        if self.error is not None:
            raise self.error
        self.sent.append(record.request.part_id)


def test_a_verdict_goes_out_before_it_is_logged() -> None:
    source, log, output = FakeSource(20), FakeLog(), FakeOutput()
    log.open.clear()
    with running(source, log, outputs=[output]) as line:
        wait_until(lambda: len(output.sent) == SETUP.queue_size)
        log.open.set()
        wait_until(lambda: is_idle(line))
    assert output.sent == log.parts
    assert all(record.output_at and record.output_at >= record.decided_at for record in log.records)


def test_a_late_output_is_one_notice_until_it_works_again() -> None:
    source, log, output = FakeSource(can_wait=False), FakeLog(), FakeOutput(LATE)
    with running(source, log, outputs=[output], recipe=recipe_of(TriggerKind.INTERVAL)) as line:
        wait_until(lambda: len(log.records) >= 5)
        assert [notice.sentence for notice in line.status().notices] == ["It was late."]
        assert log.records[0].output_at is None
        output.error = None
        wait_until(lambda: output.sent)
        output.error = LATE
        wait_until(lambda: len(line.status().notices) == 2)
        assert line.status().state is LineState.RUNNING


def test_a_late_output_is_a_fault_where_the_recipe_says_so_and_the_part_is_logged() -> None:
    source, log = FakeSource(10), FakeLog()
    recipe = recipe_of(on_late=OnLateOutput.FAULT)
    with running(source, log, outputs=[FakeOutput(LATE)], recipe=recipe) as line:
        wait_until(lambda: fault_shows(line) and log.records)
        assert line.status().fault == "It was late."
        assert len(log.records) == source.taken == 1


def test_a_bug_in_an_output_is_a_fault_and_the_part_is_logged() -> None:
    source, log = FakeSource(10), FakeLog()
    with running(source, log, outputs=[FakeOutput(KeyError("x"))]) as line:
        wait_until(lambda: fault_shows(line) and log.records)
        assert "An output stopped: KeyError" in line.status().fault
        assert log.records[0].verdict is Verdict.PASS


def test_parts_in_flight_are_noted_until_they_are_logged(tmp_path: Path) -> None:
    source, log = FakeSource(can_wait=False), FakeLog()
    setup = replace(SETUP, flight_file=tmp_path / "flight")
    log.open.clear()
    with running(source, log, setup=setup, recipe=recipe_of(TriggerKind.MANUAL)) as line:
        asked = {line.trigger(part_id="x" * 64), line.trigger(part_id="b"), line.trigger()}
        assert set(left_over(tmp_path / "flight")) == asked
        fault_of(lambda: line.trigger(part_id="b"))
        assert set(left_over(tmp_path / "flight")) == asked
        log.open.set()
        wait_until(lambda: len(log.records) == 3)
        wait_until(lambda: not left_over(tmp_path / "flight"))


def test_a_folder_that_cannot_note_the_parts_in_flight_is_a_fault(tmp_path: Path) -> None:
    setup = replace(SETUP, flight_file=tmp_path / "no" / "such" / "folder")
    line = Line(setup, recipe_of(), FakeModel(), FakeSource(1), FakeLog().record)
    assert line.status().state is LineState.FAULT
    assert "could not be written" in line.status().fault
