"""A station in a temporary folder and two tiny bundles that every test shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from almrr_core.models.almrr import Form
from almrr_core.store import Store
from almrr_core.types import Recipe
from tests.core.bundles import make_bundle, one_thread, tiny_model
from tests.core.lifecycle.helpers import installed

__all__ = ["one_thread"]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of the paper's form, its backbone packed."""
    folder = tmp_path_factory.mktemp("bundles") / "first"
    make_bundle(folder, tiny_model(Form.PAPER))
    return folder


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another tiny model, with other weights."""
    folder = tmp_path_factory.mktemp("bundles") / "second"
    make_bundle(folder, tiny_model(Form.PAPER, seed=5))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "station")
    yield opened
    opened.close()


@pytest.fixture
def recipe(store: Store, bundle: Path) -> Recipe:
    """The active recipe of a product with the first bundle."""
    return installed(store, bundle)
