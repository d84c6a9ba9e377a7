"""The data folder behind the window: recipes never go back, the demo line survives a new backbone."""

from __future__ import annotations

import dataclasses
import os
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.line import Line
from almrr_core.line.products import DEMO_PRODUCT, install_product
from almrr_core.models.bundle import read_card
from almrr_core.settings import Network, Settings, load_settings
from almrr_core.store.store import Store
from almrr_core.types import Action, Actor, LineState, TriggerKind, TriggerSettings
from app.compose import open_folder
from app.services.plant import Plant
from tests.core.bundles import make_bundle, tiny_model

ACTOR = Actor("tester")


def test_a_change_made_on_an_older_recipe_is_refused_and_changes_nothing(
    data_dir: Path, tiny_bundle: Path
) -> None:
    with closing(Store.open(data_dir)) as store:
        install_product(store, "cloth", tiny_bundle, ACTOR)
        plant = Plant(store, ACTOR)
        first = store.active_recipe("cloth")
        assert first is not None
        second = plant.add_recipe(dataclasses.replace(first, reason="stricter"))
        assert (second.version, second.actor) == (first.version + 1, "tester")
        with pytest.raises(StationError, match=f"recipe v{second.version} came into force meanwhile"):
            plant.add_recipe(dataclasses.replace(first, reason="made before the stricter one"))
        assert store.active_recipe("cloth") == second


def test_a_station_on_the_demo_line_starts_after_the_program_came_with_another_backbone(
    data_dir: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    make_bundle(tmp_path / "old", tiny_model(seed=5), packed=False)
    with closing(Store.open(data_dir)) as store:
        install_product(store, DEMO_PRODUCT, tmp_path / "old", ACTOR)
        loaded = Plant(store, ACTOR, tiny_bundle).load(Settings(product=DEMO_PRODUCT))
        assert loaded.recipe == store.active_recipe(DEMO_PRODUCT) and loaded.recipe.version == 2
        assert loaded.engine.card.backbone_hash == read_card(tiny_bundle).backbone_hash


def by_hand(store: Store, bundle: Path, data_dir: Path) -> Settings:
    """Install "cloth", whose line takes no part by itself, and return settings that run it."""
    install_product(store, "cloth", bundle, ACTOR, TriggerSettings(TriggerKind.MANUAL))
    before, _ = load_settings(data_dir)
    return dataclasses.replace(before, product="cloth", active_source="demo")


def test_a_line_that_the_log_cannot_be_told_of_can_be_stopped(data_dir: Path, tiny_bundle: Path) -> None:
    with closing(Store.open(data_dir, busy_seconds=0.1)) as store:
        settings, plant = by_hand(store, tiny_bundle, data_dir), Plant(store, ACTOR)
        with closing(sqlite3.connect(data_dir / "log.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # another program has the log
            running = plant.start(settings, None, None)
        assert running.line.status().state is LineState.RUNNING
        assert not store.events(9, Action.LINE_STARTED)
        assert plant.stop(running) == 0
        assert running.line.status().state is LineState.READY
        again = plant.start(settings, running.loaded, None)
        assert [one.after for one in store.events(9, Action.LINE_STARTED)] == ["demo"]
        plant.stop(again)


def test_a_line_that_does_not_start_lets_go_of_its_ports(
    data_dir: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def refuse(_line: Line) -> None:
        raise StationError(ErrorCode.LINE_BROKEN, "No thread could be started.")

    with closing(Store.open(data_dir)) as store:
        settings = dataclasses.replace(
            by_hand(store, tiny_bundle, data_dir), network=Network(output_port=port)
        )
        with monkeypatch.context() as patched:
            patched.setattr(Line, "start", refuse)
            with pytest.raises(StationError, match="No thread"):
                Plant(store, ACTOR).start(settings, None, None)
        running = Plant(store, ACTOR).start(settings, None, None)
        assert Plant(store, ACTOR).stop(running) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has a name for every user")
def test_a_folder_is_opened_for_a_user_without_a_name(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "pwd", None)
    opened = open_folder(data_dir)
    opened.store.close()
    assert opened.actor.name == f"uid-{os.getuid()}"
