"""The small parts of a line by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.assembly import Keeping
from almrr_core.line.flight import InFlight, left_over
from almrr_core.line.ledger import Ledger
from almrr_core.line.mailbox import Mailbox
from almrr_core.line.products import demo_bundle
from almrr_core.line.setup import SystemClock
from almrr_core.line.trigger import PartIds, Requests, build_trigger
from almrr_core.settings import Keep, Retention
from almrr_core.types import Counts, PartId, PartRequest, Record, TriggerKind, TriggerSettings, Verdict
from tests.core.bundles import fault_of
from tests.core.line.fakes import FakeLog, FakeSource, recipe_of, wait_until
from tests.core.line.test_line import running


class SetClock(SystemClock):
    """Stands where it is put."""

    def __init__(self) -> None:
        self.at = 0

    def ns(self) -> int:
        return self.at


@pytest.fixture(scope="module")
def record() -> Record:
    source, log = FakeSource(1), FakeLog()
    with running(source, log):
        wait_until(lambda: log.records)
    return log.records[0]


def test_a_mailbox_holds_the_newest() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert mailbox.take() is None
    mailbox.put(1)
    mailbox.put(2)
    assert (mailbox.take(), mailbox.take()) == (2, None)


def test_an_interval_is_kept_and_nothing_piles_up() -> None:
    clock, requests = SetClock(), Requests()
    requests.open()
    trigger = build_trigger(TriggerSettings(TriggerKind.INTERVAL, 0.5), requests, clock)
    due = []
    for at in (0, 1, 499, 500, 800, 999, 1000, 9300, 9301, 9500, 9799, 9800):  # ms
        clock.at = at * 1_000_000
        if trigger.wait(0) is not None:
            due.append(at)
    assert due == [0, 500, 1000, 9300, 9301, 9800]


@pytest.mark.parametrize("kind", list(TriggerKind))
def test_whoever_asks_is_served_first_whatever_the_trigger(kind: TriggerKind) -> None:
    clock, requests = SetClock(), Requests()
    request = PartRequest(PartId("p"), datetime.now(UTC), 0)
    assert fault_of(lambda: requests.put(request)).code is ErrorCode.TRIGGER_REFUSED
    requests.open()
    requests.put(request)
    trigger = build_trigger(TriggerSettings(kind, 0.5), requests, clock)
    assert trigger.wait(0) is request
    nameless = trigger.wait(0)
    assert (nameless is None) == (kind in (TriggerKind.MANUAL, TriggerKind.NETWORK))
    assert nameless is None or nameless.part_id == ""


def test_ids_are_unique_and_plain() -> None:
    clock = SystemClock()
    ids = [maker.new() for maker in (PartIds(clock), PartIds(clock)) for _ in range(1000)]
    assert len(set(ids)) == 2000
    assert ids[:1000] == sorted(ids[:1000])


def test_parts_in_flight_are_readable_after_a_crash_and_take_their_place_again(tmp_path: Path) -> None:
    faults: list[StationError] = []
    path = tmp_path / "flight"
    flight = InFlight(path, faults.append)
    for name in ("a", "b" * 64, "c"):
        flight.add(PartId(name))
    assert left_over(path) == ("a", "b" * 64, "c")
    flight.remove(PartId("b" * 64))
    flight.add(PartId("d"))
    assert left_over(path) == ("a", "d", "c")
    assert path.stat().st_size == 3 * 65
    InFlight(path, faults.append)
    assert left_over(path) == left_over(tmp_path / "none") == ()
    assert not faults


def test_the_rate_is_of_the_last_ten_seconds_and_latencies_of_the_last_500_parts(record: Record) -> None:
    clock = SetClock()
    ledger = Ledger(clock)
    for number in range(600):
        clock.at += 100_000_000
        ledger.inspected(replace(record, latency_ms=float(number)))
    figures = ledger.figures()
    assert figures.pictures_per_second == pytest.approx(10, abs=0.2)
    assert figures.latency_p50 == pytest.approx(349.5)
    assert figures.latency_p95 == pytest.approx(100 + 0.95 * 499)
    clock.at += 60_000_000_000
    ledger.inspected(replace(record, verdict=Verdict.NOT_INSPECTED, latency_ms=1e9))
    figures = ledger.figures()
    assert figures.pictures_per_second == pytest.approx(0.1)
    assert figures.latency_p50 == pytest.approx(349.5)
    assert figures.counts == Counts(passed=600, not_inspected=1)


def test_which_pictures_are_kept(record: Record) -> None:
    verdicts = [Verdict.PASS, Verdict.REVIEW, Verdict.PASS, Verdict.FAIL, Verdict.NOT_INSPECTED, Verdict.PASS]
    records = [replace(record, verdict=verdict) for verdict in verdicts]

    def kept(keep: Keep) -> list[bool]:
        keeping = Keeping(Retention(keep=keep, nth=2))
        return [keeping.picture_of(one) for one in records]

    assert kept(Keep.ALL) == [True] * 6
    assert kept(Keep.NOT_PASS) == [False, True, False, True, True, False]
    assert kept(Keep.EVERY_NTH) == [False, True, True, True, True, False]


def test_a_missing_demo_model_says_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("almrr_core.line.products.DEMO_BUNDLE", tmp_path)
    assert fault_of(demo_bundle).code is ErrorCode.STATION_UNPREPARED
    (tmp_path / "card.json").write_text("{}")
    assert demo_bundle() == tmp_path


def test_a_recipe_in_use_can_be_asked_for() -> None:
    with running(FakeSource(can_wait=False), FakeLog(), recipe=recipe_of(TriggerKind.MANUAL)) as line:
        line.swap(recipe_of(TriggerKind.MANUAL, version=5))
        assert line.recipe.version == 5
        assert line.live() is None
