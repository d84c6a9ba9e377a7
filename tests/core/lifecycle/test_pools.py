"""Pools: a picture's pool is its own, copies are refused, defects stay out of training, history stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import read_picture, to_rgb, write_png
from almrr_core.lifecycle import pools
from almrr_core.settings import Retention
from almrr_core.store import Store
from almrr_core.types import Label, Pool, Recipe, Verdict
from tests.core.lifecycle.helpers import ANNA, PRODUCT, fill, in_pool, labelled, log_part, surface


def test_a_picture_finds_the_same_pool_in_any_file_format(tmp_path: Path) -> None:
    picture = surface(1)
    wanted = pools.content_hash(picture)
    write_png(tmp_path / "a.png", picture)
    cv2.imwrite(str(tmp_path / "b.bmp"), picture)
    cv2.imwrite(str(tmp_path / "c.tiff"), picture)
    assert {pools.content_hash(read_picture(path)) for path in tmp_path.iterdir()} == {wanted}
    assert pools.content_hash(to_rgb(picture)) == wanted
    assert pools.content_hash(picture.T) != wanted
    assert pools.content_hash(picture.reshape(64, -1)) != wanted, "the size counts too"


def test_the_pools_share_pictures_60_20_20() -> None:
    digests = [f"{int((number + 0.5) / 1000 * 16**13):013x}".ljust(64, "0") for number in range(1000)]
    found = [pools.pool_of(one) for one in digests]
    assert [found.count(pool) for pool in Pool] == [600, 200, 200]
    assert {pools.pool_of(one, Label.BAD) for one in digests} == {Pool.ACCEPTANCE}


def test_a_sample_is_a_copy_that_retention_leaves_alone(store: Store, recipe: Recipe) -> None:
    picture = in_pool(Pool.TRAIN, 1)[0]
    number = log_part(store, recipe, picture)
    sample = pools.add_logged(store, number, ANNA)
    assert (sample.pool, sample.inspection_id, sample.label) == (Pool.TRAIN, number, Label.GOOD)
    assert sample.path == Path("samples", PRODUCT, f"{sample.sha256}.png")
    store.remove_sample(sample.sample_id, ANNA, "by mistake")
    assert store.enforce_retention(Retention(pass_days=1), datetime(2027, 1, 1, tzinfo=UTC)) == 1
    assert np.array_equal(pools.sample_picture(store, sample), picture)
    with pytest.raises(StationError, match="deleted by retention") as gone:
        pools.add_logged(store, number, ANNA)
    assert gone.value.code is ErrorCode.SAMPLE_REFUSED


def test_the_same_picture_is_refused_with_its_pool_and_day(store: Store) -> None:
    first = fill(store, 1, 0)[0]
    for label in (Label.GOOD, Label.BAD):
        with pytest.raises(StationError, match="already in the pool train as a normal, added on") as refused:
            pools.add_picture(store, PRODUCT, to_rgb(pools.sample_picture(store, first)), ANNA, label)
        assert refused.value.code is ErrorCode.SAMPLE_REFUSED
    store.add_product("tiles", ANNA)
    pools.add_picture(store, "tiles", pools.sample_picture(store, first), ANNA)


def test_files_of_a_folder_come_in_and_what_cannot_is_named(store: Store, tmp_path: Path) -> None:
    store.add_product(PRODUCT, ANNA)
    for number in range(3):
        write_png(tmp_path / "in" / f"{number}.png", surface(number))
    write_png(tmp_path / "in" / "same.png", surface(0))
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    seen = list[tuple[int, int]]()
    paths = pools.list_files(tmp_path / "in")
    added = pools.add_files(store, PRODUCT, paths, ANNA, done=lambda done, total: seen.append((done, total)))
    assert len(added.samples) == 3
    assert [Path(one.name).name for one in added.refused] == ["broken.png", "same.png"]
    assert seen[-1] == (5, 5)
    assert sum(one.good for one in pools.summary(store, PRODUCT)) == 3


def test_captured_pictures_come_in_by_name(store: Store) -> None:
    store.add_product(PRODUCT, ANNA)
    captured = [("1", surface(1)), ("2", surface(2)), ("3", surface(1))]
    added = pools.add_pictures(store, PRODUCT, captured, ANNA)
    assert len(added.samples) == 2
    assert [one.name for one in added.refused] == ["3"]


def test_good_makes_a_sample_and_bad_moves_it_to_acceptance(store: Store, recipe: Recipe) -> None:
    number = log_part(store, recipe, in_pool(Pool.TRAIN, 1)[0], verdict=Verdict.REVIEW)
    pools.label_part(store, number, Label.GOOD, ANNA)
    (good,) = store.samples(PRODUCT)
    assert (good.pool, good.label) == (Pool.TRAIN, Label.GOOD)
    pools.label_part(store, number, Label.GOOD, ANNA, note="really")
    assert store.samples(PRODUCT) == (good,)
    pools.label_part(store, number, Label.BAD, ANNA, "scratch")
    (bad,) = store.samples(PRODUCT)
    assert (bad.pool, bad.label, bad.sha256) == (Pool.ACCEPTANCE, Label.BAD, good.sha256)
    pools.label_part(store, number, Label.UNSURE, ANNA)
    assert store.samples(PRODUCT) == ()
    assert labelled(store, number) is Label.UNSURE
    history = store.samples(PRODUCT, removed=True)
    assert [one.removed_why for one in history] == ["labelled bad", "labelled unsure"]
    assert len(store.labels(number)) == 4


def test_a_defect_takes_its_copy_out_of_training(store: Store, recipe: Recipe) -> None:
    picture = in_pool(Pool.TRAIN, 1)[0]
    pools.add_picture(store, PRODUCT, picture, ANNA)
    pools.label_part(store, log_part(store, recipe, picture), Label.BAD, ANNA)
    (only,) = store.samples(PRODUCT)
    assert (only.pool, only.label) == (Pool.ACCEPTANCE, Label.BAD)


def test_a_label_without_a_picture_is_a_label_all_the_same(store: Store, recipe: Recipe) -> None:
    number = log_part(store, recipe, None)
    pools.label_part(store, number, Label.GOOD, ANNA)
    assert labelled(store, number) is Label.GOOD
    assert store.samples(PRODUCT) == ()


def test_no_defect_enters_a_pool_that_trains(store: Store) -> None:
    store.add_product(PRODUCT, ANNA)
    with pytest.raises(StationError, match="A defect cannot go to the pool train"):
        store.add_sample(PRODUCT, Pool.TRAIN, "a" * 64, Path("x.png"), ANNA, label=Label.BAD)
    with pytest.raises(StationError, match="nobody is sure of"):
        pools.add_picture(store, PRODUCT, surface(0), ANNA, Label.UNSURE)


def test_a_removed_sample_stays_in_the_history_and_may_come_back(store: Store) -> None:
    (first,) = fill(store, 1, 0)
    pools.remove(store, first, ANNA, "blurred")
    assert pools.summary(store, PRODUCT)[0] == pools.PoolSummary(Pool.TRAIN, 0, 0, None)
    again = pools.add_picture(store, PRODUCT, pools.sample_picture(store, first), ANNA)
    assert again.pool is first.pool
    assert [one.removed_why for one in store.samples(PRODUCT, removed=True)] == ["blurred", ""]
    assert pools.summary(store, PRODUCT)[0].newest == again.added_at


def test_a_mask_lies_beside_its_sample(store: Store) -> None:
    store.add_product(PRODUCT, ANNA)
    sample = pools.add_picture(store, PRODUCT, surface(3), ANNA, Label.BAD)
    assert pools.mask_of(store, sample) is None
    mask = np.zeros((128, 128), np.bool_)
    mask[4:9, 3:7] = True
    pools.set_mask(store, sample, mask)
    found = pools.mask_of(store, sample)
    assert found is not None
    assert np.array_equal(found, mask)
    assert pools.mask_of(store, replace(sample, label=Label.GOOD)) is None
