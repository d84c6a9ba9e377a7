"""What stops a training and what only warns: too few, all alike, mixed sizes, a defect among them, no disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import write_png
from almrr_core.lifecycle import checks, pools
from almrr_core.lifecycle.checks import Doubt, check, suspects
from almrr_core.models.backbone import Backbone
from almrr_core.store import Store
from almrr_core.train import suspects as looking
from almrr_core.types import Box, Geometry, Label, Picture, Pool
from tests.core.bundles import SIDE
from tests.core.lifecycle.helpers import ANNA, PRODUCT, fill, hashes, in_pool, surface, with_spot

GEOMETRY = Geometry(input_size=SIDE)


def fault_of_check(store: Store, geometry: Geometry = GEOMETRY) -> StationError:
    with pytest.raises(StationError) as caught:
        check(store, PRODUCT, geometry)
    assert caught.value.remedy
    return caught.value


def test_enough_normals_get_only_the_provisional_warning(store: Store) -> None:
    fill(store)
    (warning,) = check(store, PRODUCT, GEOMETRY)
    assert warning.doubt is Doubt.FEW_HELD_OUT
    assert "Only 4 normals calibrate" in warning.sentence


@pytest.mark.parametrize(("train", "calibrate"), [(9, 4), (10, 1), (0, 0)])
def test_too_few_normals(store: Store, train: int, calibrate: int) -> None:
    fill(store, train, calibrate)
    for number in range(3):
        pools.add_picture(store, PRODUCT, surface(700 + number), ANNA, Label.BAD)
    fault = fault_of_check(store)
    assert fault.code is ErrorCode.TOO_FEW_NORMALS
    more = {9: 5, 10: 5, 0: 17}[train]
    assert f"Add about {more} normal pictures" in fault.remedy
    assert f"{train} normal pictures to train on and {calibrate} to calibrate" in fault.sentence


def add_copies(store: Store, count: int) -> None:
    """Pictures of one part that differ in a single pixel: no exact copies, but all alike."""
    store.add_product(PRODUCT, ANNA)
    for number in range(count):
        copy = surface(0).copy()
        copy[number % SIDE, number // SIDE] = 61
        pools.add_picture(store, PRODUCT, copy, ANNA)


def test_all_alike_is_a_fault_and_many_alike_a_warning(store: Store) -> None:
    add_copies(store, 40)
    fault = fault_of_check(store)
    assert fault.code is ErrorCode.TOO_FEW_NORMALS
    assert "all alike: 100%" in fault.sentence
    for picture in [*in_pool(Pool.TRAIN, 15, 100), *in_pool(Pool.CALIBRATE, 15, 100)]:
        pools.add_picture(store, PRODUCT, picture, ANNA)
    warnings = {one.doubt: one for one in check(store, PRODUCT, GEOMETRY)}
    assert 10 < len(warnings[Doubt.ALIKE].samples) <= 40


def test_mixed_sizes_name_the_odd_ones(store: Store) -> None:
    fill(store)
    odd = [pools.add_picture(store, PRODUCT, in_pool(Pool.TRAIN, 1, 50, side=160)[0], ANNA)]
    warnings = {one.doubt: one for one in check(store, PRODUCT, GEOMETRY)}
    assert hashes(warnings[Doubt.MIXED_SIZES].samples) == hashes(odd)
    assert "1 of the normal pictures are not 128 x 128" in warnings[Doubt.MIXED_SIZES].sentence
    tiles = Geometry(input_size=SIDE, tile=64, overlap=0)
    assert Doubt.MIXED_SIZES not in {one.doubt for one in check(store, PRODUCT, tiles)}


def test_a_region_of_interest_must_lie_in_every_normal(store: Store) -> None:
    fill(store)
    fault = fault_of_check(store, replace(GEOMETRY, roi=Box(0, 0, 129, 50)))
    assert fault.code is ErrorCode.GEOMETRY_MISMATCH


def test_no_room_on_the_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    monkeypatch.setattr(checks, "ROOM", 10**18)
    fault = fault_of_check(store)
    assert fault.code is ErrorCode.DISK_FULL
    assert "MB left; a training needs" in fault.sentence


@pytest.mark.usefixtures("one_thread")
def test_a_defect_among_the_normals_is_the_first_suspect(store: Store, bundle: Path) -> None:
    fill(store, 14, 6)
    spotted = next(
        picture
        for picture in map(with_spot, in_pool(Pool.TRAIN, 9, 300))
        if pools.pool_of(pools.content_hash(picture)) is Pool.TRAIN
    )
    defect = pools.add_picture(store, PRODUCT, spotted, ANNA)
    seen = list[tuple[int, int]]()
    (warning,) = suspects(store, PRODUCT, GEOMETRY, bundle, lambda done, total: seen.append((done, total)))
    assert warning.doubt is Doubt.SUSPECT
    assert warning.samples[0] == defect
    assert len(warning.samples) <= 4, "random features find some others odd too"
    assert seen[-1] == (21, 21)


def tiled_normals(store: Store, odd: int, side: int = 640) -> None:
    """Normals of 36 tiles each; the one numbered `odd` has a white bar over a fiftieth of it."""
    store.add_product(PRODUCT, ANNA)
    pictures = [*in_pool(Pool.TRAIN, 10, side=side), *in_pool(Pool.CALIBRATE, 2, side=side)]
    pictures[odd] = _barred_in_its_pool(pictures[odd])
    for picture in pictures:
        pools.add_picture(store, PRODUCT, picture, ANNA)


def _barred_in_its_pool(picture: Picture) -> Picture:
    for row in range(200, 400):
        barred = picture.copy()
        barred[row : row + 50, 200:360] = 255
        if pools.pool_of(pools.content_hash(barred)) is Pool.TRAIN:
            return barred
    raise AssertionError("no bar leaves the picture in its pool")


@pytest.mark.usefixtures("one_thread")
def test_no_more_tiles_are_compared_than_memory_is_meant_for(
    store: Store, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiled_normals(store, odd=3)
    monkeypatch.setattr(looking, "MOST", 60)
    compared = list[int]()
    real = looking._nearest_of_others

    def counting(rows: torch.Tensor, owners: torch.Tensor) -> NDArray[np.float32]:
        compared.append(len(rows))
        return real(rows, owners)

    monkeypatch.setattr(looking, "_nearest_of_others", counting)
    (warning,) = suspects(store, PRODUCT, Geometry(input_size=SIDE, tile=SIDE, overlap=32), bundle)
    assert 12 <= compared[0] <= 60, "432 at full scale"
    assert warning.samples[0] == store.samples(PRODUCT)[3]


@pytest.mark.usefixtures("one_thread")
def test_of_many_normals_an_even_choice_is_looked_at(
    store: Store, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 14, 6)
    monkeypatch.setattr(looking, "MOST", 7)
    seen = list[tuple[int, int]]()
    suspects(store, PRODUCT, GEOMETRY, bundle, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (7, 7)


@pytest.mark.usefixtures("one_thread")
def test_a_picture_larger_than_the_first_gives_no_more_tiles_than_its_share(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, side in zip(paths, (128, 640, 128), strict=True):
        write_png(path, surface(1, side))
    monkeypatch.setattr(looking, "MOST", 12)
    looked, real = list[int](), looking._pooled

    def counting(backbone: Backbone, tiles: NDArray[np.uint8]) -> torch.Tensor:
        looked.append(len(tiles))
        return real(backbone, tiles)

    monkeypatch.setattr(looking, "_pooled", counting)
    looking.loneliness(paths, Geometry(input_size=SIDE, tile=SIDE), bundle)
    assert sum(looked) == 1 + 4 + 1


def test_a_large_set_is_compared_in_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    monkeypatch.setattr(checks, "COMPARED", 5)
    looked = list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]()
    real = checks.look_of

    def counting(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> object:
        looked.append(picture)
        return real(picture)

    monkeypatch.setattr(checks, "look_of", counting)
    check(store, PRODUCT, GEOMETRY)
    assert len(looked) == 5
