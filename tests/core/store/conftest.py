"""A log in a temporary folder, open and with one recipe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from almrr_core.store import Store
from almrr_core.types import Recipe
from tests.core.store.helpers import open_store, prepare


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def recipe(store: Store) -> Recipe:
    return prepare(store)
