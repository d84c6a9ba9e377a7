"""A station with a tiny model for tests of the lifecycle: small pictures, a real log, real bundles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from almrr_core.lifecycle import pools
from almrr_core.line.products import install_product
from almrr_core.store import Store
from almrr_core.types import (
    Actor,
    Frame,
    Label,
    ModelId,
    ModelRow,
    Picture,
    Pool,
    Recipe,
    SampleRow,
    Verdict,
)
from tests.core.bundles import SIDE
from tests.core.parts import plain_record
from tests.core.picture_files import smooth

ANNA = Actor("anna")
PRODUCT = "weave"
START = datetime(2026, 7, 23, 6, tzinfo=UTC)


def surface(seed: int, side: int = SIDE) -> Picture:
    """One gray normal part (side, side): like all others, but never the same."""
    return np.asarray(cv2.normalize(smooth((side, side), seed), None, 60, 200, cv2.NORM_MINMAX), np.uint8)


def with_spot(picture: Picture) -> Picture:
    spotted = picture.copy()
    spotted[40:70, 50:90] = 255
    return spotted


def in_pool(pool: Pool, count: int, first: int = 0, side: int = SIDE) -> list[Picture]:
    """Normal parts that all belong to one pool."""
    found, seed = list[Picture](), first
    while len(found) < count:
        picture = surface(seed, side)
        if pools.pool_of(pools.content_hash(picture)) is pool:
            found.append(picture)
        seed += 1
    return found


def fill(store: Store, train: int = 10, calibrate: int = 4, acceptance: int = 0) -> list[SampleRow]:
    """Put normal parts into the pools of PRODUCT."""
    wanted = zip(Pool, (train, calibrate, acceptance), strict=True)
    pictures = [picture for pool, count in wanted for picture in in_pool(pool, count)]
    store.add_product(PRODUCT, ANNA)
    return [pools.add_picture(store, PRODUCT, picture, ANNA) for picture in pictures]


def installed(store: Store, bundle: Path) -> Recipe:
    return install_product(store, PRODUCT, bundle, ANNA)


def second_model(store: Store, bundle: Path, model_id: str = "M-0002") -> ModelRow:
    """Another model of PRODUCT, a candidate."""
    from almrr_core.files import folder_in_one_step
    from almrr_core.models.bundle import read_card

    folder = Path("models", PRODUCT, model_id)
    with folder_in_one_step(store.folder / folder) as partial:
        for path in bundle.iterdir():
            (partial / path.name).write_bytes(path.read_bytes())
    row = ModelRow(ModelId(model_id), PRODUCT, folder, read_card(bundle).seal, START, ANNA.name)
    return store.add_model(row, ANNA)


def log_part(
    store: Store,
    recipe: Recipe,
    picture: Picture | None,
    number: int = 0,
    score: float = 0.0,
    verdict: Verdict = Verdict.PASS,
    model_hash: str = "00" * 32,
    start: datetime = START,
) -> int:
    """Log one part, `number` seconds after `start`; return its inspection."""
    at = start + timedelta(seconds=number)
    frame = Frame(picture, at, 2, "camera")
    changes = {"frame": frame, "verdict": verdict, "score": score, "model_hash": model_hash}
    record = plain_record(recipe, f"P-{number}", at, **changes)
    return store.record(record, keep_picture=picture is not None)


def hashes(samples: Sequence[SampleRow]) -> set[str]:
    return {one.sha256 for one in samples}


def labelled(store: Store, inspection_id: int) -> Label | None:
    return store.detail(inspection_id).row.label
