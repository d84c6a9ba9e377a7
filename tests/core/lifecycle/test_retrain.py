"""Plans, training processes and what they leave: a candidate, or nothing at all and a sentence."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import write_png
from almrr_core.lifecycle.process import Failed, Finished, News, TrainingProcess, thread_cap
from almrr_core.lifecycle.retrain import LINEAGE, Mode, Plan, Wish, abandon, adopt, plan, samples_of
from almrr_core.lifecycle.upkeep import tidy
from almrr_core.models.bundle import read_card
from almrr_core.models.card import Profile
from almrr_core.runtime.engine import Engine
from almrr_core.store import Store
from almrr_core.train.job import Progress, Stage
from almrr_core.types import ModelId, Recipe
from tests.core.bundles import make_bundle, tiny_model
from tests.core.lifecycle.helpers import ANNA, PRODUCT, fill, hashes, installed, second_model, surface

DEADLINE = 240.0  # seconds on a busy machine
WISH = Wish(PRODUCT, Mode.QUICK, steps=1, batch=2, device="cpu")


def end_of(process: TrainingProcess) -> tuple[list[Progress], News]:
    """Follow a training to its end."""
    seen, until = list[Progress](), time.monotonic() + DEADLINE
    while time.monotonic() < until:
        news = process.poll(1.0)
        if isinstance(news, Progress):
            seen.append(news)
        elif news is not None:
            return seen, news
    raise AssertionError("the training did not end")


def wait_for(process: TrainingProcess, stage: Stage) -> None:
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        news = process.poll(1.0)
        if isinstance(news, Progress) and news.stage is stage:
            return
        assert news is None or isinstance(news, Progress), news
    raise AssertionError(f"the training did not come to {stage}")


@pytest.fixture
def made(store: Store, recipe: Recipe) -> Plan:
    fill(store)
    return plan(store, WISH)


def models_on_disk(store: Store) -> list[str]:
    return sorted(path.name for path in (store.folder / "models").glob("*/*"))


def test_a_quick_plan_goes_on_from_the_active_model(store: Store, recipe: Recipe, made: Plan) -> None:
    job = made.job
    assert (made.model_id, made.parent) == ("M-0002", recipe.model_id)
    assert job.out == store.folder / "models" / PRODUCT / ".M-0002.partial"
    assert job.parent == store.folder / "models" / PRODUCT / "M-0001"
    assert (job.warm, job.geometry, job.profile) == (True, recipe.geometry, Profile.COMPACT)
    assert (len(job.normals), len(job.held_out)) == (10, 4)
    assert {one.sha256 for one in job.normals} | {one.sha256 for one in job.held_out} == hashes(
        store.samples(PRODUCT)
    )
    assert made.seconds > 0


def test_minutes_are_those_of_the_mode_and_a_first_model_starts_anew(store: Store) -> None:
    fill(store)
    first = plan(store, Wish(PRODUCT))
    assert (first.job.parent, first.job.warm, first.job.minutes, first.parent) == (None, False, 20.0, None)


def test_a_full_plan_keeps_the_kind_but_not_the_weights(store: Store, recipe: Recipe) -> None:
    fill(store)
    full = plan(store, replace(WISH, mode=Mode.FULL, steps=None))
    assert (full.job.warm, full.job.minutes, full.parent) == (False, 20.0, recipe.model_id)
    quick = plan(store, replace(WISH, steps=None))
    assert quick.job.minutes == 2.0
    assert full.seconds > quick.seconds > 120


def test_only_a_full_plan_may_change_whether_the_shade_counts(store: Store, tmp_path: Path) -> None:
    make_bundle(tmp_path / "hybrid", tiny_model())
    installed(store, tmp_path / "hybrid")
    fill(store)
    assert plan(store, Wish(PRODUCT)).job.shade is plan(store, Wish(PRODUCT, shade=False)).job.shade is False
    assert plan(store, Wish(PRODUCT, Mode.FULL, shade=True)).job.shade is True
    with pytest.raises(StationError, match="quick training cannot change"):
        plan(store, Wish(PRODUCT, shade=True))


def test_a_plan_from_another_bundle_has_no_parent_here(store: Store, recipe: Recipe, other: Path) -> None:
    fill(store)
    made = plan(store, replace(WISH, parent=other))
    assert (made.job.parent, made.job.warm, made.parent) == (other, True, None)


def test_a_folder_that_a_crash_left_is_not_written_over(store: Store, recipe: Recipe) -> None:
    fill(store)
    (store.folder / "models" / PRODUCT / "M-0002").mkdir()
    assert plan(store, WISH).model_id == "M-0003"


def test_a_training_becomes_a_candidate_and_the_active_model_stays(
    store: Store, recipe: Recipe, made: Plan
) -> None:
    with closing(TrainingProcess(made.job, threads=1)) as process:
        seen, end = end_of(process)
        assert process.poll() is None
    assert isinstance(end, Finished), end
    stages = [one.stage for one in seen]
    assert stages[-3:] == [Stage.TRAINING, Stage.CALIBRATING, Stage.CHECKING]
    step = next(one for one in seen if one.stage is Stage.TRAINING)
    assert step.pictures_per_second > 0
    assert {one.path for one in step.worst} <= {one.path for one in made.job.normals}
    row = adopt(store, made, ANNA, "more light")
    abandon(made)
    assert (row.model_id, row.parent, row.note, row.seal) == ("M-0002", "M-0001", "more light", end.seal)
    assert models_on_disk(store) == ["M-0001", "M-0002"]
    assert Engine.load(store.folder / row.folder, "cpu").seal == row.seal
    assert not (store.folder / row.folder / LINEAGE).exists()
    assert store.active_recipe(PRODUCT) == recipe
    assert hashes(samples_of(store, row)) == hashes(store.samples(PRODUCT))
    card = read_card(store.folder / row.folder)
    assert len(card.training_files) == 10 + 2, "its own and those that its parent's weights come from"
    assert (len(card.held_out_files), card.steps, card.trained) == (4, 1, True)


def test_a_model_whose_id_was_taken_meanwhile_takes_the_next(
    store: Store, recipe: Recipe, made: Plan, other: Path
) -> None:
    second_model(store, other)
    shutil.copytree(other, made.job.out)
    row = adopt(store, made, ANNA)
    assert (made.model_id, row.model_id, row.folder.name) == ("M-0002", "M-0003", "M-0003")
    assert models_on_disk(store) == ["M-0001", "M-0002", "M-0003"]


def test_a_killed_training_is_a_sentence_and_leaves_nothing(store: Store, made: Plan) -> None:
    with closing(TrainingProcess(made.job, threads=1)) as process:
        wait_for(process, Stage.READING)
        os.kill(process.pid, signal.SIGKILL)
        _, end = end_of(process)
    abandon(made)
    assert isinstance(end, Failed)
    assert end.fault.code is ErrorCode.TRAINING_DIED
    assert "by signal 9" in end.fault.sentence
    assert "the active model goes on" in end.fault.remedy
    assert models_on_disk(store) == ["M-0001"]


def test_a_cancelled_training_ends_at_once(store: Store, made: Plan) -> None:
    with closing(TrainingProcess(made.job, threads=1)) as process:
        assert process.running
        process.cancel()
        _, end = end_of(process)
        assert not process.running
    assert isinstance(end, Failed)
    assert end.fault.code is ErrorCode.TRAINING_CANCELLED
    assert models_on_disk(store) == ["M-0001"]


def test_a_fault_of_the_training_comes_back_whole(store: Store, made: Plan) -> None:
    missing = replace(made.job.normals[0], path=store.folder / "gone.png")
    job = replace(made.job, normals=(missing, *made.job.normals[1:]))
    with closing(TrainingProcess(job, threads=1)) as process:
        _, end = end_of(process)
    assert isinstance(end, Failed)
    assert end.fault.code is ErrorCode.PICTURE_UNREADABLE
    assert "gone.png does not exist" in end.fault.sentence


def test_half_the_cores_while_the_line_runs() -> None:
    assert [thread_cap(True, cores) for cores in (1, 2, 8)] == [1, 1, 4]
    assert [thread_cap(False, cores) for cores in (1, 2, 8)] == [1, 2, 8]


def test_a_start_removes_half_models_and_takes_in_whole_ones(
    store: Store, recipe: Recipe, other: Path
) -> None:
    deleted = second_model(store, other)
    store.delete_model(deleted.model_id, ANNA)
    place = store.folder / "models" / PRODUCT
    write_png(place / ".M-0003.partial" / "half.png", surface(0))
    (place / "..M-0003.partial.almrr-checkpoint").mkdir()
    whole = place / "M-0004"
    whole.mkdir()
    for path in other.iterdir():
        (whole / path.name).write_bytes(path.read_bytes())
    lineage = {"product": PRODUCT, "parent": "M-0001", "actor": "anna", "note": "night shift"}
    (whole / LINEAGE).write_text(json.dumps(lineage))
    said = tidy(store)
    assert models_on_disk(store) == ["M-0001", "M-0004"]
    assert len(said) == 4
    row = store.model(ModelId("M-0004"))
    assert row is not None
    assert (row.parent, row.note, row.actor) == ("M-0001", "night shift", "anna")
    assert tidy(store) == ()


def test_a_folder_of_somebody_else_stays(store: Store, recipe: Recipe) -> None:
    (store.folder / "models" / PRODUCT / "my notes").mkdir()
    assert tidy(store) == ()
    assert models_on_disk(store) == ["M-0001", "my notes"]
