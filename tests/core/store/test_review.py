"""What a review adds to the log: labels taken back, masks beside pictures, defect classes."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.settings import Retention
from almrr_core.store import Store
from almrr_core.types import Actor, DefectClass, Label, Recipe
from tests.core.store.helpers import ANNA, START, a_picture, record_of

BERT = Actor("bert")
CLASSES = (DefectClass("hole", "#D55E00", "1"), DefectClass("stain", "#56B4E9"))


def test_a_label_is_taken_back_by_a_new_row(store: Store, recipe: Recipe) -> None:
    number = store.record(record_of(recipe), keep_picture=False)
    store.add_label(number, Label.BAD, ANNA, "hole")
    store.add_label(number, Label.GOOD, BERT)
    for left in ((Label.BAD, "hole"), (None, "")):
        store.withdraw_label(number, BERT)
        row = store.detail(number).row
        assert (row.label, row.defect_class) == left
    assert [(one.label, one.withdrawn) for one in store.labels(number)] == [
        (Label.BAD, False),
        (Label.GOOD, False),
        (Label.GOOD, True),
        (Label.BAD, True),
    ]
    with pytest.raises(StationError) as refused:
        store.withdraw_label(number, BERT)
    assert refused.value.code is ErrorCode.BAD_ARGUMENT
    newest = store.events()[0]
    assert (newest.action, newest.before, newest.after) == ("labelled", "bad hole", "")


def test_a_mask_lies_beside_its_picture_and_goes_with_it(store: Store, recipe: Recipe) -> None:
    number = store.record(record_of(recipe, picture=a_picture()), keep_picture=True)
    picture = store.detail(number).picture
    assert picture is not None and store.mask(number) is None
    mask = np.zeros(picture.shape[:2], np.bool_)
    mask[3:7, 2:9] = True
    store.set_mask(number, mask, ANNA)
    assert np.array_equal(store.mask(number), mask)
    assert store.events()[0].action == "mask_drawn"
    store.set_mask(number, ~mask, ANNA)
    assert np.array_equal(store.mask(number), ~mask)
    path = store.detail(number).picture_path
    assert path is not None
    beside = path.with_name(f"{path.stem}~mask.png")
    assert beside.is_file()
    labelled = store.record(record_of(recipe, "P-2", picture=a_picture()), keep_picture=True)
    store.set_mask(labelled, mask, ANNA)
    store.add_label(labelled, Label.BAD, ANNA)
    assert store.enforce_retention(Retention(pass_days=1), START + timedelta(days=900)) == 1
    assert not beside.exists()
    assert np.array_equal(store.mask(labelled), mask)  # what a person labelled stays


def test_a_part_without_a_picture_has_no_mask(store: Store, recipe: Recipe) -> None:
    number = store.record(record_of(recipe), keep_picture=False)
    assert store.mask(number) is None
    with pytest.raises(StationError):
        store.set_mask(number, np.zeros((4, 4), np.bool_), ANNA)
    assert all(one.action != "mask_drawn" for one in store.events())


def test_defect_classes_of_a_product(store: Store, recipe: Recipe) -> None:
    assert store.defect_classes(recipe.product) == ()
    store.set_defect_classes(recipe.product, CLASSES, ANNA)
    assert store.defect_classes(recipe.product) == CLASSES
    store.set_defect_classes(recipe.product, CLASSES[1:], ANNA)
    assert store.defect_classes(recipe.product) == CLASSES[1:]
    newest = store.events()[0]
    assert (newest.action, newest.before, newest.after) == ("classes_changed", "hole, stain", "stain")


@pytest.mark.parametrize(
    "wanted",
    [
        (DefectClass(" ", "#000000"),),
        (CLASSES[0], CLASSES[0]),
        (CLASSES[0], DefectClass("other", "#000000", "1")),
    ],
)
def test_classes_that_cannot_be_told_apart_are_refused(
    store: Store, recipe: Recipe, wanted: tuple[DefectClass, ...]
) -> None:
    store.set_defect_classes(recipe.product, CLASSES, ANNA)
    with pytest.raises(StationError):
        store.set_defect_classes(recipe.product, wanted, ANNA)
    with pytest.raises(StationError):
        store.set_defect_classes("nothing", CLASSES, ANNA)
    assert store.defect_classes(recipe.product) == CLASSES
