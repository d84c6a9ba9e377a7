"""`almrr demo`: train a minute on a generated surface, then inspect defects of kinds never trained on."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from almrr_core.cli.console import GOOD, REFUSED, Outcome, put, say, table
from almrr_core.cli.inspection import write_overlay
from almrr_core.cli.parser import Options
from almrr_core.cli.training import train_shown, whole_path
from almrr_core.errors import ErrorCode, StationError

if TYPE_CHECKING:
    from almrr_core.data.folders import TestPicture
    from almrr_core.runtime.engine import Engine


@dataclass(frozen=True, slots=True)
class Row:
    """One inspected picture: what was planted (good: nothing) and what the model said."""

    picture: str
    planted: str
    verdict: str
    score: float | None
    outcome: str


def run(options: Options) -> Outcome:
    """Generate, train, inspect and print the table of verdicts."""
    from almrr_core.data.folders import find_test
    from almrr_core.evaluate.planted import plant
    from almrr_core.runtime.engine import Engine

    folder = _folder(options.out)
    say(f"Making pictures of a surface in {folder / 'pictures'}.")
    plant(folder / "pictures", options.seed)
    _train(options, folder)
    engine = Engine.load(folder / "model", options.device)
    say("Inspecting fresh pictures, with defects of kinds that were not trained on.")
    rows = [_inspect(engine, one, folder) for one in find_test(folder / "pictures")]
    _print(rows)
    put(f"Pictures, model and overlays are in {folder}.")
    failed = any(row.outcome == "not inspected" for row in rows)
    result = {"folder": str(folder), "counts": _counts(rows), "pictures": [asdict(row) for row in rows]}
    return Outcome(result, REFUSED if failed else GOOD)


def _folder(out: Path | None) -> Path:
    if out is None:
        return Path(tempfile.mkdtemp(prefix="almrr-demo-"))
    folder = whole_path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        sentence = f"The demonstration cannot be put into {folder}: it is not an empty folder."
        raise StationError(ErrorCode.BAD_ARGUMENT, sentence, "Name a new folder.")
    return folder


def _train(options: Options, folder: Path) -> None:
    from almrr_core.train.job import TrainJob

    job = TrainJob(
        data=folder / "pictures",
        out=folder / "model",
        device=options.device,
        steps=options.steps,
        minutes=options.minutes if options.steps is None else None,
        seed=options.seed,
        pack_backbone=True,
    )
    train_shown(job)


def _inspect(engine: Engine, one: TestPicture, folder: Path) -> Row:
    from almrr_core.imaging import read_picture
    from almrr_core.judge import verdict_of
    from almrr_core.types import Verdict

    name = f"{one.class_name}/{one.path.name}"
    try:
        picture = read_picture(one.path)
        inspection = engine.inspect(picture)
    except StationError as fault:
        say(str(fault))
        return Row(name, one.class_name, Verdict.NOT_INSPECTED, None, "not inspected")
    write_overlay(engine, picture, inspection, folder / "overlays" / one.class_name / one.path.name)
    verdict = verdict_of(inspection.score, engine.limits)
    passed = verdict is Verdict.PASS
    words = ("MISSED", "caught") if one.anomalous else ("good", "FALSE REJECT")
    return Row(name, one.class_name, verdict, inspection.score, words[not passed])


def _print(rows: Sequence[Row]) -> None:
    head = ["picture", "planted", "score", "verdict", "outcome"]
    cells = [
        [row.picture, row.planted, "-" if row.score is None else f"{row.score:.2f}", row.verdict, row.outcome]
        for row in rows
    ]
    for line in table([head, *cells]):
        put(line)
    counts = _counts(rows)
    put()
    put(f"caught         {counts['caught']} of {counts['defective']} defects of families not trained on")
    put(f"false rejects  {counts['false_rejects']} of {counts['good']} good pictures")


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    outcomes = [row.outcome for row in rows]
    good = sum(row.planted == "good" for row in rows)
    return {
        "good": good,
        "defective": len(rows) - good,
        "caught": outcomes.count("caught"),
        "missed": outcomes.count("MISSED"),
        "false_rejects": outcomes.count("FALSE REJECT"),
    }
