"""Promotion: loaded first, one new recipe version, geometry kept; red needs a logged confirmation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.lifecycle.figures import Figures, GateReport, Light, Reason
from almrr_core.lifecycle.promotion import delete, promote
from almrr_core.models.bundle import read_card
from almrr_core.store import Store
from almrr_core.types import Action, Box, Limits, ModelId, Recipe
from tests.core.lifecycle.helpers import ANNA, PRODUCT, second_model, surface

CANDIDATE = ModelId("M-0002")
NONE = Figures(0, 0, 0, 0, 0, 0, 0, None, None, None)


def report_of(light: Light, active: str = "M-0001") -> GateReport:
    reason = Reason(light, "More labelled defects would escape: 2 instead of 1 of 10.")
    return GateReport(CANDIDATE, ModelId(active), light, (reason,), NONE, NONE, 0.0, ())


def refusal(store: Store, note: str = "x", report: GateReport | None = None) -> StationError:
    before = store.recipes(PRODUCT)
    with pytest.raises(StationError) as caught:
        promote(store, CANDIDATE, ANNA, note, report, device="cpu")
    assert caught.value.code is ErrorCode.PROMOTION_REFUSED
    assert caught.value.remedy
    assert store.recipes(PRODUCT) == before, "nothing may have changed"
    return caught.value


def test_a_promotion_is_one_recipe_with_the_candidate_s_limits(
    store: Store, recipe: Recipe, other: Path
) -> None:
    wide = replace(recipe.geometry, roi=Box(4, 5, 100, 90))
    limits = Limits(1.0, 2.0, 2.0, 55)
    before = store.add_recipe(replace(recipe, geometry=wide, limits=limits, gain=1.5, reason="roi"), ANNA)
    second_model(store, other)
    done = promote(store, CANDIDATE, ANNA, " better light ", report_of(Light.GREEN), device="cpu")
    assert done.recipe == store.active_recipe(PRODUCT)
    assert done.recipe.version == before.version + 1
    assert (done.recipe.geometry, done.recipe.gain, done.recipe.trigger) == (wide, 1.5, before.trigger)
    assert done.recipe.limits == replace(read_card(other).limits, min_area=55)
    assert done.recipe.reason == "better light [green]"
    assert store.events(1)[0].action == Action.MODEL_PROMOTED
    assert done.engine.geometry == wide
    assert done.engine.inspect(surface(1)).score_map.shape == (90, 100)


def test_a_promotion_needs_a_note_and_a_comparison_with_the_active_model(
    store: Store, recipe: Recipe, other: Path
) -> None:
    second_model(store, other)
    assert "there is no note" in refusal(store, "  ").sentence
    assert "was not compared with the active model" in refusal(store).sentence
    assert (
        "comparison given is of other models"
        in refusal(store, "x", report_of(Light.GREEN, "M-0009")).sentence
    )


def test_red_needs_a_confirmation_that_is_logged(store: Store, recipe: Recipe, other: Path) -> None:
    second_model(store, other)
    assert "More labelled defects would escape" in refusal(store, "x", report_of(Light.RED)).sentence
    done = promote(store, CANDIDATE, ANNA, "I know", report_of(Light.RED), confirm_red=True, device="cpu")
    wanted = "I know [confirmed although red: More labelled defects would escape: 2 instead of 1 of 10.]"
    assert done.recipe.reason == wanted
    assert store.events(1)[0].reason == wanted


def test_rolling_back_takes_the_old_limits_and_needs_no_comparison(
    store: Store, recipe: Recipe, other: Path
) -> None:
    tuned = store.add_recipe(replace(recipe, limits=Limits(0.25, 0.5, 0.5), reason="tuned"), ANNA)
    second_model(store, other)
    promote(store, CANDIDATE, ANNA, "try it", report_of(Light.AMBER), device="cpu")
    back = promote(store, recipe.model_id, ANNA, "too many rejects", device="cpu")
    assert (back.recipe.model_id, back.recipe.limits) == (recipe.model_id, tuned.limits)
    assert back.recipe.reason == "too many rejects"
    assert back.recipe.version == 4


def test_a_first_model_makes_the_first_recipe(store: Store, bundle: Path) -> None:
    second_model(store, bundle, "M-0001")
    done = promote(store, ModelId("M-0001"), ANNA, "first", device="cpu")
    card = read_card(bundle)
    assert (done.recipe.version, done.recipe.limits) == (1, card.limits)
    assert (done.recipe.geometry, done.recipe.actor) == (card.geometry, "anna")


@pytest.mark.parametrize("damage", ["weights.safetensors", "golden.npz"])
def test_a_model_that_does_not_load_changes_nothing(
    store: Store, recipe: Recipe, other: Path, damage: str
) -> None:
    row = second_model(store, other)
    (store.folder / row.folder / damage).write_bytes(b"damaged")
    with pytest.raises(StationError) as caught:
        promote(store, CANDIDATE, ANNA, "x", report_of(Light.GREEN), device="cpu")
    assert caught.value.code is ErrorCode.BUNDLE_DAMAGED
    assert store.recipes(PRODUCT) == (recipe,)


def test_deleting_takes_row_and_folder_but_never_the_active_one(
    store: Store, recipe: Recipe, other: Path
) -> None:
    row = second_model(store, other)
    with pytest.raises(StationError, match="active model of weave"):
        delete(store, recipe.model_id, ANNA)
    assert (store.folder / "models" / PRODUCT / "M-0001" / "card.json").is_file()
    delete(store, CANDIDATE, ANNA)
    assert not (store.folder / row.folder).exists()
    with pytest.raises(StationError, match="M-0002 was deleted"):
        delete(store, CANDIDATE, ANNA)
    with pytest.raises(StationError, match="M-0002 was deleted"):
        promote(store, CANDIDATE, ANNA, "x")
