"""Backbones compared by what a user does with them: train and evaluate, every run in processes of its own.

`python -m almrr_core.bench.backbones --minutes 8 --seeds 3 --data DATA --weights W --out FILE.json`

FILE keeps every finished run: called again, only the missing ones are made. At the end (with --seeds 0 at
once) the table of FILE is printed as Markdown. On a machine that is not idle give `--steps` instead of
`--minutes`, as many as the minutes allow when it is (`almrr_core.train.bench` has the pace): every row costs
the same per step, so the comparison is the same, and it may be paused. With steps `--jobs 2` makes two runs at
a time, of one thread each on two cores: together they are done sooner.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from almrr_core.files import read_json, resources, write_json
from almrr_core.models.weights import SHIPPED

ROWS = {
    "random ResNet-18": ("--backbone", "resnet18", "--random-backbone"),
    "random, local contrast": ("--backbone", "texture18", "--random-backbone", "--no-shade"),
    "texture18": ("--backbone", "texture18", "--no-shade"),  # the backbones alone are compared
    "ImageNet ResNet-18": ("--backbone", "resnet18", "--weights"),
}
SETS: dict[str, tuple[str, ...]] = {"mt_defect": (), "nanotwice": ("--tile", "256", "--overlap", "64")}
COLUMNS = {
    "image or tile AUROC": ("image_auroc", "tile_auroc"),
    "pixel AUROC": ("pixel_auroc",),
    "pixel AP": ("pixel_ap",),
    "AU-PRO": ("aupro",),
}


@dataclass(frozen=True, slots=True)
class Run:
    """One training and its evaluation."""

    row: str
    data: str
    seed: int

    @property
    def key(self) -> str:
        """Return its name in the result file."""
        return f"{self.row} / {self.data} / {self.seed}"


def main() -> int:
    """Make the missing runs and print the table; the exit code is 1 after a run that failed."""
    options = _options()
    results = read_json(options.out) if options.out.exists() else {}
    # the seed outermost: after a third of the time every cell of the table has a figure
    rows = options.row or ROWS
    runs = [Run(row, data, seed) for seed in range(options.seeds) for data in SETS for row in rows]
    if runs and (foreign := _foreign(results, _budget(options))):
        print(f"{options.out} holds runs of other weights or another budget ({foreign}): name a new file.")
        return 1
    writing = Lock()

    def make(run: Run) -> int:
        print(f"{time.strftime('%H:%M:%S')} {run.key}", flush=True)
        try:
            made = _measure(run, options)
        except subprocess.CalledProcessError as error:
            print(f"{run.key} failed with exit code {error.returncode}; call again to retry", flush=True)
            return 1
        with writing:
            results[run.key] = made
            write_json(options.out, results)
        return 0

    with ThreadPoolExecutor(options.jobs) as jobs:
        failed = max(jobs.map(make, [run for run in runs if run.key not in results]), default=0)
    for line in table(results):
        print(line)
    return failed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, default=8.0, help="of training, the same for every run")
    budget.add_argument("--steps", type=int, help="of training instead of minutes, the same for every run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--row", action="append", choices=ROWS, help="only this row; may stand several times")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, which share the cores (1)")
    parser.add_argument("--data", type=Path, required=True, help=f"folder with {' and '.join(SETS)}")
    parser.add_argument("--weights", type=Path, required=True, help="ImageNet weights, or a folder with them")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the finished runs")
    options = parser.parse_args()
    if options.jobs < 1 or (options.jobs > 1 and options.steps is None):
        parser.error("several jobs at a time need --steps: they would share the minutes")
    return options


def _budget(options: argparse.Namespace) -> str:
    return f"--minutes {options.minutes}" if options.steps is None else f"--steps {options.steps}"


def _foreign(results: dict[str, Any], budget: str) -> str:
    """Return a kept run of another budget or of a former texture18: new ones cannot stand beside it."""
    ours = read_json(resources() / "backbones" / f"{SHIPPED}.json")["weights_hash"]
    for key, kept in results.items():
        former = key.startswith(f"{SHIPPED} /") and kept["backbone_hash"] != ours
        if former or kept.get("budget", budget) != budget:  # before 0.5 it was not kept
            return key
    return ""


def _measure(run: Run, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="almrr-backbones-") as folder:
        bundle, data = str(Path(folder) / "bundle"), str(options.data / run.data)
        words = list(ROWS[run.row])
        if words[-1] == "--weights":
            words.append(str(options.weights))
        textures = options.data / "textures"
        if textures.is_dir():
            words += ["--textures", str(textures)]
        words += [*_budget(options).split(), "--seed", str(run.seed), "--pack-backbone"]
        threads = max(1, (os.cpu_count() or 1) // options.jobs) if options.jobs > 1 else None
        made = _almrr(folder, threads, "train", data, "--out", bundle, *SETS[run.data], *words)
        found = _almrr(folder, threads, "evaluate", bundle, data)
    kept = ("backbone", "backbone_hash", "steps", "seconds", "trained", "metrics")
    return {name: made[name] for name in kept} | {"budget": _budget(options), "test": found}


def _almrr(folder: str, threads: int | None, *words: str) -> dict[str, Any]:
    """Run one command of the program with so many OpenMP threads (None: torch decides); return its --json."""
    result = Path(folder) / "result.json"
    command = [sys.executable, "-m", "almrr_core.cli", *words, "--json", str(result)]
    ours = {} if threads is None else {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | ours)
    value: dict[str, Any] = json.loads(result.read_text("utf-8"))
    return value


def table(results: dict[str, Any]) -> Iterator[str]:
    """Yield the Markdown lines: mean over the seeds ± half their range, in percent."""
    for data in SETS:
        yield f"| {data} | seeds | {' | '.join(COLUMNS)} |"
        yield "|---|---|" + "---|" * len(COLUMNS)
        for row in ROWS:
            tests = [one["test"] for key, one in results.items() if key.startswith(f"{row} / {data} / ")]
            cells = [_cell([_figure(test, names) for test in tests]) for names in COLUMNS.values()]
            yield f"| {row} | {len(tests)} | {' | '.join(cells)} |"
        yield ""


def _figure(test: dict[str, Any], names: tuple[str, ...]) -> float | None:
    return next((float(test[name]) for name in names if test.get(name) is not None), None)


def _cell(figures: list[float | None]) -> str:
    values = [100 * figure for figure in figures if figure is not None]
    if not values:
        return "-"
    spread = f" ± {(max(values) - min(values)) / 2:.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


if __name__ == "__main__":
    sys.exit(main())
