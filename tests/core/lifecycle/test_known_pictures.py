"""Pictures that a model was trained on before they came into the pools: they judge neither it nor its child."""

from __future__ import annotations

from pathlib import Path

import pytest

from almrr_core.files import sha256_of
from almrr_core.imaging import write_png
from almrr_core.lifecycle import pools
from almrr_core.lifecycle.checks import Doubt
from almrr_core.lifecycle.gate import Gate
from almrr_core.lifecycle.retrain import Mode, Wish, plan
from almrr_core.models.almrr import Form
from almrr_core.models.bundle import read_card
from almrr_core.store import Store
from almrr_core.train.job import TrainJob
from almrr_core.train.loop import train
from almrr_core.types import Geometry, Label, ModelId, Pool, Recipe
from tests.core.bundles import SIDE
from tests.core.cli.helpers import rewritten
from tests.core.lifecycle.helpers import (
    ANNA,
    PRODUCT,
    fill,
    hashes,
    in_pool,
    installed,
    log_part,
    second_model,
    surface,
)

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = Wish(PRODUCT, Mode.QUICK, steps=1, batch=2, device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(40):
        write_png(tmp_path / "in" / f"{number:02}.png", surface(number))
    return tmp_path / "in"


def test_a_folder_that_the_active_model_was_trained_on_keeps_its_parts(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    size, paths = Geometry(input_size=SIDE), sorted(folder.iterdir())
    job = TrainJob(folder, tmp_path / "m", form=Form.PAPER, backbone_seed=0, steps=1, batch=2, geometry=size)
    card = train(job)
    recipe = installed(store, tmp_path / "m")
    added = pools.add_files(store, PRODUCT, paths, ANNA)
    by_pool = {pool: hashes([one for one in added.samples if one.pool is pool]) for pool in Pool}
    assert by_pool[Pool.TRAIN] == set(card.training_files), "the same picture has one name everywhere"
    assert by_pool[Pool.CALIBRATE] == set(card.held_out_files)
    assert by_pool[Pool.ACCEPTANCE] == set()
    made = plan(store, QUICK)
    assert not {one.sha256 for one in made.job.held_out} & set(card.training_files)
    assert Doubt.TRAINED_ON not in {one.doubt for one in made.warnings}
    new = in_pool(Pool.ACCEPTANCE, 1, 1000)[0]
    assert pools.add_picture(store, PRODUCT, new, ANNA).pool is Pool.ACCEPTANCE
    logged = log_part(store, recipe, surface(40))
    pools.label_part(store, logged, Label.GOOD, ANNA)
    assert store.samples(PRODUCT)[-1].pool is pools.pool_of(store.samples(PRODUCT)[-1].sha256)


def test_a_logged_picture_that_the_active_model_was_trained_on_trains(
    store: Store, bundle: Path, tmp_path: Path
) -> None:
    picture = in_pool(Pool.ACCEPTANCE, 1)[0]
    known = (pools.content_hash(picture),)
    recipe = installed(store, Path(rewritten(str(bundle), tmp_path / "m", training_files=known)))
    logged = log_part(store, recipe, picture)
    pools.label_part(store, logged, Label.GOOD, ANNA)
    assert [one.pool for one in store.samples(PRODUCT)] == [Pool.TRAIN]
    pools.label_part(store, logged, Label.BAD, ANNA)
    assert [one.pool for one in store.samples(PRODUCT)] == [Pool.ACCEPTANCE], "a defect never trains"


def test_a_model_that_names_files_knows_them_by_their_bytes(
    store: Store, bundle: Path, folder: Path, tmp_path: Path
) -> None:
    paths = sorted(folder.iterdir())
    files = tuple(sha256_of(path) for path in paths)
    old = rewritten(str(bundle), tmp_path / "m", training_files=files[:30], held_out_files=files[30:35])
    installed(store, Path(old))
    found = [one.pool for one in pools.add_files(store, PRODUCT, paths, ANNA).samples]
    assert found[:35] == [Pool.TRAIN] * 30 + [Pool.CALIBRATE] * 5
    assert found[35:] == [pools.pool_of(one.sha256) for one in store.samples(PRODUCT)[35:]]


def test_a_model_whose_bundle_is_gone_hinders_no_sample(store: Store, recipe: Recipe) -> None:
    (store.folder / "models" / PRODUCT / "M-0001" / "card.json").unlink()
    picture = in_pool(Pool.CALIBRATE, 1)[0]
    assert pools.add_picture(store, PRODUCT, picture, ANNA).pool is Pool.CALIBRATE


@pytest.mark.parametrize(("known", "left"), [(1, 3), (2, 2), (3, 4)])
def test_going_on_from_a_model_calibrates_without_what_it_was_trained_on(
    store: Store, bundle: Path, tmp_path: Path, known: int, left: int
) -> None:
    samples = fill(store, 10, 4)
    trained = tuple(one.sha256 for one in samples if one.pool is Pool.CALIBRATE)[:known]
    parent = Path(rewritten(str(bundle), tmp_path / "m", training_files=trained))
    installed(store, parent)
    made = plan(store, QUICK)
    (warning,) = (one for one in made.warnings if one.doubt is Doubt.TRAINED_ON)
    assert hashes(warning.samples) == set(trained)
    assert len(made.job.held_out) == left
    said = {
        1: "1 of the 4 normals that calibrate is left out",
        2: "2 of the 4 normals that calibrate are left",
    }
    assert (
        said.get(known, "was trained on 3 of the 4 normals that calibrate, so the limits") in warning.sentence
    )
    assert ("a full training" in warning.sentence) == (known == 3)
    full = plan(store, Wish(PRODUCT, Mode.FULL))
    assert len(full.job.held_out) == 4
    assert Doubt.TRAINED_ON not in {one.doubt for one in full.warnings}


def test_a_normal_that_one_of_two_models_was_trained_on_is_not_compared(
    store: Store, recipe: Recipe, bundle: Path, tmp_path: Path
) -> None:
    new, seen = (pools.add_picture(store, PRODUCT, one, ANNA) for one in in_pool(Pool.ACCEPTANCE, 2))
    other = Path(rewritten(str(bundle), tmp_path / "m", training_files=(seen.sha256,)))
    second_model(store, other)
    assert read_card(other).training_files == (seen.sha256,)
    report = Gate.load(store, ModelId("M-0002"), device="cpu").compare()
    assert [one.sample_id for one in report.pictures] == [new.sample_id]
    assert [seen.sha256 in sentence for sentence in report.left_out] == [True]
