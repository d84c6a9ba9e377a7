"""Cutting pictures into model inputs and blending the maps back."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from almrr_core.data.tiling import Layout, blend, cut, tile_origins
from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import fit, resize, resize_map, to_rgb
from almrr_core.types import Box, Geometry
from tests.core.picture_files import smooth


def test_nanotwice_protocol() -> None:
    assert tile_origins(1024, 256, 64) == [0, 192, 384, 576, 768]
    assert tile_origins(700, 256, 64) == [0, 192, 384, 444]


@pytest.mark.parametrize(
    ("length", "tile", "overlap", "origins"),
    [
        (256, 256, 64, [0]),
        (100, 256, 64, [0]),
        (257, 256, 64, [0, 1]),
        (448, 256, 64, [0, 192]),
        (512, 256, 0, [0, 256]),
    ],
)
def test_origins_at_the_edges(length: int, tile: int, overlap: int, origins: list[int]) -> None:
    assert tile_origins(length, tile, overlap) == origins


def test_origins_cover_all_and_never_leave() -> None:
    seed = time.time_ns() % 2**32
    rng = np.random.default_rng(seed)
    for _ in range(200):
        tile = int(rng.integers(32, 300))
        length, overlap = int(rng.integers(tile, 2000)), int(rng.integers(0, tile))
        origins = tile_origins(length, tile, overlap)
        steps = np.diff(origins)
        assert origins[0] == 0 and origins[-1] == length - tile, f"seed {seed}"
        assert ((steps > 0) & (steps <= tile - overlap)).all(), f"seed {seed}"


def test_tiles_are_the_pictures_pixels() -> None:
    picture = smooth((150, 230, 3))
    tiles, layout = cut(picture, Geometry(input_size=64, tile=64, overlap=16))
    assert tiles.shape == (len(layout.origins), 64, 64, 3) and len(tiles) == 3 * 5
    for tile, (top, left) in zip(tiles, layout.origins, strict=True):
        np.testing.assert_array_equal(tile, picture[top : top + 64, left : left + 64])


def test_whole_picture_is_one_fitted_input() -> None:
    picture, geometry = smooth((150, 230)), Geometry(input_size=64, roi=Box(10, 20, 100, 90))
    tiles, layout = cut(picture, geometry)
    np.testing.assert_array_equal(tiles, to_rgb(fit(picture, geometry))[None])
    scores = np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32)
    np.testing.assert_array_equal(blend(scores, layout), resize_map(scores[0], (90, 100)))


def test_scale_and_tile_size_come_before_the_input_size() -> None:
    picture = smooth((200, 300))
    tiles, layout = cut(picture, Geometry(input_size=64, tile=50, overlap=0, scale=0.5))
    half = resize(picture, 100, 150)
    assert layout.size == (200, 300) and layout.scaled == (100, 150) and len(tiles) == 2 * 3
    np.testing.assert_array_equal(tiles[4], to_rgb(resize(half[50:, 50:100], 64, 64)))


def test_tiles_keep_to_the_region_of_interest() -> None:
    picture, roi = smooth((200, 300)), Box(100, 30, 128, 96)
    inside, layout = cut(picture, Geometry(input_size=64, tile=64, overlap=32, roi=roi))
    alone, _ = cut(picture[30:126, 100:228], Geometry(input_size=64, tile=64, overlap=32))
    np.testing.assert_array_equal(inside, alone)
    assert blend(np.zeros((len(inside), 64, 64), np.float32), layout).shape == (96, 128)


@pytest.mark.parametrize("size", [(40, 200), (200, 40), (10, 9), (1, 1), (64, 64)])
def test_a_picture_smaller_than_a_tile_is_reflected_and_comes_back(size: tuple[int, int]) -> None:
    picture = smooth(size, seed=1)
    tiles, layout = cut(picture, Geometry(input_size=64, tile=64, overlap=16))
    rows = np.pad(np.arange(size[0]), (0, max(0, 64 - size[0])), mode="reflect" if size[0] > 1 else "edge")
    columns = np.pad(np.arange(size[1]), (0, max(0, 64 - size[1])), mode="reflect" if size[1] > 1 else "edge")
    np.testing.assert_array_equal(tiles[0, ..., 0], picture[rows][:, columns][:64, :64])
    as_scores = tiles[..., 0].astype(np.float32) - 100  # a "model" that returns its input
    np.testing.assert_allclose(blend(as_scores, layout), picture.astype(np.float32) - 100, atol=1e-4)


def brute_force_mean(maps: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    (height, width), mean = layout.tile, np.zeros(layout.size, np.float32)
    for y in range(layout.size[0]):
        for x in range(layout.size[1]):
            seen = [
                one[y - top, x - left]
                for one, (top, left) in zip(maps, layout.origins, strict=True)
                if top <= y < top + height and left <= x < left + width
            ]
            mean[y, x] = np.mean(seen)
    return mean


def test_overlapping_maps_are_averaged() -> None:
    seed = time.time_ns() % 2**32
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(64, 150)), int(rng.integers(64, 150)))
    geometry = Geometry(input_size=64, tile=64, overlap=int(rng.integers(0, 63)))
    tiles, layout = cut(np.zeros(size, np.uint8), geometry)
    maps = rng.normal(size=tiles.shape[:3]).astype(np.float32)
    blended = blend(maps, layout)
    assert blended.dtype == np.float32 and blended.shape == size
    np.testing.assert_allclose(blended, brute_force_mean(maps, layout), atol=1e-5, err_msg=f"seed {seed}")


def test_the_way_back_through_scale_and_input_size() -> None:
    rows, columns = np.mgrid[0:300, 0:400]
    picture = (rows * 0.3 + columns * 0.4).astype(np.uint8)
    for scale, tile in ((0.5, 100), (1.6, 256)):
        tiles, layout = cut(picture, Geometry(input_size=128, tile=tile, overlap=20, scale=scale))
        blended = blend(tiles[..., 0].astype(np.float32), layout)
        assert blended.shape == (300, 400)
        assert np.abs(blended - picture)[8:-8, 8:-8].max() < 2.5, f"scale {scale}"


def test_maps_at_the_models_resolution_are_resized() -> None:
    tiles, layout = cut(np.zeros((100, 160), np.uint8), Geometry(input_size=64, tile=64, overlap=8))
    maps = np.full((len(tiles), 16, 16), -3.5, np.float32)
    np.testing.assert_allclose(blend(maps, layout), np.full((100, 160), -3.5))


def test_a_scale_beyond_all_memory_is_refused() -> None:
    with pytest.raises(StationError) as caught:
        cut(np.zeros((4000, 4000), np.uint8), Geometry(tile=256, scale=16.0))
    assert caught.value.code is ErrorCode.GEOMETRY_MISMATCH


def test_a_missing_map_is_a_bug() -> None:
    _, layout = cut(np.zeros((100, 160), np.uint8), Geometry(input_size=64, tile=64))
    with pytest.raises(ValueError, match="zip"):
        blend(np.zeros((1, 64, 64), np.float32), layout)
