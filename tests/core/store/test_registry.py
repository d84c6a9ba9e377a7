from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store import Store
from almrr_core.types import (
    Action,
    Actor,
    EventRow,
    Geometry,
    Label,
    Limits,
    LogFilter,
    LogOrder,
    ModelId,
    Pool,
    Recipe,
)
from tests.core.store.helpers import ANNA, START, model_row, prepare, recipe_for, record_of

BERT = Actor("bert")


def facts(events: tuple[EventRow, ...]) -> list[tuple[str, str, str]]:
    return [(one.actor, one.action, one.subject) for one in events]


def test_a_recipe_comes_back_whole_with_the_next_version(store: Store, recipe: Recipe) -> None:
    assert recipe == replace(recipe_for(), version=1, actor="anna")
    wider = replace(recipe_for(limits=Limits(1.0, 2.0, 2.0)), reason="too many rejects")
    added = store.add_recipe(wider, BERT)
    assert added == replace(wider, version=2, actor="bert")
    assert store.active_recipe("weave") == added
    assert store.recipes("weave") == (added, recipe)
    assert store.active_recipe("tiles") is None
    newest = store.events(1)[0]
    assert (newest.actor, newest.action, newest.subject) == ("bert", "recipe_applied", "recipe of weave")
    assert newest.before == "v1: model M-0001, review 1.4, fail 2.6, pixel 2.75, area 4, region 2,3 40×30"
    assert newest.after == "v2: model M-0001, review 1, fail 2, pixel 2, area 1, region 2,3 40×30"
    assert newest.reason == "too many rejects"
    store.add_recipe(replace(wider, geometry=Geometry()), BERT)
    assert store.events(1)[0].before == newest.after
    assert store.events(1)[0].after.endswith("area 1, whole picture")


def test_versions_count_per_product(store: Store, recipe: Recipe) -> None:
    assert prepare(store, "tiles", "M-0002").version == 1
    assert store.add_recipe(recipe, ANNA, Action.MODEL_PROMOTED).version == 2
    assert store.events(1)[0].action == "model_promoted"


def test_a_recipe_needs_a_model_that_is_there(store: Store, recipe: Recipe) -> None:
    for model_id in ("M-0404", "M-0002"):
        if model_id == "M-0002":
            store.add_model(model_row(model_id=model_id), ANNA)
            store.delete_model(ModelId(model_id), ANNA)
        with pytest.raises(StationError, match=f"names model {model_id}, which is not there"):
            store.add_recipe(recipe_for(model_id=model_id), ANNA)
    assert store.recipes("weave") == (recipe,)


def test_products(store: Store) -> None:
    for name in ("weave", "Fliesen groß", "weave"):
        store.add_product(name, ANNA)
    assert store.products() == ("Fliesen groß", "weave")
    assert len(store.events()) == 2
    for name in ("", "  ", "a\nb"):
        with pytest.raises(StationError, match="is no name for a product"):
            store.add_product(name, ANNA)


def test_models_and_their_ids(store: Store) -> None:
    assert store.next_model_id() == "M-0001"
    first, second = model_row(), replace(model_row(model_id="M-0002"), parent=ModelId("M-0001"))
    assert store.add_model(first, ANNA) == first
    inside = store.folder / second.folder
    assert store.add_model(replace(second, folder=inside), BERT) == second
    assert store.models("weave") == (first, second)
    assert store.model(ModelId("M-0002")) == second
    assert store.model(ModelId("M-0009")) is None
    store.delete_model(ModelId("M-0002"), ANNA)
    assert store.models("weave")[1] == replace(second, deleted=True)
    assert store.next_model_id() == "M-0003"
    assert facts(store.events(1)) == [("anna", "model_deleted", "M-0002")]


def test_the_active_model_is_not_deleted(store: Store, recipe: Recipe) -> None:
    with pytest.raises(StationError, match="M-0001 is the active model of weave"):
        store.delete_model(recipe.model_id, ANNA)
    store.add_model(model_row(model_id="M-0002"), ANNA)
    store.add_recipe(recipe_for(model_id="M-0002"), ANNA)
    store.delete_model(recipe.model_id, ANNA)
    with pytest.raises(StationError, match="There is no model M-0404"):
        store.delete_model(ModelId("M-0404"), ANNA)
    with pytest.raises(StationError, match="already a model M-0002"):
        store.add_model(model_row(model_id="M-0002"), ANNA)


def test_the_last_label_counts_and_all_stay(store: Store, recipe: Recipe) -> None:
    number = store.record(record_of(recipe, score=3.0), keep_picture=False)
    store.add_label(number, Label.BAD, ANNA, "scratch", "at the rim")
    store.add_label(number, Label.GOOD, BERT)
    history = store.labels(number)
    assert [(one.actor, one.label, one.defect_class, one.note) for one in history] == [
        ("anna", Label.BAD, "scratch", "at the rim"),
        ("bert", Label.GOOD, "", ""),
    ]
    assert history[0].at <= history[1].at
    detail = store.detail(number)
    assert (detail.row.label, detail.row.defect_class, detail.labels) == (Label.GOOD, "", history)
    assert store.page(LogFilter(disagrees=True), LogOrder.WORST, None, 9) == (detail.row,)
    newest = store.events(1)[0]
    assert (newest.action, newest.before, newest.after) == ("labelled", "bad scratch", "good")


@pytest.mark.parametrize("call", ["add_label", "detail"])
def test_an_inspection_that_is_not_there(store: Store, call: str) -> None:
    arguments = (404, Label.GOOD, ANNA) if call == "add_label" else (404,)
    with pytest.raises(StationError, match="There is no inspection 404") as caught:
        getattr(store, call)(*arguments)
    assert caught.value.code is ErrorCode.BAD_ARGUMENT
    assert store.events() == ()


def test_samples_stay_with_their_history(store: Store, recipe: Recipe) -> None:
    number = store.record(record_of(recipe), keep_picture=False)
    first = store.add_sample("weave", Pool.TRAIN, "a" * 64, Path("pictures/x.png"), ANNA, number)
    second = store.add_sample("weave", Pool.ACCEPTANCE, "b" * 64, Path("/elsewhere/y.png"), BERT)
    assert store.samples("weave") == (first, second)
    assert store.samples("weave", Pool.ACCEPTANCE) == (second,)
    assert (first.inspection_id, first.path, first.added_by) == (number, Path("pictures/x.png"), "anna")
    with pytest.raises(StationError, match="already a sample of weave, in the pool train"):
        store.add_sample("weave", Pool.CALIBRATE, "a" * 64, Path("z.png"), ANNA)
    store.remove_sample(first.sample_id, BERT, "blurred")
    assert store.samples("weave") == (second,)
    assert facts(store.events(1)) == [("bert", "sample_removed", "weave, train")]
    again = store.add_sample("weave", Pool.TRAIN, "a" * 64, Path("z.png"), ANNA)
    assert again.sample_id not in (first.sample_id, second.sample_id)
    with pytest.raises(StationError, match="There is no sample 404"):
        store.remove_sample(404, ANNA, "")


def test_nobody_without_a_name_changes_anything(store: Store, recipe: Recipe) -> None:
    before = store.events()
    with pytest.raises(StationError, match="Somebody without a name may not do this") as caught:
        store.add_recipe(recipe, Actor(""))
    assert caught.value.code is ErrorCode.NOT_ALLOWED
    assert store.recipes("weave") == (recipe,)
    assert store.events() == before


def test_events_are_newest_first(store: Store) -> None:
    store.event(ANNA, Action.LINE_STARTED, "line-1", reason="shift")
    store.event(BERT, Action.COUNTERS_RESET, "line-1", before="12", after="0")
    wanted = [("bert", "counters_reset", "line-1"), ("anna", "line_started", "line-1")]
    assert facts(store.events()) == wanted
    assert facts(store.events(1)) == wanted[:1]
    assert facts(store.events(1, Action.LINE_STARTED)) == wanted[1:]
    assert store.events(1, Action.EXPORTED) == ()
    assert store.events()[0].at > START


@pytest.mark.parametrize("table", ["recipe", "label", "event"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET actor = 'nobody'"])
def test_the_database_itself_refuses_to_change_history(
    store: Store, recipe: Recipe, table: str, change: str
) -> None:
    store.add_label(store.record(record_of(recipe), keep_picture=False), Label.GOOD, ANNA)
    refused = pytest.raises(sqlite3.IntegrityError, match=f"the table {table} is append-only")
    with closing(sqlite3.connect(store.folder / "log.sqlite")) as log, refused:
        log.execute(change.format(table))
