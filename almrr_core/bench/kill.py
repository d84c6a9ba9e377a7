"""Kills a running line again and again and checks its log: `python -m almrr_core.bench.kill --times 20`.

A line inspects a folder of pictures as fast as it can and dies by SIGKILL at a random moment. Then: the
database opens, every part that was printed is in it, every picture it names is whole and no other lies about,
the parts are those of the folder in order without a hole, and what is missing was noted as in flight and is
named by one event.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from almrr_core.imaging import write_png
from almrr_core.line.products import install_product
from almrr_core.settings import Settings, SourceKind, SourceSettings, save_settings
from almrr_core.store.store import Store
from almrr_core.types import Action, Actor, LogFilter, LogOrder, LogRow

PICTURES, SIDE = 24, 320
MOST_IN_FLIGHT = 10  # the queue's 8, one at the model, one asked for
MOST_PARTS = 15  # printed before a kill
LONGEST_DELAY = 0.1  # seconds from the last part that was waited for to the kill
ACTOR, PRODUCT = Actor("bench"), "cloth"
TRAINING = ("--form", "paper", "--input-size", "128", "--random-backbone", "--batch", "2", "--steps", "2")


@dataclass(frozen=True, slots=True)
class Death:
    """What one kill left: parts printed, logged, and the ids in flight that are not in the log."""

    printed: int
    logged: int
    missing: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what every kill left; raises AssertionError for anything that should not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bundle", type=Path, help="a trained model (default: a tiny one is made)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="almrr-kill-") as place:
        folder = Path(place)
        pictures = make_pictures(folder / "pictures")
        prepare(folder / "station", options.bundle or _tiny_bundle(pictures, folder), pictures)
        deaths = []
        for death in campaign(folder / "station", options.times, options.seed):
            deaths.append(death)
            counts = f"{death.printed:3} printed, {death.logged:3} logged, {len(death.missing)} in flight"
            print(f"kill {len(deaths):2}: {counts}", flush=True)
    logged, missing = sum(death.logged for death in deaths), sum(len(death.missing) for death in deaths)
    print(f"{len(deaths)} kills, {logged} parts logged, {missing} were in flight, each of them named once")


def make_pictures(folder: Path) -> Path:
    """Write the pictures that the line inspects, in name order."""
    noise = np.random.default_rng(0)
    for number in range(PICTURES):
        write_png(folder / f"{number:03}.png", noise.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    return folder


def _tiny_bundle(pictures: Path, folder: Path) -> Path:
    command = (sys.executable, "-m", "almrr_core.cli", "train", str(pictures), "--out", str(folder / "model"))
    subprocess.run((*command, *TRAINING), check=True, stderr=subprocess.DEVNULL)
    return folder / "model"


def prepare(station: Path, bundle: Path, pictures: Path) -> None:
    """Make a data folder whose line inspects the folder of pictures round and round."""
    with closing(Store.open(station)) as store:
        recipe = install_product(store, PRODUCT, bundle, ACTOR)
        limits = replace(recipe.limits, min_area=20)  # else noise draws hundreds of regions
        store.add_recipe(replace(recipe, limits=limits), ACTOR)
    source = SourceSettings("replay", SourceKind.REPLAY, str(pictures), rate=0, loop=True)
    settings = Settings(product=PRODUCT, sources=(source,), active_source="replay", device="cpu")
    save_settings(station, settings)


def campaign(station: Path, times: int, seed: int = 0) -> Iterator[Death]:
    """Run and kill the line `times` times, check and yield each; one more run then reports the last death."""
    dice, deaths, seen = random.Random(seed), list[Death](), set[str]()
    for _ in range(times):
        printed = _run_and_kill(station, dice.randint(1, MOST_PARTS), dice.uniform(0, LONGEST_DELAY))
        deaths.append(_check(station, printed, seen))
        yield deaths[-1]
    subprocess.run((*_command(station), "--parts", "1"), check=False, capture_output=True)
    _check_reported(station, deaths)


def _command(station: Path) -> tuple[str, ...]:
    return (sys.executable, "-m", "almrr_core.cli", "run", "--data-dir", str(station))


def _run_and_kill(station: Path, parts: int, delay: float) -> list[str]:
    """Return the ids that the line printed before it was killed."""
    lines: list[bytes] = []
    with subprocess.Popen(_command(station), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while len(lines) < parts:
            line = process.stdout.readline()
            assert line, f"the line ended by itself: {process.stderr.read().decode()}"
            lines.append(line)
        threading.Event().wait(delay)
        process.kill()
        lines += process.stdout.readlines()
    whole = [line for line in lines if line.endswith(b"\n")]
    return [json.loads(line)["part"] for line in whole]


def _check(station: Path, printed: list[str], seen: set[str]) -> Death:
    """Check log and pictures after a kill; `seen` are the parts of the runs before, and grows."""
    noted = (station / "in-flight-line-1.txt").read_text(encoding="ascii").split()
    with closing(Store.open(station)) as store:
        rows = store.page(LogFilter(), LogOrder.OLDEST, None, 1_000_000)
        new = [row for row in rows if row.part_id not in seen]
        parts = {row.part_id for row in new}
        assert set(printed) <= parts, "a part that was printed is not in the log"
        names = [Path(row.name).name for row in new]
        assert names == [f"{at % PICTURES:03}.png" for at in range(len(new))], f"the log has a hole: {names}"
        _check_pictures(store, rows, new)
    seen |= parts
    missing = tuple(part_id for part_id in noted if part_id not in parts)
    assert len(missing) <= MOST_IN_FLIGHT, f"{len(missing)} parts are missing"
    return Death(len(printed), len(new), missing)


def _check_pictures(store: Store, rows: Sequence[LogRow], new: Sequence[LogRow]) -> None:
    for row in new:
        detail = store.detail(row.inspection_id)
        assert detail.picture is not None, f"{row.part_id}: {detail.picture_note}"
        assert detail.picture.shape == (SIDE, SIDE, 3)
        assert detail.score_map is not None, f"{row.part_id} has no map"
    files = [path for path in (store.folder / "pictures").rglob("*") if path.is_file()]
    assert len(files) == 2 * len(rows), "a file lies about that no row names"


def _check_reported(station: Path, deaths: Sequence[Death]) -> None:
    """Check that every missing part is named by an event, and by one alone."""
    with closing(Store.open(station)) as store:
        gaps = [event.after for event in store.events(10_000) if event.action == Action.GAP]
    named = Counter(part_id for after in gaps for part_id in after.split(", "))
    missing = Counter(part_id for death in deaths for part_id in death.missing)
    assert named == missing, f"not reported: {missing - named}; reported more than once: {named - missing}"


if __name__ == "__main__":
    main()
