"""The review's own rules without a window: order in the queue, pace, what is read ahead, faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from almrr_core.types import Label, LogOrder, LogRow, Verdict
from app.services.review_queue import PAUSE, Queue, Session
from app.services.review_values import FLAGGED, Progress, Show, Wanted

ROW = LogRow(0, "P", datetime.now(UTC), "weave", "camera", Verdict.FAIL, 3.0, 1.4, 2.6, "M-0001", 1, 50.0)


def queue(*labels: Label | None) -> Queue:
    made = Queue()
    rows = [replace(ROW, inspection_id=100 + at, label=label) for at, label in enumerate(labels)]
    made.fill(rows, None)
    return made


def test_the_next_open_part_goes_round_and_ends() -> None:
    made = queue(None, Label.GOOD, None, Label.BAD)
    assert [made.next_open(at) for at in (-1, 0, 1, 2, 3)] == [0, 2, 2, 0, 0]
    made.say(100, Label.GOOD, "")
    assert made.next_open(3) == 2
    made.say(102, Label.BAD, "hole")
    assert made.next_open(2) == -1
    assert made.rows[2].defect_class == "hole"
    assert made.say(999, Label.GOOD, "") == -1


def test_two_open_parts_and_the_neighbours_are_read_ahead() -> None:
    made = queue(None, Label.GOOD, None, None, None)
    assert made.ahead(2) == [102, 103, 101]
    made.at = 4
    assert made.ahead(2) == [100, 102, 103]
    assert queue().ahead(2) == []
    assert queue(None).ahead(2) == []


def test_filling_stays_at_the_part() -> None:
    made = queue(None, None, None)
    made.fill(made.rows[1:], 102)
    assert made.row is not None and made.row.inspection_id == 102
    made.fill(made.rows, 100)  # it is gone
    assert made.at == 0
    made.fill([], 102)
    assert (made.at, made.row) == (-1, None)


def test_the_pace_is_the_median_of_what_was_said_one_by_one() -> None:
    session, now = Session(), 0.0
    assert session.seconds(10) is None
    for number, took in enumerate((0.0, 2.0, 2.0, 4.0, PAUSE + 1)):
        now += took
        session.say(number, now)
    session.say(9, None)
    assert session.seconds(10) == pytest.approx(20.0)
    assert session.done == 6
    session.say(9, None)
    assert session.done == 6
    session.forget(9)
    session.forget(9)
    session.forget(77)
    assert (session.done, session.said[-1]) == (5, 4)


def test_what_is_asked_of_the_log() -> None:
    wanted = Wanted("weave", Show.OPEN, LogOrder.WORST)
    assert (wanted.filter().verdicts, wanted.filter().unlabelled) == (FLAGGED, True)
    sampled = replace(wanted, pass_percent=5, show=Show.FLAGGED)
    assert sampled.filter().verdicts == (*FLAGGED, Verdict.PASS)
    assert (sampled.filter().pass_percent, sampled.filter().unlabelled) == (5, False)
    assert sampled.open() == replace(sampled, show=Show.OPEN).filter()
    assert replace(wanted, show=Show.DISAGREES).filter().disagrees
    assert replace(wanted, show=Show.UNSURE).filter().labels == (Label.UNSURE,)
    assert Progress(done=37, left=75).total == 112
