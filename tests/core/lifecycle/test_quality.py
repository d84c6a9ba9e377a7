"""Near-duplicates, blur and exposure are pointed out against the product's own normals, good ones are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from almrr_core.lifecycle.quality import Concern, Look, Reference, look_of, nearest
from almrr_core.store import Store
from almrr_core.types import Label, Picture
from tests.core.lifecycle import helpers
from tests.core.lifecycle.helpers import PRODUCT, surface

SIDE = 256


@pytest.fixture(scope="module")
def normals() -> list[Picture]:
    return [surface(seed, SIDE) for seed in range(12)]


@pytest.fixture(scope="module")
def reference(normals: list[Picture]) -> Reference:
    return Reference(map(look_of, normals))


def concerns(reference: Reference, picture: Picture) -> list[Concern]:
    return [one.concern for one in reference.remarks(look_of(picture))]


def noisy(picture: Picture, seed: int = 0) -> Picture:
    noise = np.random.default_rng(seed).normal(0, 3, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_a_fresh_normal_gets_no_remark(reference: Reference) -> None:
    assert [concerns(reference, surface(seed, SIDE)) for seed in range(100, 110)] == [[]] * 10


def test_a_second_photograph_of_the_same_part_is_a_near_duplicate(
    reference: Reference, normals: list[Picture]
) -> None:
    assert concerns(reference, normals[3]) == [Concern.NEAR_DUPLICATE]
    assert concerns(reference, noisy(normals[3])) == [Concern.NEAR_DUPLICATE]
    flicker = np.clip(normals[3].astype(int) + 6, 0, 255).astype(np.uint8)
    assert concerns(reference, flicker) == [Concern.NEAR_DUPLICATE]


def test_blur_is_seen_whatever_the_contrast(reference: Reference) -> None:
    blurred = cv2.GaussianBlur(surface(200, SIDE), (0, 0), 6)
    assert concerns(reference, np.asarray(blurred, np.uint8)) == [Concern.BLURRED]
    flat = (128 + (surface(201, SIDE).astype(float) - 128) * 0.6).astype(np.uint8)
    assert concerns(reference, flat) == []


@pytest.mark.parametrize("shift", [-55, 45])
def test_another_brightness_is_seen(reference: Reference, shift: int) -> None:
    picture = np.clip(surface(300, SIDE).astype(int) + shift, 0, 255).astype(np.uint8)
    (remark,) = reference.remarks(look_of(picture))
    assert remark.concern is Concern.EXPOSURE
    assert ("darker" if shift < 0 else "brighter") in remark.sentence


def test_a_glare_that_leaves_the_mean_is_seen(reference: Reference) -> None:
    picture = surface(301, SIDE).copy()
    picture[:80, :50] = 255
    picture[100:160, :60] = 0
    assert concerns(reference, picture) == [Concern.EXPOSURE]


def test_few_normals_say_nothing_but_that_it_is_the_same(normals: list[Picture]) -> None:
    few = Reference(map(look_of, normals[:3]))
    assert concerns(few, np.asarray(cv2.GaussianBlur(surface(9, SIDE), (0, 0), 6), np.uint8)) == []
    assert concerns(few, normals[1]) == [Concern.NEAR_DUPLICATE]
    assert concerns(Reference(), normals[1]) == []


def test_what_entered_counts_from_then_on(normals: list[Picture]) -> None:
    reference, fresh = Reference(map(look_of, normals)), surface(400, SIDE)
    assert concerns(reference, fresh) == []
    reference.add(look_of(fresh))
    assert concerns(reference, noisy(fresh)) == [Concern.NEAR_DUPLICATE]


def test_the_reference_of_a_product_is_its_normals(store: Store) -> None:
    from almrr_core.lifecycle import pools

    helpers.fill(store, 5, 1)
    pools.add_picture(store, PRODUCT, surface(900), helpers.ANNA, Label.BAD)
    reference = Reference.of(store, PRODUCT)
    inside = pools.sample_picture(store, store.samples(PRODUCT)[0])
    assert concerns(reference, inside) == [Concern.NEAR_DUPLICATE]
    assert concerns(reference, surface(900)) == [], "a defect is no reference"


def test_the_nearest_of_each_by_definition() -> None:
    values = np.random.default_rng(0).normal(size=(5, 64, 64)).astype(np.float32)
    looks = [Look(value, 1.0, 1.0, 0.0) for value in values]
    pairs = [[np.abs(values[i] - values[j]).mean() for j in range(5) if j != i] for i in range(5)]
    wanted = [min(row) for row in pairs]
    assert nearest(looks) == pytest.approx(wanted)
    assert nearest(looks[:1]).tolist() == [np.inf]
