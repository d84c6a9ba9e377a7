"""Kills trainings and the program around them: `python -m almrr_core.bench.retrain_kill --times 20`.

A program labels parts, trains a candidate in a process of its own, adopts and promotes it, and says each step
once it is done. Its training or the program itself dies by SIGKILL at a random moment. Then: every label,
candidate and promotion that was said is in the log, the orphaned training ends by itself, the next start leaves
no half-made model, every model it lists is whole, and so is every sample.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil

from almrr_core.data.samples import content_hash
from almrr_core.errors import StationError
from almrr_core.imaging import write_png
from almrr_core.lifecycle import pools
from almrr_core.lifecycle.places import MODELS, bundle_of
from almrr_core.lifecycle.process import Failed, Finished, TrainingProcess
from almrr_core.lifecycle.promotion import promote
from almrr_core.lifecycle.retrain import Mode, Plan, Wish, abandon, adopt, plan
from almrr_core.lifecycle.upkeep import tidy
from almrr_core.line.products import install_product
from almrr_core.models.bundle import read_bundle
from almrr_core.store.store import Store
from almrr_core.types import Actor, Frame, Label, ModelId, PartId, PartRequest, Recipe, Record, Verdict

PRODUCT, ACTOR = "cloth", Actor("bench")
NORMALS, PARTS, SIDE = 36, 200, 128
LONGEST_DELAY = 0.5  # seconds from a step that was waited for to the kill
PATIENCE = 120.0  # seconds for an orphan to end on a busy machine
TRAINING = ("--form", "paper", "--input-size", "128", "--random-backbone", "--batch", "2", "--steps", "1")


@dataclass(frozen=True, slots=True)
class Death:
    """One kill: who died, after which step, and what had been said to be done."""

    victim: str
    after: str
    labels: int
    candidates: int
    promotions: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what every kill left; raises AssertionError for anything that should not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--bundle", type=Path, help="a trained model of 128 pixels (default: a tiny one is made)"
    )
    parser.add_argument("--drive", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.drive is not None:
        drive(options.drive)
        return
    with tempfile.TemporaryDirectory(prefix="almrr-retrain-") as place:
        folder = Path(place)
        prepare(folder / "station", options.bundle or _tiny_bundle(folder))
        for number, death in enumerate(campaign(folder / "station", options.times, options.seed), 1):
            done = f"{death.labels} labels, {death.candidates} candidates, {death.promotions} promotions"
            print(f"kill {number:2}: the {death.victim} after '{death.after}'; {done} said, all there")


def _tiny_bundle(folder: Path) -> Path:
    for number in range(12):
        write_png(folder / "normals" / f"{number:02}.png", _picture(number))
    command = (sys.executable, "-m", "almrr_core.cli", "train", str(folder / "normals"))
    subprocess.run(
        (*command, "--out", str(folder / "model"), *TRAINING), check=True, stderr=subprocess.DEVNULL
    )
    return folder / "model"


def _picture(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def prepare(station: Path, bundle: Path) -> None:
    """Make a station with an active model, normals in its pools and parts in its log."""
    with closing(Store.open(station)) as store:
        recipe = install_product(store, PRODUCT, bundle, ACTOR)
        pictures = [(str(number), _picture(1000 + number)) for number in range(NORMALS)]
        pools.add_pictures(store, PRODUCT, pictures, ACTOR)
        for number in range(PARTS):
            store.record(_record(recipe, number), keep_picture=True)


def _record(recipe: Recipe, number: int) -> Record:
    now = datetime.now(UTC)
    return Record(
        request=PartRequest(PartId(f"P-{number:04}"), now, 0),
        frame=Frame(_picture(5000 + number), now, 0, "bench"),
        verdict=Verdict.REVIEW,
        score=recipe.limits.review,
        score_map=None,
        model_map=None,
        regions=(),
        recipe=recipe,
        model_hash="0" * 64,
        station_id="bench",
        line_id="line-1",
        view="top",
        decided_at=now,
        output_at=None,
        inspect_ms=0.0,
        latency_ms=0.0,
    )


def drive(station: Path) -> None:
    """Be the program: label, train, adopt, promote, for ever; say each step when it is done."""
    with closing(Store.open(station)) as store:
        tidy(store)
        _say("started")
        labels = _labelling(store)
        while True:
            made = plan(store, Wish(PRODUCT, Mode.QUICK, steps=2, batch=2, device="cpu"))
            row = _train(store, made, labels)
            if row is not None:
                promote(store, row, ACTOR, "bench", confirm_red=True, device="cpu")
                _say(f"promoted {row}")


def _say(text: str) -> None:
    print(text, flush=True)


def _labelling(store: Store) -> Iterator[None]:
    """Label one part per step, round and round, so that samples come and go too."""
    for number in range(10**9):
        inspection_id = 1 + number % PARTS
        label = (Label.GOOD, Label.BAD, Label.UNSURE)[number // PARTS % 3 if number % 4 else 0]
        pools.label_part(store, inspection_id, label, ACTOR)
        _say(f"labelled {inspection_id} {label}")
        yield


def _train(store: Store, made: Plan, labels: Iterator[None]) -> ModelId | None:
    with closing(TrainingProcess(made.job, threads=1)) as process:
        _say(f"training {process.pid}")
        while True:
            news = process.poll(0.05)
            if isinstance(news, Failed):
                abandon(made)
                _say(f"failed {news.fault.code}")
                return None
            if isinstance(news, Finished):
                _say("trained")
                row = adopt(store, made, ACTOR)
                _say(f"candidate {row.model_id}")
                return row.model_id
            if news is not None:
                _say(f"stage {news.stage.name}")
            next(labels)


def campaign(station: Path, times: int, seed: int = 0) -> list[Death]:
    """Run the program and kill it or its training `times` times, checking after each."""
    dice, deaths, labels = random.Random(seed), list[Death](), dict[int, str]()
    for _ in range(times):
        steps = ("started", "training", "stage", "trained", "candidate", "promoted")
        deaths.append(_run_and_kill(station, dice, dice.choice(steps), labels))
    return deaths


def _run_and_kill(station: Path, dice: random.Random, step: str, labels: dict[int, str]) -> Death:
    command = (sys.executable, "-m", "almrr_core.bench.retrain_kill", "--drive", str(station))
    child = dice.random() < 0.4 and step in ("training", "stage")
    said = list[str]()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        try:
            _read_until(program, said, step)
            threading.Event().wait(dice.uniform(0, LONGEST_DELAY))
            training = _pids(said)
            if child and training:
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(training[-1]).kill()
                _read_until(program, said, "failed", "trained")
        finally:
            program.kill()
        said += [line.rstrip("\n") for line in program.stdout if line.endswith("\n")]
    _wait_for_end(_pids(said))
    return _check(station, "training" if child else "program", step, said, labels)


def _read_until(program: subprocess.Popen[str], said: list[str], *steps: str) -> None:
    assert program.stdout is not None
    assert program.stderr is not None
    while not (said and said[-1].startswith(steps)):
        line = program.stdout.readline()
        assert line, f"the program ended by itself: {program.stderr.read()}"
        said.append(line.rstrip("\n"))


def _pids(said: Sequence[str]) -> list[int]:
    return [int(line.split()[1]) for line in said if line.startswith("training ")]


def _wait_for_end(pids: Sequence[int]) -> None:
    """Wait until every orphaned training has noticed that its program is gone."""
    alive = list[psutil.Process]()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            alive.append(psutil.Process(pid))
    _, left = psutil.wait_procs(alive, PATIENCE)
    assert not left, f"{len(left)} trainings outlived their program"


def _check(station: Path, victim: str, step: str, said: Sequence[str], labels: dict[int, str]) -> Death:
    """Check the station as its next start finds it; `labels` are the last ones said, of all runs."""
    words = [line.split() for line in said]
    labels |= {int(one[1]): one[2] for one in words if one[0] == "labelled"}
    candidates = [ModelId(one[1]) for one in words if one[0] == "candidate"]
    promotions = [ModelId(one[1]) for one in words if one[0] == "promoted"]
    with closing(Store.open(station)) as store:
        tidy(store)
        for inspection_id, label in labels.items():
            last = [str(one.label) for one in store.labels(inspection_id)][-2:]  # one more may be unsaid
            assert label in last, f"the label {label} of inspection {inspection_id} is lost"
        known = {row.model_id for row in store.models(PRODUCT)}
        assert set(candidates) <= known, "a candidate is lost"
        used = {one.model_id for one in store.recipes(PRODUCT)}
        assert set(promotions) <= used, "a promotion is lost"
        _check_models(store)
    return Death(victim, step, len(labels), len(candidates), len(promotions))


def _check_models(store: Store) -> None:
    folders = {path.name for path in (store.folder / MODELS).glob("*/*")}
    rows = {row.model_id: row for row in store.models(PRODUCT) if not row.deleted}
    assert folders == set(rows), f"the folders {sorted(folders)} are not the models {sorted(rows)}"
    for row in rows.values():
        try:
            read_bundle(bundle_of(store.folder, row))
        except StationError as fault:
            raise AssertionError(f"half a model is visible: {fault}") from fault
    active = store.active_recipe(PRODUCT)
    assert active is not None and active.model_id in rows, "the active model is gone"
    for sample in store.samples(PRODUCT):
        assert content_hash(pools.sample_picture(store, sample)) == sample.sha256, "a sample is damaged"


if __name__ == "__main__":
    main()
