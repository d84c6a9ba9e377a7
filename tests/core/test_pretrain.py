from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from almrr_core.data.anomalies import Simulated, simulate
from almrr_core.data.fields import luma
from almrr_core.data.textures import HELD_OUT_TEXTURES
from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import sha256_of
from almrr_core.models.backbone import build_backbone
from almrr_core.models.weights import load_weights, weights_hash
from almrr_core.pretrain import score, surfaces, views
from almrr_core.pretrain.job import PretrainJob, Progress, Stage
from almrr_core.pretrain.learner import SMOOTHING, Learner, statistics
from almrr_core.pretrain.loop import Result, pretrain
from almrr_core.pretrain.recipe import HeldOutSizes, Recipe
from almrr_core.pretrain.record import CARD, LOG, WEIGHTS, read_log, write_log
from almrr_core.pretrain.state import State
from almrr_core.pretrain.surfaces import (
    CHANGED,
    NORMAL,
    POINTS,
    SIDE,
    TRAINED_TEXTURES,
    Surface,
    make_surface,
)
from almrr_core.pretrain.verify import verify
from almrr_core.pretrain.views import TURN, VIEW, VIEWS, look

CPU = torch.device("cpu")
SMALL = Recipe(
    first=3,
    capacity=9,
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
    assert one.pieces.shape == (NORMAL + CHANGED, 3, SIDE, SIDE) and one.pieces.dtype == torch.uint8
    assert one.points.shape == (CHANGED, POINTS, 2)


def test_a_view_of_a_changed_piece_looks_at_a_defect_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    masks: list[torch.Tensor] = []

    def seen(*args: object) -> Simulated:
        batch = simulate(*args)  # type: ignore[arg-type] # as they came
        masks.append(batch.masks)
        return batch

    monkeypatch.setattr(surfaces, "simulate", seen)
    one = make_surface(5, 7, CPU)
    for points, mask in zip(one.points, masks[0], strict=True):
        x, y = ((points + 1) * SIDE / 2).round().long().T
        assert bool(mask[0, y, x].all()) and len({*x.tolist()}) > 1, "never a single pixel"
    pieces = torch.arange(NORMAL + CHANGED, dtype=torch.uint8).mul(40)[:, None, None, None]
    flat = Surface(pieces.expand(-1, 3, SIDE, SIDE), one.points, one.manner)
    monkeypatch.setattr(views, "_light", lambda pictures, *_: pictures)
    shown = torch.stack([look([flat], random(seed))[0] for seed in range(40)]).mean((2, 3, 4)).mul(255 / 40)
    numbers = shown.round().long()
    assert {*numbers[:, 0].tolist()} == {*range(NORMAL)}
    assert {*numbers[:, 1].tolist()} == {*range(NORMAL, NORMAL + CHANGED)}


def test_nothing_held_out_is_trained_on() -> None:
    assert HELD_OUT_TEXTURES and TRAINED_TEXTURES
    assert not {family.name for family in HELD_OUT_TEXTURES} & {family.name for family in TRAINED_TEXTURES}


def test_every_view_of_a_surface_shows_it_in_its_manner() -> None:
    wave = (127 + 60 * torch.sin(2 * torch.pi * 24 / SIDE * torch.arange(SIDE))).to(torch.uint8)
    stripes, window = wave.expand(NORMAL + CHANGED, 3, SIDE, SIDE), torch.hann_window(VIEW)
    for number in range(4):
        one = make_surface(5, number, CPU)
        striped = Surface(stripes, one.points, one.manner)
        shown = luma(torch.cat([look([striped], random(seed))[0] for seed in range(4)]))[:, 0]
        found = torch.fft.rfft2(shown * window * window[:, None])
        found[:, :4, :4] = found[:, -4:, :4] = 0  # of the light
        strongest, columns = found.abs().flatten(1).argmax(1), found.shape[2]
        angles = torch.atan2(torch.fft.fftfreq(VIEW)[strongest // columns], strongest % columns / VIEW)
        apart = (angles[:, None] - angles + torch.pi / 2) % torch.pi - torch.pi / 2
        assert float(apart.abs().max()) < 2 * TURN + 0.12, "a step of the spectrum is up to 0.1"


def test_views_are_decided_by_the_generator() -> None:
    surfaces = [make_surface(0, number, CPU) for number in range(2)]
    views, same = look(surfaces, random()), look(surfaces, random())
    assert views.shape == (2, VIEWS, 3, VIEW, VIEW)
    assert torch.equal(views, same) and not torch.equal(views, look(surfaces, random(1)))
    assert float(views.min()) >= 0 and float(views.max()) <= 1


def test_a_turned_patch_is_where_its_mask_says() -> None:
    stripes = (torch.arange(128) // 4 % 2).float().expand(6, 3, 128, 128)
    turned, masks = score._turned(stripes, random())
    change = (turned - stripes).abs().amax(1, keepdim=True)
    near = torch.nn.functional.max_pool2d(masks, 5, 1, 2) > 0  # its edge is soft
    assert float(change[~near].max()) < 1e-6
    for one, mask in zip(change, masks > 0, strict=True):
        assert float(one[mask].mean()) > 0.2 and 0.02 < float(mask.float().mean()) < 0.12


def test_statistics_are_mean_and_spread_of_each_channel() -> None:
    stage = torch.randn(2, 3, 5, 7, generator=random()) * 3 + 1
    flat = stage.flatten(2)
    wanted = torch.cat([flat.mean(2), flat.std(2, correction=0)], 1)
    torch.testing.assert_close(statistics(stage), wanted, atol=1e-3, rtol=1e-3)


def test_the_loss_is_small_where_every_head_names_the_surface() -> None:
    learner, pictures = Learner(0, 4).eval(), torch.rand(3, 3, VIEW, VIEW, generator=random())
    numbers = torch.tensor([2, 2, 2])
    for name, parameter in learner.heads.named_parameters():
        parameter.data.zero_()
        if name.endswith("bias"):
            parameter.data[2] = 20.0
    right, wrong = (float(learner(pictures, n, half=False).detach()) for n in (numbers, numbers - 1))
    assert right == pytest.approx(SMOOTHING * 3 / 4 * 20, abs=1e-3)  # the share that goes to the others
    assert wrong == pytest.approx((1 - SMOOTHING / 4) * 20, abs=1e-3)


def test_every_view_is_named_by_its_surface(monkeypatch: pytest.MonkeyPatch) -> None:
    state, named = State(SMALL, 3, CPU), list[list[int]]()

    def shown(chosen: list[Surface], _: torch.Generator) -> torch.Tensor:
        assert state.row is not None
        numbers = [next(i for i, one in enumerate(state.row.surfaces) if one is it) for it in chosen]
        named.append(numbers)
        return torch.rand(len(chosen), VIEWS, 3, VIEW, VIEW)

    monkeypatch.setattr("almrr_core.pretrain.state.look", shown)
    forward = Learner.forward

    def heard(learner: Learner, pictures: torch.Tensor, numbers: torch.Tensor, half: bool) -> torch.Tensor:
        named.append(numbers.tolist())
        return forward(learner, pictures, numbers, half)

    monkeypatch.setattr(Learner, "forward", heard)
    state.advance(half=False)
    assert named[1] == [number for number in named[0] for _ in range(VIEWS)]


def losses(state: State, steps: int) -> list[float]:
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


@pytest.mark.parametrize("what", ["absent", "damaged", "other seed", "other device"])
def test_a_checkpoint_that_does_not_fit_is_refused(what: str, tmp_path: Path) -> None:
    if what != "absent":
        State(SMALL, 3, CPU).save(tmp_path, 0.0)
    if what == "damaged":
        (tmp_path / "state.safetensors").write_bytes(b"nothing")
    state = State(SMALL, 4 if what == "other seed" else 3, CPU)
    if what == "other device":
        state.device = torch.device("cuda")  # whose random numbers are others
    with pytest.raises(StationError) as caught:
        state.restore(tmp_path)
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
    for name, merit in (("random", result.random), ("trained", result.score)):
        figures = card["held_out"][name]
        assert (figures["image_auroc"] + figures["pixel_ap"]) / 2 == pytest.approx(merit, abs=1e-5)
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
    lines = [dataclasses.replace(line, loss=line.loss + 0.01) for line in read_log(out / LOG)]
    write_log(tmp_path / LOG, lines)
    (tmp_path / CARD).write_bytes((out / CARD).read_bytes())
    assert not verify(tmp_path, SMALL).good
    with pytest.raises(StationError):
        verify(tmp_path / "absent")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_what_was_made_on_a_gpu_is_not_compared_with_a_cpu(
    made: tuple[Path, Result, list[Progress]], tmp_path: Path
) -> None:
    card = json.loads((made[0] / CARD).read_text("utf-8"))
    assert card["device"] == "cpu" and "threads" in card["hardware"] and card["bfloat16"] in (True, False)
    (tmp_path / CARD).write_text(json.dumps(card | {"device": "cuda"}), "utf-8")
    (tmp_path / LOG).write_bytes((made[0] / LOG).read_bytes())
    with pytest.raises(StationError) as caught:
        verify(tmp_path, SMALL)
    assert caught.value.code is ErrorCode.DEVICE_MISSING


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
    return bool((weights != build_backbone("texture18", seed=3).conv1.weight).any())


def test_the_backbone_learns_and_its_norms_too() -> None:
    state = State(SMALL, 3, CPU)
    losses(state, 1)
    assert moved(state.learner.backbone.conv1.weight) and moved(state.average.conv1.weight)
    assert bool(state.learner.backbone.bn1.running_mean.any())
