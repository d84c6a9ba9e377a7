"""From a product's pools to a training, from its bundle to a candidate. The active model goes on meanwhile."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from almrr_core.data.samples import Sample
from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import write_failed, write_json
from almrr_core.lifecycle.checks import Warned, check, normals_of, unseen
from almrr_core.lifecycle.places import bundle_of, model_folder, partial_folder
from almrr_core.models.card import Card
from almrr_core.store.store import Store
from almrr_core.train.job import TrainJob
from almrr_core.types import Actor, Geometry, ModelId, ModelRow, SampleRow

QUICK_MINUTES, FULL_MINUTES = 2.0, 20.0
START_SECONDS = 8.0  # until the process has loaded torch
FINISH_SECONDS, PER_NORMAL = (
    20.0,
    0.1,
)  # after the last step: figures, calibration, self-test; per held-out normal
LINEAGE = "lineage.json"  # in a new model's folder, until it is in the log


class Mode(StrEnum):
    """How a training begins."""

    QUICK = "quick"  # goes on from the active model, with old and new normals
    FULL = "full"  # anew, with the active model's backbone and sizes


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for. The budget is `minutes` or `steps`; neither: the mode's own.

    `parent` names another bundle to go on from, in QUICK mode. `shade`: judge brightness and colour too; None:
    as the model before, which QUICK always does, and a first one as `TrainJob` says. `geometry` counts only
    where the product has no recipe yet. `backbone_seed` asks for a random backbone, for a first model without
    weights (tests).
    """

    product: str
    mode: Mode = Mode.QUICK
    minutes: float | None = None
    steps: int | None = None
    parent: Path | None = None
    device: str = "auto"
    batch: int = 8
    seed: int = 0
    geometry: Geometry = field(default_factory=Geometry)
    backbone_seed: int | None = None
    weights: Path | None = None
    textures: Path | None = None
    shade: bool | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A training that can start: its job, where its model will lie, and about how many seconds it takes."""

    wish: Wish
    model_id: ModelId
    parent: ModelId | None
    job: TrainJob
    target: Path
    seconds: float
    warnings: tuple[Warned, ...]


def plan(store: Store, wish: Wish) -> Plan:
    """Check the pools and build the job; reads at most `checks.COMPARED` pictures.

    A product without a model gets a full training whatever the mode. Raises what `checks.check` and `read_card`
    do, BAD_ARGUMENT for a budget that makes no sense or a shade that a quick training cannot change.
    """
    recipe = store.active_recipe(wish.product)
    active = store.model(recipe.model_id) if recipe else None
    geometry = recipe.geometry if recipe else wish.geometry
    warnings = check(store, wish.product, geometry)
    train, held_out = normals_of(store, wish.product)
    bundle = wish.parent or (bundle_of(store.folder, active) if active else None)
    card, warm = _card(bundle), wish.mode is Mode.QUICK
    if card is not None and warm:
        held_out, doubts = unseen(held_out, card.training_files)
        warnings += doubts
    target = store.folder / model_folder(wish.product, free_id(store, wish.product))
    job = TrainJob(
        data=store.folder,
        out=partial_folder(target),
        geometry=geometry,
        device=wish.device,
        steps=wish.steps,
        minutes=_minutes(wish, bundle),
        batch=wish.batch,
        seed=wish.seed,
        normals=_samples(store, train),
        held_out=_samples(store, held_out),
        weights=wish.weights,
        textures=wish.textures,
        bit_depth=recipe.bit_depth if recipe else None,  # by which the pools' pictures were read
    )
    if card is None:
        job = replace(job, backbone_seed=wish.backbone_seed, shade=wish.shade)
    else:
        job = replace(job, profile=card.profile, form=card.form, backbone=card.backbone)
        job = replace(job, parent=bundle, warm=warm, shade=_shade(wish, card))
    seconds = _estimate(job, card)
    parent = active.model_id if active and wish.parent is None else None
    return Plan(wish, ModelId(target.name), parent, job, target, seconds, warnings)


def free_id(store: Store, product: str) -> ModelId:
    """Return the next model's id, past folders that a crash left without a row."""
    number = int(store.next_model_id()[2:])
    while (store.folder / model_folder(product, ModelId(f"M-{number:04d}"))).exists():
        number += 1
    return ModelId(f"M-{number:04d}")


def _minutes(wish: Wish, bundle: Path | None) -> float | None:
    if wish.minutes is not None or wish.steps is not None:
        return wish.minutes
    return QUICK_MINUTES if wish.mode is Mode.QUICK and bundle is not None else FULL_MINUTES


def _shade(wish: Wish, before: Card) -> bool:
    """Return whether the new model judges brightness and colour too; raises BAD_ARGUMENT in QUICK mode."""
    if wish.shade is None or wish.shade is before.shade:
        return before.shade
    if wish.mode is Mode.QUICK:
        raise StationError(
            ErrorCode.BAD_ARGUMENT,
            "A quick training cannot change whether the model judges brightness and colour.",
            "Train anew in full, or leave that as it is.",
        )
    return wish.shade


def _card(bundle: Path | None) -> Card | None:
    from almrr_core.models.bundle import read_card

    return None if bundle is None else read_card(bundle)


def _samples(store: Store, rows: Sequence[SampleRow]) -> tuple[Sample, ...]:
    return tuple(Sample(store.folder / row.path, row.sha256) for row in rows)


def _estimate(job: TrainJob, before: Card | None) -> float:
    """Return about how many seconds: by the budget, or by what a step of the parent took on this machine."""
    rest = START_SECONDS + FINISH_SECONDS + PER_NORMAL * len(job.held_out)
    if job.seconds is not None:
        return rest + job.seconds
    per_step = before.seconds / before.steps if before is not None and before.steps else 1.0
    return rest + PER_NORMAL * len(job.normals) + (job.steps or 0) * per_step


def adopt(store: Store, made: Plan, actor: Actor, note: str = "") -> ModelRow:
    """Give a finished training's bundle its name and its row: it is a candidate from now on.

    Another id where its own was taken meanwhile, by an import. A crash between the two is mended by
    `upkeep.tidy`. Raises BUNDLE_MISSING where there is none, WRITE_FAILED.
    """
    partial = made.job.out
    card = _card(partial)
    assert card is not None
    lineage = {"product": made.wish.product, "parent": made.parent, "actor": actor.name, "note": note}
    write_json(partial / LINEAGE, lineage)
    target = made.target
    if target.exists() or store.model(made.model_id) is not None:
        target = store.folder / model_folder(made.wish.product, free_id(store, made.wish.product))
    try:
        os.rename(partial, target)
    except OSError as error:
        raise write_failed(target, error) from error
    return add_row(store, target, actor)


def add_row(store: Store, folder: Path, actor: Actor) -> ModelRow:
    """Add the row of a model whose folder is whole and holds its lineage; raises as `read_card`."""
    card = _card(folder)
    assert card is not None
    lineage = json.loads((folder / LINEAGE).read_bytes())
    parent = lineage["parent"]
    row = ModelRow(
        model_id=ModelId(folder.name),
        product=lineage["product"],
        folder=folder.relative_to(store.folder),
        seal=card.seal,
        created_at=datetime.now(UTC),
        actor=lineage["actor"],
        parent=None if parent is None else ModelId(parent),
        note=lineage["note"],
    )
    added = store.add_model(row, actor)
    with suppress(OSError):
        (folder / LINEAGE).unlink()
    return added


def abandon(made: Plan) -> None:
    """Remove what a training that failed or was stopped left behind."""
    from almrr_core.train.checkpoint import folder_of

    for folder in (made.job.out, folder_of(made.job.out)):
        shutil.rmtree(folder, ignore_errors=True)


def samples_of(store: Store, model: ModelRow) -> tuple[SampleRow, ...]:
    """Return the samples a model was trained on or calibrated with, removed ones too; raises as `read_card`.

    Pictures that were never samples, as of a model trained by `almrr train`, are not among them.
    """
    card = _card(bundle_of(store.folder, model))
    assert card is not None
    used = {*card.training_files, *card.held_out_files}
    newest = {row.sha256: row for row in store.samples(model.product, removed=True) if row.sha256 in used}
    return tuple(newest.values())
