"""What the line asks of the engine: the map for the log, and the geometry of a recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from almrr_core.data.tiling import cut
from almrr_core.errors import ErrorCode
from almrr_core.models.almrr import Almrr
from almrr_core.runtime.engine import Engine
from almrr_core.types import Box, Geometry
from tests.core.bundles import SIDE, fault_of, make_bundle, one_thread, pictures_of, tiny_model

pytestmark = pytest.mark.usefixtures(one_thread.__name__)
WHOLE = Geometry(input_size=SIDE)


@pytest.fixture(scope="module")
def model() -> Almrr:
    return tiny_model()


def engine_of(model: Almrr, folder: Path, geometry: Geometry) -> Engine:
    make_bundle(folder / "b", model, geometry)
    return Engine.load(folder / "b", "cpu")


def test_of_a_whole_picture_the_model_map_is_the_logits(model: Almrr, tmp_path: Path) -> None:
    engine = engine_of(model, tmp_path, WHOLE)
    picture = pictures_of(3, 1, side=200)[0]
    tiles, _ = cut(picture, WHOLE)
    with torch.no_grad():
        wanted = model(torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 255)[0, 0].numpy()
    found = engine.inspect(picture)
    assert found.model_map.shape == (SIDE // 4, SIDE // 4)
    assert found.model_map.dtype == np.float32
    assert np.abs(found.model_map - wanted).max() <= 1e-3
    assert found.score_map.shape == (200, 200)


@pytest.mark.parametrize(
    ("geometry", "shape"),
    [
        (Geometry(SIDE, tile=SIDE, overlap=16), (50, 75)),  # a quarter of the picture
        (Geometry(SIDE, tile=SIDE, overlap=16, scale=0.5), (25, 38)),
        (Geometry(SIDE, tile=64, overlap=8), (100, 150)),  # tiles are enlarged twice: half of the picture
        (Geometry(SIDE, tile=SIDE, overlap=16, scale=4.5), (200, 300)),  # never finer than the picture
        (Geometry(SIDE, tile=SIDE, overlap=0, roi=Box(10, 20, 2, 1)), (1, 1)),
    ],
)
def test_of_tiles_the_model_map_is_the_blended_map_at_the_models_resolution(
    model: Almrr, tmp_path: Path, geometry: Geometry, shape: tuple[int, int]
) -> None:
    engine = engine_of(model, tmp_path, geometry)
    found = engine.inspect(pictures_of(3, 1, side=304)[0][:200, :300])
    assert found.model_map.shape == shape
    assert found.model_map.dtype == np.float32
    assert found.model_map.mean() == pytest.approx(found.score_map.mean(), abs=0.05)


def test_a_recipe_draws_its_own_region_and_nothing_else(model: Almrr, tmp_path: Path) -> None:
    engine = engine_of(model, tmp_path, WHOLE)
    picture = pictures_of(4, 1, side=200)[0]
    roi = Box(30, 40, 100, 120)
    fitted = engine.fitted(replace(WHOLE, roi=roi))
    inside = np.ascontiguousarray(picture[40:160, 30:130])
    assert fitted.inspect(picture).score == engine.inspect(inside).score
    assert fitted.inspect(picture).score_map.shape == (120, 100)
    assert fitted.seal == engine.seal == engine.card.seal
    assert fitted.fitted(WHOLE).inspect(picture).score == engine.inspect(picture).score
    for other in (Geometry(input_size=256), Geometry(SIDE, tile=SIDE), Geometry(SIDE, tile=64, scale=0.5)):
        assert fault_of(lambda other=other: engine.fitted(other)).code is ErrorCode.GEOMETRY_MISMATCH
