"""Changes of a recipe never take back what came into force meanwhile."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from pathlib import Path

import pytest

from almrr_core.errors import StationError
from almrr_core.line.products import install_product
from almrr_core.store.store import Store
from almrr_core.types import Actor
from app.services.plant import Plant

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
