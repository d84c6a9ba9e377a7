"""Several products on one station: one is chosen once its model is loaded, and stays where loading fails."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QComboBox, QLabel
from pytestqt.qtbot import QtBot

from almrr_core.imaging import write_png
from almrr_core.line.products import install_product
from almrr_core.settings import Network, SourceKind, SourceSettings, load_settings, save_settings
from almrr_core.store.store import Store
from almrr_core.types import Actor, LineState, Notice, OnLateOutput, Shown, TriggerKind, TriggerSettings
from app.compose import Program
from app.services.station import Station
from app.views.first_start import FirstStart
from app.views.first_steps import ProductStep
from app.views.inspect_page import InspectPage
from app.views.product_form import ProductForm
from tests.app.conftest import PATIENCE, Start
from tests.app.training_material import school_of, station_of, train_page

ACTOR, ARRIVAL = Actor("tester"), TriggerSettings(TriggerKind.ARRIVAL)
BY_HAND = TriggerSettings(TriggerKind.MANUAL)


def install(data_dir: Path, bundle: Path, trigger: TriggerSettings, product: str = "cloth") -> None:
    """Two products with a model and one without; the station inspects "cloth" or what else is said."""
    with closing(Store.open(data_dir)) as store:
        for name in ("cloth", "felt"):
            install_product(store, name, bundle, ACTOR, trigger, OnLateOutput.FAULT)
        store.add_product("bare", ACTOR)
    save_settings(data_dir, replace(load_settings(data_dir)[0], product=product, active_source="demo"))


@pytest.fixture
def stopped(start: Start, data_dir: Path, tiny_bundle: Path, qtbot: QtBot) -> Program:
    """A station that is ready to run "cloth"."""
    install(data_dir, tiny_bundle, ARRIVAL)
    program = start()
    wait(qtbot, lambda: station_of(program).recipe is not None and not station_of(program).busy)
    return program


@pytest.fixture
def running(stopped: Program, qtbot: QtBot) -> Program:
    station_of(stopped).start()
    wait(qtbot, lambda: station_of(stopped).running and not station_of(stopped).busy)
    return stopped


def wait(qtbot: QtBot, until: object) -> None:
    qtbot.waitUntil(until, timeout=PATIENCE)


def page_of(program: Program) -> InspectPage:
    page = program.window.findChild(InspectPage)
    assert page is not None
    return page


def combo_of(program: Program) -> QComboBox:
    return next(one for one in page_of(program).header.findChildren(QComboBox))


def offered(box: QComboBox) -> list[str]:
    return [box.itemText(at) for at in range(box.count())]


def damage(data_dir: Path, product: str) -> None:
    """Make the model of a product one that cannot be loaded."""
    (weights,) = (data_dir / "models" / product).glob("*/weights.safetensors")
    weights.write_bytes(b"no weights")


def says(program: Program, text: str) -> bool:
    return any(text in label.text() for label in page_of(program).findChildren(QLabel) if label.isVisible())


def test_a_product_whose_model_does_not_load_is_not_chosen(
    running: Program, data_dir: Path, qtbot: QtBot
) -> None:
    station, combo = station_of(running), combo_of(running)
    notices: list[Notice] = []
    running.faults.noticed.connect(notices.append)
    damage(data_dir, "felt")
    qtbot.keyClicks(combo, "felt")
    assert station.busy and combo.currentText() == "felt"
    wait(qtbot, lambda: bool(notices) and not station.busy)
    assert [one.serious for one in notices] == [True]
    assert station.running and station.settings.product == "cloth"
    assert combo.currentText() == "cloth"
    station.change_settings(replace(station.settings, line_id="line-2"))  # saves them all
    wait(qtbot, lambda: load_settings(data_dir)[0].line_id == "line-2")
    assert load_settings(data_dir)[0].product == "cloth"
    wait(qtbot, lambda: station.running and not station.busy)


def test_a_promotion_reaches_the_line_after_another_product_did_not_load(
    running: Program, data_dir: Path, qtbot: QtBot
) -> None:
    station, models, shown = station_of(running), school_of(running).models, list[Shown]()
    damage(data_dir, "felt")
    station.choose_product("felt")
    wait(qtbot, lambda: not station.busy and bool(models.facts))
    station.showed.connect(shown.append)
    models.promote(models.facts[0].row, "again")
    wait(qtbot, lambda: bool(shown) and shown[-1].record.recipe.version == 2)
    assert shown[-1].record.recipe.product == "cloth"
    station.showed.disconnect(shown.append)


def test_limits_applied_while_another_product_loads_stay_with_their_own(
    stopped: Program, qtbot: QtBot
) -> None:
    station, before = station_of(stopped), station_of(stopped).recipe
    assert before is not None and stopped.recipes is not None and stopped.store is not None
    station.choose_product("felt")
    stopped.recipes.apply(replace(before.limits, fail=before.limits.fail + 1), "looser")
    wait(qtbot, lambda: not station.busy)
    changed = stopped.store.active_recipe("cloth")
    assert changed is not None and changed.version == 2
    now = station.recipe
    assert now is not None and (now.product, now.version) == ("felt", 1)
    assert says(stopped, "Recipe v1") and combo_of(stopped).currentText() == "felt"


def test_the_last_choice_counts(running: Program, data_dir: Path, qtbot: QtBot) -> None:
    station, chosen = station_of(running), list[str]()
    station.product_changed.connect(chosen.append)
    station.choose_product("felt")
    station.choose_product("cloth")  # before it was loaded
    wait(qtbot, lambda: not station.busy)
    assert chosen == [] and station.settings.product == "cloth"
    station.choose_product("felt")
    wait(qtbot, lambda: not station.busy and chosen == ["felt"])
    wait(qtbot, lambda: load_settings(data_dir)[0].product == "felt")
    assert station.running and station.settings.product == "felt"
    station.product_changed.disconnect(chosen.append)


def test_only_products_with_a_model_are_offered_but_on_train_all(stopped: Program, qtbot: QtBot) -> None:
    assert offered(combo_of(stopped)) == ["cloth", "felt"]
    form = stopped.window.findChild(ProductForm)
    assert form is not None
    assert offered(form.findChildren(QComboBox)[0]) == ["cloth (inspected now)", "felt"]
    choice = train_page(stopped).product_choice.findChildren(QComboBox)[0]
    wait(qtbot, lambda: offered(choice) == ["bare", "cloth", "felt"])


def test_a_station_set_to_a_product_without_a_model_shows_none_as_chosen(
    start: Start, data_dir: Path, tiny_bundle: Path, qtbot: QtBot
) -> None:
    install(data_dir, tiny_bundle, ARRIVAL, product="bare")
    program = start()
    station = station_of(program)
    wait(qtbot, lambda: not station.busy)
    assert combo_of(program).currentText() == "" and station.recipe is None
    qtbot.keyClicks(combo_of(program), "cloth")
    wait(qtbot, lambda: station.recipe is not None and station.settings.product == "cloth")


def test_the_first_start_with_a_damaged_product_stays_where_it_is(
    start: Start, data_dir: Path, tiny_bundle: Path, qtbot: QtBot
) -> None:
    install(data_dir, tiny_bundle, ARRIVAL, product="")
    save_settings(data_dir, replace(load_settings(data_dir)[0], first_start_done=False))
    damage(data_dir, "cloth")
    program, notices = start(), list[Notice]()
    program.faults.noticed.connect(notices.append)
    first = program.window.findChild(FirstStart)
    assert first is not None and first.findChildren(ProductStep)[0].name == "cloth"
    first.go()
    wait(qtbot, lambda: bool(notices) and not station_of(program).busy)
    assert len(notices) == 1 and not station_of(program).settings.first_start_done


def triggered(station: Station, qtbot: QtBot) -> None:
    """Trigger a part as soon as the source gives pictures."""
    station.trigger()
    wait(qtbot, lambda: station.status.inspected > 0)


def test_a_line_in_fault_has_its_ports_again_after_a_start_that_failed(
    start: Start, data_dir: Path, tiny_bundle: Path, qtbot: QtBot
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        install(data_dir, tiny_bundle, BY_HAND)
        wrong, right = (Network(output_port=one.getsockname()[1]) for one in (taken, free))
        free.close()
        save_settings(data_dir, replace(load_settings(data_dir)[0], network=right))
        program, notices = start(), list[Notice]()
        program.faults.noticed.connect(notices.append)
        station = station_of(program)
        station.start()
        wait(qtbot, lambda: station.running and not station.busy)
        triggered(station, qtbot)  # nobody takes the verdict
        wait(qtbot, lambda: station.status.state is LineState.FAULT)
        station.change_settings(replace(station.settings, network=wrong))
        station.start()
        wait(qtbot, lambda: any("port" in one.sentence for one in notices) and not station.busy)
        station.change_settings(replace(station.settings, network=right))
        station.start()
        wait(qtbot, lambda: station.running and not station.busy)
        with socket.create_connection(("127.0.0.1", right.output_port), timeout=10) as client:
            station.trigger()
            assert b'"product"' in client.makefile("rb").readline()


def level_of(one: Shown) -> int:
    assert one.record.frame.picture is not None
    return int(one.record.frame.picture.max())


def test_a_product_of_another_bit_depth_has_the_camera_opened_anew(
    start: Start, data_dir: Path, tiny_bundle: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    install(data_dir, tiny_bundle, TriggerSettings(TriggerKind.INTERVAL, 0.1))
    for number in range(3):
        write_png(tmp_path / f"pictures/{number}.png", np.full((128, 128), 1600, np.uint16))
    with closing(Store.open(data_dir)) as store:
        felt = store.active_recipe("felt")
        assert felt is not None
        store.add_recipe(replace(felt, bit_depth=12), ACTOR)
    pictures = SourceSettings("pictures", SourceKind.REPLAY, str(tmp_path / "pictures"), loop=True)
    save_settings(data_dir, load_settings(data_dir)[0].with_source(pictures))
    program, shown = start(), list[Shown]()
    station = station_of(program)
    wait(qtbot, lambda: station.recipe is not None and not station.busy)
    station.showed.connect(shown.append)
    station.start()
    for product, level in (("cloth", 1600 >> 8), ("felt", 1600 >> 4), ("cloth", 1600 >> 8)):
        station.choose_product(product)
        shown.clear()
        wait(qtbot, lambda of=product: any(one.record.recipe.product == of for one in shown))
        levels = {(one.record.recipe.product, level_of(one)) for one in shown}
        assert (product, level) in levels and len({of for of, _ in levels}) == len(levels), levels
