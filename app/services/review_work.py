"""What a review writes and counts, as functions for a worker thread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from almrr_core.types import Actor, DefectClass, Label, LabelRow, LogFilter, LogRow, Mask, Verdict
from app.services.review_values import Wanted

if TYPE_CHECKING:
    from almrr_core.store.store import Store


def label(
    store: Store, inspection_id: int, given: Label, actor: Actor, said: tuple[str, str]
) -> tuple[LabelRow, ...]:
    """Write a label, defect class and note; return all that was said of the part."""
    from almrr_core.lifecycle.review import label_part

    label_part(store, inspection_id, given, actor, *said)
    return store.labels(inspection_id)


def withdraw(store: Store, inspection_id: int, actor: Actor) -> tuple[LogRow, tuple[LabelRow, ...]]:
    """Take the last label back; return the part's row and all that was said of it."""
    from almrr_core.lifecycle.review import withdraw_label

    withdraw_label(store, inspection_id, actor)
    detail = store.detail(inspection_id)
    return detail.row, detail.labels


def save_mask(store: Store, inspection_id: int, mask: Mask, actor: Actor) -> None:
    """Write the mask of a picture."""
    from almrr_core.lifecycle.review import save_mask

    save_mask(store, inspection_id, mask, actor)


def set_classes(
    store: Store, product: str, wanted: tuple[DefectClass, ...], actor: Actor
) -> tuple[DefectClass, ...]:
    """Put these in place of a product's defect classes and return them as they are stored."""
    store.set_defect_classes(product, wanted, actor)
    return store.defect_classes(product)


def count(store: Store, wanted: Wanted) -> tuple[int, int, int]:
    """Return what is open, the escapes and the false rejects."""
    disagrees = LogFilter(product=wanted.product, disagrees=True)
    escapes = store.count(replace(disagrees, verdicts=(Verdict.PASS,)))
    return store.count(wanted.open()), escapes, store.count(disagrees) - escapes
