"""What a retraining asks of the training itself: lists of files, warm starts, replay, and room in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from almrr_core.data.sampler import NormalPool
from almrr_core.data.samples import Sample
from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import write_png
from almrr_core.models.almrr import Form
from almrr_core.models.bundle import build_model, read_bundle, read_card
from almrr_core.models.card import Card
from almrr_core.models.closed_form import Whitening
from almrr_core.train import wire
from almrr_core.train.fallback import Report, train_where_it_fits
from almrr_core.train.job import Progress, Stage, TrainJob, WorstNormal
from almrr_core.train.loop import train
from almrr_core.train.session import prepare
from almrr_core.types import Box, Geometry
from tests.core.bundles import SIDE, make_bundle, tiny_model
from tests.core.lifecycle.helpers import surface

GEOMETRY = Geometry(input_size=SIDE)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sample, ...]:
    folder = tmp_path_factory.mktemp("samples")
    for number in range(14):
        write_png(folder / f"{number:02}.png", surface(number))
    return tuple(Sample(folder / f"{number:02}.png", f"{number:064x}") for number in range(14))


def job_of(samples: tuple[Sample, ...], out: Path, **options: object) -> TrainJob:
    given = {"normals": samples[:10], "held_out": samples[10:], "geometry": GEOMETRY, "device": "cpu"}
    return TrainJob(out.parent, out, **(given | {"steps": 1, "batch": 2} | options))  # type: ignore[arg-type]


def test_a_job_and_its_progress_cross_to_another_process_whole(samples: tuple[Sample, ...]) -> None:
    geometry = Geometry(SIDE, 160, 16, 0.5, Box(1, 2, 300, 200))
    job = job_of(samples, Path("out"), geometry=geometry, form=Form.PAPER, parent=Path("p"), warm=True)
    boxed = replace(job, normals=(replace(samples[0], box=Box(0, 1, 2, 3)),), weights=Path("w"))
    for one in (job, boxed, TrainJob(Path("data"), Path("out"))):
        order = json.loads(wire.order_of(one, 3))
        assert wire.job_from_json(order["job"]) == one
        assert order["threads"] == 3
    progress = Progress(Stage.TRAINING, 3, worst=(WorstNormal(Path("a.png"), 1.5),), notice="Look.")
    line = json.loads(wire.line_of("progress", wire.progress_to_json(progress)))
    assert wire.progress_from_json(line["value"]) == progress
    fault = wire.fault_from_json(wire.fault_to_json(StationError(ErrorCode.DISK_FULL, "Full.", "Free it.")))
    assert (fault.code, fault.sentence, fault.remedy) == (ErrorCode.DISK_FULL, "Full.", "Free it.")


@pytest.mark.parametrize("options", [{"normals": ()}, {"held_out": ()}, {"warm": True}])
def test_half_a_job_is_refused(samples: tuple[Sample, ...], options: dict[str, object]) -> None:
    with pytest.raises(StationError):
        job_of(samples, Path("out"), **options)


@pytest.mark.usefixtures("one_thread")
def test_a_warm_start_takes_backbone_sizes_and_weights_and_fits_the_closed_form_anew(
    samples: tuple[Sample, ...], tmp_path: Path
) -> None:
    make_bundle(tmp_path / "parent", tiny_model())
    before = build_model(read_bundle(tmp_path / "parent"))
    job = job_of(samples, tmp_path / "child", parent=tmp_path / "parent", warm=True, steps=0)
    card = train(job)
    after = build_model(read_bundle(tmp_path / "child"))
    assert card.trained, "the parent's weights with the new closed form, no step needed"
    assert (card.steps, card.widths) == (0, before.widths)
    assert card.files.keys() == read_card(tmp_path / "parent").files.keys(), "the packed backbone goes along"
    inherited = read_card(tmp_path / "parent").training_files
    assert card.training_files == (*(sample.sha256 for sample in samples[:10]), *inherited)
    assert card.held_out_files == tuple(sample.sha256 for sample in samples[10:])
    same = dict(after.reconstruction.named_parameters())
    assert all(torch.equal(value, same[name]) for name, value in before.reconstruction.named_parameters())
    assert not torch.equal(before.closed_form.offset, after.closed_form.offset)
    cold = replace(job, warm=False, steps=1, out=tmp_path / "cold")
    assert prepare(cold, print_nothing).model.widths == before.widths
    fresh = dict(prepare(cold, print_nothing).model.reconstruction.named_parameters())
    assert not all(torch.equal(fresh[name], value) for name, value in same.items())


def print_nothing(progress: Progress) -> None:
    """Take no notice."""


def test_a_parent_of_another_kind_is_refused(
    samples: tuple[Sample, ...], bundle: Path, tmp_path: Path
) -> None:
    for options in ({"form": Form.HYBRID}, {"form": Form.PAPER, "geometry": Geometry(input_size=160)}):
        with pytest.raises(StationError, match="it differs in form, input size or shade") as refused:
            train(job_of(samples, tmp_path / "x", parent=bundle, warm=True, **options))
        assert refused.value.code is ErrorCode.GEOMETRY_MISMATCH


def test_a_turned_whitening_keeps_distances_and_stays_near_the_one_before() -> None:
    random = torch.Generator().manual_seed(0)
    mixing = torch.randn(24, 24, generator=random)
    stages = [torch.einsum("cd,ndhw->nchw", mixing, torch.randn(6, 24, 8, 8, generator=random)) for _ in "ab"]
    before, fresh, turned = Whitening(24), Whitening(24), Whitening(24)
    before.fit(stages[0])
    turned.fit(stages[0])
    fresh.fit(stages[1])
    turned.fit(stages[1], turned=True)
    old, new, near = (one(stages[1]) for one in (before, fresh, turned))
    assert torch.allclose(new.square().sum(1), near.square().sum(1), rtol=1e-3)
    assert (near - old).square().mean() < 0.1 * (new - old).square().mean()


def test_new_normals_make_up_half_of_what_a_warm_start_draws(
    samples: tuple[Sample, ...], bundle: Path, tmp_path: Path
) -> None:
    parent = tmp_path / "parent"
    known = tuple(sample.sha256 for sample in samples[:8])
    rewrite(bundle, parent, known)
    job = job_of(samples, tmp_path / "x", parent=parent, form=Form.PAPER, warm=True)
    session = prepare(job, print_nothing)
    owners = session.pool.sample(2000, session.generator).owners
    assert (owners >= 8).float().mean().item() == pytest.approx(0.5, abs=0.05)
    cold = prepare(replace(job, warm=False), print_nothing)
    owners = cold.pool.sample(2000, cold.generator).owners
    assert (owners >= 8).float().mean().item() == pytest.approx(0.2, abs=0.05)


def test_tiles_are_drawn_by_weight_and_area(samples: tuple[Sample, ...]) -> None:
    tiles = Geometry(input_size=64, tile=64)
    pool = NormalPool(samples[:2], tiles, torch.device("cpu"), weights=[3.0, 1.0])
    owners = pool.sample(2000, torch.Generator().manual_seed(0)).owners
    assert (owners == 0).float().mean().item() == pytest.approx(0.75, abs=0.05)


def rewrite(bundle: Path, folder: Path, training_files: tuple[str, ...]) -> None:
    """The same bundle, as if trained on other files."""
    from almrr_core.models.bundle import write_bundle

    stored = read_bundle(bundle)
    card = replace(stored.card, training_files=training_files)
    golden = replace(stored.golden, logits=stored.golden.logits.copy())
    write_bundle(folder, build_model(stored), card, golden, True)


def full(job: TrainJob) -> StationError:
    return StationError(ErrorCode.OUT_OF_MEMORY, f"No room for {job.batch} on {job.device}.", "Less.")


def test_a_full_gpu_gets_a_smaller_batch_then_the_cpu_and_it_is_said(bundle: Path, tmp_path: Path) -> None:
    tried, said = list[tuple[int, str]](), list[str]()

    def only_the_cpu(job: TrainJob, report: Report) -> Card:
        tried.append((job.batch, job.device))
        if job.device != "cpu":
            raise full(job)
        return read_card(bundle)

    def listen(progress: Progress) -> None:
        said.append(progress.notice)

    train_where_it_fits(TrainJob(tmp_path, tmp_path, batch=16), listen, only_the_cpu)
    assert tried == [(16, "auto"), (8, "auto"), (4, "auto"), (4, "cpu")]
    assert "8 instead of 16 pictures per step" in said[0]
    assert "on the CPU, more slowly" in said[2]


def test_a_cpu_without_room_is_a_fault_and_so_is_anything_else(tmp_path: Path) -> None:
    def never(job: TrainJob, report: Report) -> Card:
        raise full(job) if job.batch > 2 else StationError(ErrorCode.BAD_ARGUMENT, "No.", "")

    for job in (TrainJob(tmp_path, tmp_path, device="cpu"), TrainJob(tmp_path, tmp_path, batch=2)):
        with pytest.raises(StationError):
            train_where_it_fits(job, print_nothing, never)


def test_the_process_is_a_command_too(tmp_path: Path, samples: tuple[Sample, ...]) -> None:
    order = tmp_path / "job.json"
    order.write_text(wire.order_of(job_of(samples, tmp_path / "x", parent=tmp_path / "none", warm=True), 1))
    command = [sys.executable, "-m", "almrr_core.train", str(order)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["kind"], last["value"]["code"]) == ("fault", "bundle_missing")
