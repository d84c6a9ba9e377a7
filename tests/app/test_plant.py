"""The data folder behind the window: recipes never go back, the demo line survives a new backbone."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from pathlib import Path

import pytest

from almrr_core.errors import StationError
from almrr_core.line.products import DEMO_PRODUCT, install_product
from almrr_core.models.bundle import read_card
from almrr_core.settings import Settings
from almrr_core.store.store import Store
from almrr_core.types import Actor
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
