"""Labels taken back with their samples, masks that follow a defect, and the model's own regions as a mask."""

from __future__ import annotations

import numpy as np

from almrr_core.lifecycle import pools, review
from almrr_core.store import Store
from almrr_core.types import Label, Pool, Recipe, Verdict
from tests.core.lifecycle.helpers import ANNA, PRODUCT, in_pool, labelled, log_part, with_spot


def test_taking_back_brings_the_sample_before(store: Store, recipe: Recipe) -> None:
    number = log_part(store, recipe, in_pool(Pool.TRAIN, 1)[0], verdict=Verdict.REVIEW)
    review.label_part(store, number, Label.GOOD, ANNA)
    (good,) = store.samples(PRODUCT)
    review.label_part(store, number, Label.BAD, ANNA, "scratch")
    review.withdraw_label(store, number, ANNA)
    (again,) = store.samples(PRODUCT)
    assert (again.label, again.pool, again.sha256) == (Label.GOOD, Pool.TRAIN, good.sha256)
    assert labelled(store, number) is Label.GOOD
    review.withdraw_label(store, number, ANNA)
    assert store.samples(PRODUCT) == () and labelled(store, number) is None
    assert store.samples(PRODUCT, removed=True)[-1].removed_why == "label withdrawn"


def test_a_mask_follows_the_defect_whichever_came_first(store: Store, recipe: Recipe) -> None:
    for drawn_first in (True, False):
        picture = with_spot(in_pool(Pool.TRAIN, 2)[drawn_first])
        number = log_part(store, recipe, picture, number=int(drawn_first))
        mask = np.zeros(picture.shape[:2], np.bool_)
        mask[40:70, 50:90] = True
        if drawn_first:
            review.save_mask(store, number, mask, ANNA)
        review.label_part(store, number, Label.BAD, ANNA)
        if not drawn_first:
            review.save_mask(store, number, mask, ANNA)
        sample = store.find_sample(PRODUCT, pools.content_hash(picture))
        assert sample is not None
        assert np.array_equal(pools.mask_of(store, sample), mask)


def test_the_models_regions_are_a_mask_of_the_picture(store: Store, recipe: Recipe) -> None:
    number = log_part(store, recipe, with_spot(in_pool(Pool.TRAIN, 1)[0]))
    detail = store.detail(number)
    assert detail.picture is not None
    assert not review.model_mask(detail, detail.picture, None).any()
    score_map = np.full(detail.picture.shape[:2], detail.limits.pixel - 1, np.float32)
    score_map[10:30, 12:40] = detail.limits.pixel + 0.1
    score_map[0, 0] = detail.limits.pixel + 0.1  # smaller than the least area, where that is over 1
    mask = review.model_mask(detail, detail.picture, score_map)
    assert mask[10:30, 12:40].all()
    assert mask.sum() == 20 * 28 + (detail.limits.min_area <= 1)
