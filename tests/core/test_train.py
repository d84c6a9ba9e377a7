"""Training for real on small textures: it learns, repeats, resumes, stops and never leaves half a bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from almrr_core.data.samples import split_normals
from almrr_core.data.textures import procedural_textures
from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import write_png
from almrr_core.judge import verdict_of
from almrr_core.models.almrr import Form
from almrr_core.models.bundle import BACKBONE, read_card
from almrr_core.runtime.engine import Engine
from almrr_core.train import loop
from almrr_core.train.checkpoint import folder_of
from almrr_core.train.job import Progress, Stage, TrainJob
from almrr_core.train.loop import train
from almrr_core.types import Geometry, Verdict

SIDE = 128


def surface(count: int, seed: int, side: int = SIDE, family: str = "banded") -> NDArray[np.uint8]:
    """Pieces of one gray surface, (n, side, side) uint8: by default grainy, with a spread of 6 gray levels."""
    generator = torch.Generator().manual_seed(seed)
    made = procedural_textures(count, side, generator, torch.device("cpu"), family, alike=True)
    gray = made.mean(1) * 0.6 + 0.2  # room for a defect in both directions
    return (gray * 255).round().to(torch.uint8).numpy()


@pytest.fixture(scope="module")
def pieces() -> NDArray[np.uint8]:
    return surface(40, seed=7)


@pytest.fixture(scope="module")
def normals(pieces: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("normals")
    for number, piece in enumerate(pieces[:30]):
        write_png(folder / f"{number:02}.png", piece)
    return folder


def job(normals: Path, out: Path, **options: object) -> TrainJob:
    fixed = {"backbone_seed": 0, "geometry": Geometry(input_size=SIDE), "batch": 4, "device": "cpu"}
    return TrainJob(normals, out, **(fixed | options))  # type: ignore[arg-type]


def weights_of(bundle: Path) -> dict[str, torch.Tensor]:
    return load_file(bundle / "weights.safetensors")


def same(a: Path, b: Path) -> bool:
    left, right = weights_of(a), weights_of(b)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def with_dent(piece: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A disc of 18 px diameter, 10 gray levels darker than its textured background."""
    y, x = np.mgrid[:SIDE, :SIDE]
    disc = (x - 70) ** 2 + (y - 60) ** 2 <= 81
    return np.where(disc, piece - 10, piece).astype(np.uint8)


def finds_the_dent_and_passes_normals(engine: Engine, fresh: NDArray[np.uint8]) -> bool:
    verdicts = [verdict_of(engine.inspect(piece).score, engine.limits) for piece in fresh]
    dented = [engine.inspect(with_dent(piece)) for piece in fresh]
    found = [verdict_of(one.score, engine.limits) is not Verdict.PASS for one in dented]
    peaks = [np.unravel_index(one.score_map.argmax(), one.score_map.shape) for one in dented]
    near = [abs(y - 60) < 16 and abs(x - 70) < 16 for y, x in peaks]
    return verdicts.count(Verdict.PASS) >= len(fresh) - 1 and sum(found) > len(fresh) // 2 and sum(near) >= 8


def test_a_faint_dent_is_found_after_training_and_not_before(
    normals: Path, pieces: NDArray[np.uint8], tmp_path: Path
) -> None:
    fresh = pieces[30:]
    card = train(job(normals, tmp_path / "trained", steps=60, backbone="texture18", backbone_seed=None))
    assert BACKBONE in card.files, "the next version of the program may come with another one"
    assert finds_the_dent_and_passes_normals(Engine.load(tmp_path / "trained", "cpu"), fresh)
    train(job(normals, tmp_path / "untrained", steps=0, form=Form.PAPER))
    assert not finds_the_dent_and_passes_normals(Engine.load(tmp_path / "untrained", "cpu"), fresh)


def test_the_same_steps_and_seed_give_the_same_weights_and_another_seed_others(
    normals: Path, tmp_path: Path
) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(job(normals, tmp_path / name, steps=3, seed=seed))
    assert same(tmp_path / "a", tmp_path / "b")
    assert not same(tmp_path / "a", tmp_path / "c")


def test_training_leaves_the_callers_randomness_and_denormals_alone(normals: Path, tmp_path: Path) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    train(job(normals, tmp_path / "bundle", steps=1))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.tensor(1e-40) * torch.tensor(0.5) > 0


def test_a_stopped_training_resumes_to_exactly_the_same_weights(normals: Path, tmp_path: Path) -> None:
    train(job(normals, tmp_path / "straight", steps=6))
    asked = iter([False] * 3 + [True])
    with pytest.raises(StationError) as stopped:
        train(job(normals, tmp_path / "halved", steps=6), cancelled=lambda: next(asked))
    assert stopped.value.code is ErrorCode.TRAINING_CANCELLED
    assert stopped.value.params["step"] == 3
    card = train(job(normals, tmp_path / "halved", steps=6, resume=True))
    assert card.steps == 6
    assert same(tmp_path / "straight", tmp_path / "halved")
    assert not folder_of(tmp_path / "halved").exists()


@pytest.mark.parametrize(
    "change", [{"seed": 5}, {"batch": 5}, {"geometry": Geometry(input_size=160)}, {"shade": True}]
)
def test_a_checkpoint_of_another_training_is_refused(
    normals: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    with pytest.raises(StationError):
        train(job(normals, tmp_path / "b", steps=2), cancelled=lambda: True)
    with pytest.raises(StationError, match="other pictures, options or weights") as refused:
        train(job(normals, tmp_path / "b", steps=2, resume=True, **change))
    assert refused.value.code is ErrorCode.CHECKPOINT_WRONG


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_a_damaged_checkpoint_is_refused_and_the_bundle_stays(
    normals: Path, tmp_path: Path, damage: str
) -> None:
    out, folder = tmp_path / "b", folder_of(tmp_path / "b")
    if damage != "missing":
        with pytest.raises(StationError):
            train(job(normals, out, steps=2), cancelled=lambda: True)
    if damage == "cut":
        content = (folder / "state.safetensors").read_bytes()
        (folder / "state.safetensors").write_bytes(content[: len(content) // 2])
    if damage == "flipped":
        content = bytearray((folder / "state.safetensors").read_bytes())
        content[-1] ^= 1
        (folder / "state.safetensors").write_bytes(content)
    with pytest.raises(StationError) as refused:
        train(job(normals, out, steps=2, resume=True))
    assert refused.value.code is ErrorCode.CHECKPOINT_WRONG
    if damage != "missing":
        assert Engine.load(out, "cpu").card.steps == 0, "the closed form's bundle must still be there"


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(
    normals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = loop.simulate, []

    def poisoned(images: torch.Tensor, *others: object) -> object:
        calls.append(1)
        return real(images * (float("nan") if len(calls) == 3 else 1.0), *others)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "simulate", poisoned)
    with pytest.raises(StationError, match="not a finite number") as stopped:
        train(job(normals, tmp_path / "b", steps=5))
    assert stopped.value.code is ErrorCode.TRAINING_DIVERGED
    state = load_file(folder_of(tmp_path / "b") / "state.safetensors")
    assert all(torch.isfinite(v).all() for v in state.values() if v.is_floating_point())
    monkeypatch.undo()
    assert train(job(normals, tmp_path / "b", steps=5, resume=True)).steps == 5


def test_the_closed_form_is_a_bundle_before_the_first_step(normals: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    usable: list[bool] = []

    def watch(progress: Progress) -> None:
        seen.append(progress)
        if progress.stage is Stage.TRAINING and progress.step == 1:
            usable.append(Engine.load(tmp_path / "b", "cpu").card.steps == 0)

    card = train(job(normals, tmp_path / "b", steps=2), watch)
    assert usable == [True]
    assert [p.step for p in seen if p.stage is Stage.TRAINING] == [1, 2]
    last = [p for p in seen if p.stage is Stage.TRAINING][-1]
    assert last.fraction == 1.0
    assert last.pictures_per_second > 0
    assert last.focal > 0 < last.dice
    assert card.metrics.keys() >= {"closed_pixel_ap", "trained_pixel_ap"}


def test_minutes_zero_gives_the_closed_form_alone(normals: Path, tmp_path: Path) -> None:
    card = train(job(normals, tmp_path / "b", minutes=0))
    assert (card.steps, card.trained) == (0, False)


def test_training_that_makes_it_worse_leaves_the_closed_form(
    normals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: NDArray[np.uint8]
) -> None:
    train(job(normals, tmp_path / "closed", steps=0))
    monkeypatch.setattr(
        loop, "dice_loss", lambda logit, mask: (logit * (mask - 0.5)).mean()
    )  # learns backwards
    monkeypatch.setitem(loop.RATES, loop.Profile.COMPACT, 0.1)
    card = train(job(normals, tmp_path / "worse", steps=12))
    assert card.metrics["trained_pixel_ap"] < card.metrics["closed_pixel_ap"]  # type: ignore[operator]
    assert not card.trained
    closed, kept = (Engine.load(tmp_path / name, "cpu") for name in ("closed", "worse"))
    assert kept.inspect(pieces[31]).score == pytest.approx(closed.inspect(pieces[31]).score, abs=1e-2)


def test_a_training_anew_may_change_whether_the_shade_counts_and_one_that_goes_on_may_not(
    normals: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert train(job(normals, first, steps=1, shade=True)).stages == (0, 1, 2, 3)
    engine = Engine.load(first)
    assert np.isfinite(engine.inspect(surface(1, seed=9)[0]).score)
    samples = split_normals(sorted(normals.iterdir()))
    again = replace(job(normals, second, backbone_seed=None, backbone="resnet18", steps=1), parent=first)
    again = replace(again, normals=samples.train, held_out=samples.held_out)
    card = train(replace(again, shade=False))
    assert card.stages == (1, 2, 3) and card.backbone_hash == read_card(first).backbone_hash
    assert train(replace(again, shade=True, warm=True)).shade
    with pytest.raises(StationError) as caught:
        train(replace(again, shade=False, warm=True))
    assert caught.value.code is ErrorCode.GEOMETRY_MISMATCH


def test_the_shade_counts_by_itself_where_the_backbone_does_not_see_it(tmp_path: Path) -> None:
    def shade(**options: object) -> bool:
        return TrainJob(tmp_path, tmp_path, **options).chosen_shade  # type: ignore[arg-type]

    assert shade(backbone="texture18") and not shade(backbone="texture18", shade=False)
    assert not shade(backbone="resnet18") and shade(backbone="resnet18", shade=True)
    assert not shade(backbone="texture18", form=Form.PAPER)
    with pytest.raises(StationError, match=r"(?i)hybrid"):
        shade(form=Form.PAPER, shade=True)


def test_the_bundle_carries_a_backbone_that_may_be_gone_tomorrow(tmp_path: Path) -> None:
    asked = TrainJob(tmp_path, tmp_path)
    assert asked.packs("texture18") and not asked.packs("resnet18")
    assert not replace(asked, pack_backbone=False).packs("texture18")
    assert replace(asked, pack_backbone=True).packs("resnet18")
    assert replace(asked, pack_backbone=False, backbone_seed=1).packs("resnet18"), "it exists nowhere else"


def test_a_handful_of_large_pictures_trains_in_tiles_on_blocks(tmp_path: Path) -> None:
    for number, picture in enumerate(surface(3, seed=2, side=400)):
        write_png(tmp_path / "n" / f"{number}.png", picture)
    tiles = Geometry(input_size=SIDE, tile=160, overlap=32)
    card = train(job(tmp_path / "n", tmp_path / "b", steps=2, geometry=tiles))
    assert card.training_files == card.held_out_files, "three pictures give blocks to both sides"
    assert card.calibration.provisional
    result = Engine.load(tmp_path / "b", "cpu").inspect(surface(1, seed=3, side=500)[0])
    assert result.score_map.shape == (500, 500)


def test_training_data_that_cannot_be_used_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StationError) as missing:
        train(job(tmp_path / "nowhere", tmp_path / "b", steps=1))
    assert missing.value.code is ErrorCode.FOLDER_UNUSABLE
    write_png(tmp_path / "n" / "a.png", surface(1, 1)[0])
    (tmp_path / "n" / "b.png").write_bytes(b"not a picture")
    with pytest.raises(StationError, match=r"b\.png") as unreadable:
        train(job(tmp_path / "n", tmp_path / "b", steps=1))
    assert unreadable.value.code is ErrorCode.PICTURE_UNREADABLE
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "bad", [{"steps": -1}, {"minutes": float("nan")}, {"steps": 1, "minutes": 1.0}, {"batch": 1}]
)
def test_a_budget_that_makes_no_sense_is_refused(tmp_path: Path, bad: dict[str, object]) -> None:
    with pytest.raises(StationError):
        TrainJob(tmp_path, tmp_path, **bad)  # type: ignore[arg-type]
