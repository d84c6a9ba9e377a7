"""What changes while a line starts, runs or ends: the line goes on as asked for last."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from pytestqt.qtbot import QtBot

from almrr_core.line.products import DEMO_PRODUCT
from almrr_core.settings import Retention, Settings
from almrr_core.store.store import Store
from almrr_core.types import Action, Actor, Shown
from app.services.faults import Faults
from app.services.housekeeping import Housekeeping
from app.services.plant import Plant
from app.services.station import Station
from app.services.tasks import Tasks
from app.services.values import Bug
from tests.app.conftest import PATIENCE, Start, close
from tests.app.training_material import station_of


def parts_of(station: Station, qtbot: QtBot, line_id: str, parts: int) -> None:
    """Wait until this line has shown so many parts and nothing is being done any more."""
    shown: list[Shown] = []
    station.showed.connect(shown.append)
    qtbot.waitUntil(
        lambda: sum(one.record.line_id == line_id for one in shown) >= parts and not station.busy,
        timeout=PATIENCE,
    )
    station.showed.disconnect(shown.append)


def test_a_running_line_goes_on_with_changed_settings(start: Start, qtbot: QtBot) -> None:
    station = station_of(start(demo=True))
    parts_of(station, qtbot, "line-1", 2)
    station.change_settings(replace(station.settings, line_id="line-2"))
    parts_of(station, qtbot, "line-2", 1)
    parts_of(station, qtbot, "line-2", 3)
    assert station.running


def test_settings_changed_while_the_line_starts_are_used(start: Start, qtbot: QtBot) -> None:
    station = station_of(start())

    def change(text: str) -> None:
        if text.startswith("Starting"):
            station.change_settings(replace(station.settings, line_id="line-2"))

    station.busy_changed.connect(change)
    station.load_demo()
    parts_of(station, qtbot, "line-2", 2)
    assert station.running


def test_a_stop_while_the_line_starts_is_the_last_word(start: Start, qtbot: QtBot) -> None:
    station = station_of(start())

    def change(text: str) -> None:
        if text.startswith("Starting"):
            station.change_settings(replace(station.settings, line_id="line-2"))
            station.stop()

    station.busy_changed.connect(change)
    with qtbot.waitSignal(station.stopped, timeout=PATIENCE):
        station.load_demo()
    qtbot.waitUntil(lambda: not station.active, timeout=PATIENCE)


def test_after_close_no_line_is_started(start: Start, qtbot: QtBot, data_dir: Path) -> None:
    program, said = start(), list[str]()
    station_of(program).busy_changed.connect(said.append)
    station_of(program).load_demo()  # it ends by starting the line
    close(program, qtbot)
    assert said == ["Setting up the demo line…", "Stopping the line…", ""]
    with closing(Store.open(data_dir)) as store:
        assert store.active_recipe(DEMO_PRODUCT) is not None
        assert not store.events(10, Action.LINE_STARTED)


def test_tidying_is_tried_again_after_a_failure(qapp: object, qtbot: QtBot, tmp_path: Path) -> None:
    faults, bugs = Faults(tmp_path / "station.log"), list[Bug]()
    faults.bug_found.connect(bugs.append)
    tasks = Tasks(faults)
    with closing(Store.open(tmp_path)) as store:
        plant = Plant(store, Actor("tester"))
        station = Station(plant, Settings(retention=Retention(pass_days=1.0)), tasks, faults)
        keeping = Housekeeping(plant, station, tasks)
        with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log:
            log.execute("ALTER TABLE inspection RENAME TO gone")
        for _ in range(2):
            bugs.clear()
            keeping._tidy()
            qtbot.waitUntil(lambda: bool(bugs) and not tasks.pending)
        tasks.wait_closed()
