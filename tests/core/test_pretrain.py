from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from almrr_core.data.textures import HELD_OUT_TEXTURES
from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import sha256_of
from almrr_core.models.backbone import build_backbone
from almrr_core.models.weights import load_weights, weights_hash
from almrr_core.pretrain.job import PretrainJob, Progress, Stage
from almrr_core.pretrain.learner import FLOOR, contrast, distances
from almrr_core.pretrain.loop import Result, pretrain
from almrr_core.pretrain.recipe import HeldOutSizes, Recipe
from almrr_core.pretrain.record import CARD, LOG, WEIGHTS, read_log, write_log
from almrr_core.pretrain.state import State
from almrr_core.pretrain.surfaces import CHANGED, NORMAL, POINTS, SIDE, TRAINED_TEXTURES, make_surface
from almrr_core.pretrain.verify import verify
from almrr_core.pretrain.views import FITTED, TESTED, VIEW, look

CPU = torch.device("cpu")
SMALL = Recipe(
    first=3,
    capacity=4,
    batch=2,
    exact=2,
    held_out=HeldOutSizes(surfaces=1, normals=6, fitted=4, tested=4, size=128),
)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_surface_is_a_function_of_seed_and_number() -> None:
    one, same, other = make_surface(5, 7, CPU), make_surface(5, 7, CPU), make_surface(5, 8, CPU)
    assert torch.equal(one.pieces, same.pieces) and torch.equal(one.points, same.points)
    assert not torch.equal(one.pieces, other.pieces)
    assert one.pieces.shape == (NORMAL + CHANGED, 4, SIDE, SIDE) and one.pieces.dtype == torch.uint8
    masks = one.pieces[:, 3]
    assert not masks[:NORMAL].any() and masks[NORMAL:].flatten(1).any(1).all()
    assert one.points.shape == (CHANGED, POINTS, 2)
    places = ((one.points + 1) * SIDE / 2).round().long()
    for mask, inside in zip(masks[NORMAL:], places, strict=True):
        assert (mask[inside[:, 1], inside[:, 0]] == 255).all()


def test_nothing_held_out_is_trained_on() -> None:
    assert HELD_OUT_TEXTURES and TRAINED_TEXTURES
    assert not {family.name for family in HELD_OUT_TEXTURES} & {family.name for family in TRAINED_TEXTURES}


def test_views_are_decided_by_the_generator() -> None:
    surfaces = [make_surface(0, number, CPU) for number in range(2)]
    episode, same = look(surfaces, random()), look(surfaces, random())
    assert episode.pictures.shape == (2, FITTED + TESTED, 3, VIEW, VIEW)
    assert episode.masks.shape == (2, TESTED, 1, VIEW, VIEW)
    assert torch.equal(episode.pictures, same.pictures)
    assert float(episode.pictures.min()) >= 0 and float(episode.pictures.max()) <= 1
    assert episode.masks.flatten(1).any(1).all()  # somebody planted something, and the view shows it


def test_distances_are_those_of_a_gaussian_per_surface() -> None:
    stage = torch.randn(2, FITTED + TESTED, 3, 8, 8, generator=random())
    found = distances(stage, 0.0)
    for surface in range(2):
        fitted = stage[surface, :FITTED].transpose(0, 1).flatten(1).double().numpy()
        cover = np.cov(fitted, bias=True)
        inverse = np.linalg.inv(cover + FLOOR * np.trace(cover) / 3 * np.eye(3))
        for view in range(TESTED):
            vectors = stage[surface, FITTED + view].flatten(1).double().numpy() - fitted.mean(1)[:, None]
            squares = np.einsum("in,ij,jn->n", vectors, inverse, vectors) / 3
            np.testing.assert_allclose(found[surface, view].flatten().numpy(), np.log(squares), atol=1e-4)


def test_contrast_rewards_views_of_one_surface_that_agree() -> None:
    surfaces = torch.arange(4).repeat_interleave(3)
    apart = torch.eye(4)[surfaces]
    assert float(contrast(apart, surfaces)) < float(
        contrast(torch.randn(12, 4, generator=random()), surfaces)
    )
    assert float(contrast(apart, surfaces)) == pytest.approx(
        float(np.log(2 + 9 * np.exp(-1 / 0.1))), abs=1e-4
    )


def losses(state: State, steps: int) -> list[tuple[float, float]]:
    return [state.advance(half=True) for _ in range(steps)]


def test_a_resumed_run_passes_through_the_same_states(tmp_path: Path) -> None:
    whole = State(SMALL, 3, CPU)
    losses(whole, 3)
    whole.save(tmp_path, 12.5)
    rest = losses(whole, 2)
    resumed = State(SMALL, 3, CPU)
    assert resumed.restore(tmp_path) == 12.5
    assert losses(resumed, 2) == rest
    assert weights_hash(resumed.average.eval()) == weights_hash(whole.average.eval())


@pytest.mark.parametrize("what", ["absent", "damaged", "other seed"])
def test_a_checkpoint_that_does_not_fit_is_refused(what: str, tmp_path: Path) -> None:
    if what != "absent":
        State(SMALL, 3, CPU).save(tmp_path, 0.0)
    if what == "damaged":
        (tmp_path / "state.safetensors").write_bytes(b"nothing")
    with pytest.raises(StationError) as caught:
        State(SMALL, 4 if what == "other seed" else 3, CPU).restore(tmp_path)
    assert caught.value.code is ErrorCode.CHECKPOINT_WRONG and str(tmp_path) in str(caught.value)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result, list[Progress]]:
    out, seen = tmp_path_factory.mktemp("made") / "run", list[Progress]()
    result = pretrain(PretrainJob(out, steps=3, seed=1, device="cpu", recipe=SMALL), seen.append)
    return out, result, seen


def test_a_run_leaves_weights_card_and_log(made: tuple[Path, Result, list[Progress]]) -> None:
    out, result, seen = made
    card = json.loads((out / CARD).read_text("utf-8"))
    assert result.steps == card["steps"] == 3
    assert card["licence"] == "Apache-2.0" and card["seed"] == 1 and card["recipe"]["batch"] == 2
    assert card["sha256"] == sha256_of(out / WEIGHTS) and (out / WEIGHTS).stat().st_size < 6 << 20
    assert card["held_out_pixel_ap"] == {"random": round(result.random, 5), "trained": round(result.score, 5)}
    backbone = build_backbone("texture18")
    load_weights(backbone, out / WEIGHTS)
    assert weights_hash(backbone) == card["weights_hash"]
    log = read_log(out / LOG)
    assert [line.step for line in log] == [0, 1, 2, 3]
    assert log[0].score == pytest.approx(result.random, abs=1e-5) and log[-1].score is not None
    assert [one.stage for one in seen][-2:] == [Stage.TRAINING, Stage.SCORING]


def test_the_first_steps_are_reproduced_or_not(
    made: tuple[Path, Result, list[Progress]], tmp_path: Path
) -> None:
    out, _, _ = made
    done = verify(out, SMALL)
    assert done.good and done.steps == 2 and done.difference < 1e-5
    lines = [dataclasses.replace(line, defects=line.defects + 0.01) for line in read_log(out / LOG)]
    write_log(tmp_path / LOG, lines)
    (tmp_path / CARD).write_bytes((out / CARD).read_bytes())
    assert not verify(tmp_path, SMALL).good
    with pytest.raises(StationError):
        verify(tmp_path / "absent")


def test_a_cancelled_run_goes_on(tmp_path: Path) -> None:
    job = PretrainJob(tmp_path / "run", steps=2, device="cpu", recipe=SMALL)
    seen: list[Progress] = []
    with pytest.raises(StationError) as caught:
        pretrain(job, seen.append, lambda: any(one.step == 1 for one in seen))
    assert caught.value.code is ErrorCode.TRAINING_CANCELLED
    assert not (job.out / WEIGHTS).exists()
    result = pretrain(dataclasses.replace(job, resume=True))
    assert result.steps == 2 and [line.step for line in read_log(job.out / LOG)] == [0, 1, 2]


@pytest.mark.parametrize("budget", [{"steps": 0}, {"minutes": 0.0}, {"steps": 1, "minutes": 1.0}])
def test_a_budget_without_sense_is_refused(budget: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(StationError) as caught:
        PretrainJob(tmp_path, **budget)  # type: ignore[arg-type] # that is the test
    assert caught.value.code is ErrorCode.BAD_ARGUMENT


def moved(weights: torch.Tensor) -> bool:
    return bool((weights != build_backbone("resnet18", seed=3).conv1.weight).any())


def test_the_backbone_learns_and_its_norms_too() -> None:
    state = State(SMALL, 3, CPU)
    losses(state, 1)
    assert moved(state.learner.backbone.conv1.weight) and moved(state.average.conv1.weight)
    assert bool(state.learner.backbone.bn1.running_mean.any())
