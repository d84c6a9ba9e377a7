"""What the chips mean as a filter, and how values read."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from almrr_core.types import Label, LabelRow, LogFilter, Verdict
from app.views import log_words as words
from app.views.log_choice import Choice, LabelChoice, Period

NOW = datetime(2026, 7, 23, 14, 2, 3, tzinfo=UTC)
SHIFT = datetime(2026, 7, 23, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "since"),
    [
        (Period.HOUR, NOW - timedelta(hours=1)),
        (Period.SHIFT, SHIFT),
        (Period.WEEK, NOW - timedelta(days=7)),
        (Period.ALL, None),
    ],
)
def test_periods_end_now(period: Period, since: datetime | None) -> None:
    assert Choice(period=period).wanted(NOW, SHIFT) == LogFilter(since=since)


def test_today_begins_at_local_midnight() -> None:
    since = Choice(period=Period.TODAY).wanted(NOW, SHIFT).since
    assert since is not None
    here = since.astimezone()
    assert (here.hour, here.minute, here.second) == (0, 0, 0)
    assert timedelta(0) <= NOW - since < timedelta(hours=25)


def test_a_custom_range_is_taken_as_it_is() -> None:
    choice = Choice(period=Period.CUSTOM, since=SHIFT, until=NOW)
    assert choice.wanted(NOW, SHIFT) == LogFilter(since=SHIFT, until=NOW)
    assert "–" in words.time_of(choice)
    assert words.time_of(Choice()) == "Last 7 days"


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        (LabelChoice.ANY, LogFilter()),
        (LabelChoice.BAD, LogFilter(labels=(Label.BAD,))),
        (LabelChoice.NONE, LogFilter(unlabelled=True)),
        (LabelChoice.DISAGREES, LogFilter(disagrees=True)),
    ],
)
def test_labels(label: LabelChoice, wanted: LogFilter) -> None:
    assert Choice(period=Period.ALL, label=label).wanted(NOW, SHIFT) == wanted


def test_everything_at_once() -> None:
    verdicts = frozenset({Verdict.FAIL, Verdict.REVIEW})
    choice = Choice(Period.ALL, None, None, verdicts, "tile", "cam", 1.0, 2.0, LabelChoice.GOOD, " L17 ")
    assert choice.wanted(NOW, SHIFT) == LogFilter(
        verdicts=(Verdict.REVIEW, Verdict.FAIL),
        product="tile",
        source_id="cam",
        least_score=1.0,
        most_score=2.0,
        labels=(Label.GOOD,),
        text="L17",
    )
    assert not choice.is_plain
    assert Choice(Period.HOUR).is_plain


def test_numbers_read_with_a_true_minus_and_a_dash_for_nothing() -> None:
    assert words.number(-2.104) == "−2.10"
    assert words.number(math.nan) == "–"
    assert words.milliseconds(1234.56) == "1,234.6 ms"
    assert words.whole(4210) == "4,210"
    assert words.scores_of(Choice(least_score=-1)) == "Score from −1.00"
    assert words.scores_of(Choice(most_score=2)) == "Score up to 2.00"
    assert words.scores_of(Choice()) == ""


def test_a_label_that_was_taken_back_says_so() -> None:
    given = LabelRow(NOW, "anna", Label.BAD, "scratch", "on the edge")
    assert words.label_line(given)[1] == "Bad: scratch by anna. on the edge"
    assert (
        words.label_line(replace(given, withdrawn=True))[1] == "Bad: scratch taken back by anna. on the edge"
    )
