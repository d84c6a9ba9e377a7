"""What a person says of logged pictures, and where the defect is: labels, taking one back, masks.

The pools follow every word in the same transaction; a mask that was drawn also goes to the defect's sample.
"""

from __future__ import annotations

import cv2
import numpy as np

from almrr_core.data.samples import content_hash
from almrr_core.imaging import crop, resize_map
from almrr_core.lifecycle import pools
from almrr_core.store.opinions import standing
from almrr_core.store.store import Store
from almrr_core.types import Actor, Label, LogDetail, Mask, Picture, ScoreMap


def label_part(
    store: Store, inspection_id: int, label: Label, actor: Actor, defect_class: str = "", note: str = ""
) -> None:
    """Label an inspection as `pools.label_part` does; a defect's sample gets the mask that was drawn."""
    pools.label_part(store, inspection_id, label, actor, defect_class, note)
    if label is Label.BAD:
        _copy_mask(store, inspection_id)


def withdraw_label(store: Store, inspection_id: int, actor: Actor) -> None:
    """Take back the last label by a new row; the one before counts again, and the pools follow it.

    Raises BAD_ARGUMENT where there is none.
    """
    left = standing(store.labels(inspection_id))[:-1]
    label, detail = (left[-1].label if left else None), store.detail(inspection_id)
    new = None
    if label in (Label.GOOD, Label.BAD) and detail.picture is not None:
        new = pools.new_sample(store, detail.row.product, detail.picture, label, inspection_id)
    store.withdraw_label(inspection_id, actor, new)


def save_mask(store: Store, inspection_id: int, mask: Mask, actor: Actor) -> None:
    """Write the mask of a defect, (H, W) as its picture, beside the picture and to its sample."""
    store.set_mask(inspection_id, mask, actor)
    _copy_mask(store, inspection_id)


def _copy_mask(store: Store, inspection_id: int) -> None:
    mask = store.mask(inspection_id)
    if mask is None:
        return
    detail = store.detail(inspection_id)
    if detail.row.label is not Label.BAD or detail.picture is None:
        return
    sample = store.find_sample(detail.row.product, content_hash(detail.picture))
    if sample is not None and sample.label is Label.BAD:
        pools.set_mask(store, sample, mask)


def whole_map(detail: LogDetail, picture: Picture) -> ScoreMap | None:
    """Return the score map at the size of the region of interest, as the line's screen shows it."""
    if detail.score_map is None:
        return None
    return resize_map(detail.score_map, crop(picture, detail.geometry.roi).shape[:2])


def model_mask(detail: LogDetail, picture: Picture, score_map: ScoreMap | None) -> Mask:
    """Return the model's own regions as a mask (H, W) of the picture; `score_map` is that of `whole_map`."""
    mask = np.zeros(picture.shape[:2], np.bool_)
    if score_map is None:
        return mask
    over = (score_map >= np.float64(detail.limits.pixel)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(over, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= detail.limits.min_area
    large[0] = False  # the background
    box = detail.geometry.roi
    top, left = (0, 0) if box is None else (box.y, box.x)
    height, width = score_map.shape
    mask[top : top + height, left : left + width] = large[labels]
    return mask
