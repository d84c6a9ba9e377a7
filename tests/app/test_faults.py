"""What people see when something fails: the bar, its one button, and that no part is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store.store import Store
from almrr_core.types import LineState, LogFilter, Notice, Record, SourceState, SourceStatus
from app.services.plant import CLOSED
from app.views.notices import FaultBar, NoticeList
from tests.app.conftest import PATIENCE, Start, close
from tests.app.test_window import run_until, station_of

NO_SPACE = StationError(ErrorCode.DISK_FULL, "The disk is full.", "Free some space.")


@pytest.fixture
def bar(qtbot: QtBot) -> FaultBar:
    made = FaultBar()
    qtbot.addWidget(made)
    return made


def notice(sentence: str, serious: bool = True) -> Notice:
    return Notice(1, datetime.now(UTC), sentence, "Do this.", serious)


def test_a_serious_notice_stands_until_it_is_dismissed(bar: FaultBar) -> None:
    assert bar.isHidden()
    bar.take_notice(notice("By the way.", serious=False))
    assert bar.isHidden()
    bar.take_notice(notice("It broke."))
    assert (bar.sentence, bar.isHidden()) == ("It broke.", False)
    bar.press()
    assert bar.isHidden()


def test_a_lost_source_stands_until_it_is_back(bar: FaultBar) -> None:
    lost = SourceStatus("camera", SourceState.LOST, "The camera gives no pictures.")
    bar.take_notice(notice("It broke."))
    bar.take_status(replace(CLOSED, state=LineState.RUNNING, source=lost))
    assert bar.sentence == "The camera gives no pictures."
    bar.take_status(replace(CLOSED, state=LineState.RUNNING, source=replace(lost, state=SourceState.LIVE)))
    assert bar.sentence == "It broke."


def test_a_dismissed_loss_stays_away_and_the_next_one_is_shown(bar: FaultBar) -> None:
    lost = replace(CLOSED, source=SourceStatus("camera", SourceState.LOST, "Gone."))
    bar.take_status(lost)
    bar.press()
    bar.take_status(lost)
    assert bar.isHidden()
    bar.take_status(CLOSED)
    bar.take_status(lost)
    assert bar.sentence == "Gone."


def test_the_fault_of_the_line_offers_to_try_again(bar: FaultBar, qtbot: QtBot) -> None:
    bar.take_status(replace(CLOSED, state=LineState.FAULT, fault="The disk is full.", remedy="Free some."))
    with qtbot.waitSignal(bar.retried):
        bar.press()
    assert bar.sentence == "The disk is full."  # until the line runs again
    bar.take_status(replace(CLOSED, state=LineState.RUNNING))
    assert bar.isHidden()


def test_notices_are_listed_newest_first(qtbot: QtBot) -> None:
    listed = NoticeList()
    qtbot.addWidget(listed)
    for number in range(150):
        listed.take(notice(f"Number {number}."))
    assert len(listed.sentences) == 100
    assert listed.sentences[0].endswith("Number 149.\nDo this.")


def test_a_full_disk_stops_the_line_and_no_part_is_lost(
    start: Start, qtbot: QtBot, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = start(demo=True)
    run_until(program, qtbot, 3)
    station, bar = station_of(program), program.window.findChild(FaultBar)
    assert bar is not None
    assert program.store is not None

    def full(_record: Record, keep_picture: bool) -> int:
        assert keep_picture in (True, False)
        raise NO_SPACE

    monkeypatch.setattr(program.store, "record", full)
    qtbot.waitUntil(lambda: station.status.state is LineState.FAULT, timeout=PATIENCE)
    qtbot.waitUntil(lambda: bar.sentence == NO_SPACE.sentence, timeout=PATIENCE)
    assert not station.running
    assert station.unrecorded > 0  # on the screen: inspected and not in the log
    station.stop()  # the log still takes nothing: they stay in memory
    qtbot.waitUntil(lambda: not station.busy, timeout=PATIENCE)
    assert station.unrecorded > 0
    monkeypatch.undo()
    bar.press()
    qtbot.waitUntil(lambda: station.running and not station.unrecorded, timeout=PATIENCE)
    run_until(program, qtbot, 3)
    assert bar.sentence == ""
    station.stop()
    qtbot.waitUntil(lambda: not station.active, timeout=PATIENCE)
    inspected, counts = station.status.inspected, station.counts_since_reset
    close(program, qtbot)
    store = Store.open(data_dir)
    assert store.count(LogFilter()) == inspected == counts.total
    store.close()


def test_a_damaged_model_is_said_and_the_window_goes_on(start: Start, qtbot: QtBot, data_dir: Path) -> None:
    first = start(demo=True)
    run_until(first, qtbot, 2)
    close(first, qtbot)
    weights = next((data_dir / "models").rglob("weights.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-100])
    program = start()
    bar = program.window.findChild(FaultBar)
    assert bar is not None
    qtbot.waitUntil(lambda: "damaged" in bar.sentence, timeout=PATIENCE)
    station_of(program).start()
    qtbot.waitUntil(lambda: not station_of(program).busy, timeout=PATIENCE)
    assert not station_of(program).running
    assert station_of(program).recipe is None or station_of(program).calibration is None
