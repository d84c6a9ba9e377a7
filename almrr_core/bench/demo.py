"""The demo line's model: writes the normals it is trained on, and counts its catches on fresh demo parts.

    python -m almrr_core.bench.demo --normals DIR
    almrr train DIR --backbone texture18 --no-pack-backbone --out resources/demo/bundle --steps 600
    python -m almrr_core.bench.demo [--bundle DIR] [--parts 1000]

The training reads pictures only: it never imports the generator that plants the demo's defects, and the parts
come from a roll of the same material that it never saw (another seed).
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path

from almrr_core.data.line_pictures import GOOD, STRETCHES, LinePictures
from almrr_core.files import resources
from almrr_core.imaging import write_png
from almrr_core.judge import verdict_of
from almrr_core.runtime.engine import Engine
from almrr_core.settings import SimulatedSettings
from almrr_core.types import Verdict

ROLLS = 1120  # one picture of each: the fifth that calibrates, enough for a tail fit, is of rolls unseen
FIRST_ROLL = 1_000_003  # the seed of rolls that no demo shows
SIZE = (480, 640)  # height, width in pixels: what the demo's camera gives


def write_normals(folder: Path, surface: str) -> None:
    """Write a picture without a defect of each of ROLLS rolls as PNG, half of them from the web's way back."""
    for roll in range(ROLLS):
        pictures = LinePictures(surface, SIZE, 0.0, (), FIRST_ROLL + roll)
        write_png(folder / f"{roll:04}.png", pictures(roll % 2 * STRETCHES)[0])


def measure(bundle: Path, parts: int, settings: SimulatedSettings) -> dict[str, object]:
    """Return catches, escapes and false rejects of demo parts; REVIEW and FAIL both count as a catch."""
    engine = Engine.load(bundle)
    pictures = LinePictures(settings.surface, SIZE, settings.defect_rate, settings.kinds, settings.seed)
    begun = time.perf_counter()
    seen = [
        (verdict_of(engine.inspect(p).score, engine.limits), truth)
        for p, truth in map(pictures, range(parts))
    ]
    seconds = time.perf_counter() - begun
    kinds = Counter(truth for _, truth in seen)
    missed = Counter(truth for verdict, truth in seen if verdict is Verdict.PASS and truth != GOOD)
    rejected = Counter(verdict for verdict, truth in seen if truth == GOOD and verdict is not Verdict.PASS)
    defects = parts - kinds[GOOD]
    return {
        "parts": parts,
        "defects": defects,
        "caught": defects - missed.total(),
        "missed": dict(missed),
        "good": kinds[GOOD],
        "good_failed": rejected[Verdict.FAIL],
        "good_review": rejected[Verdict.REVIEW],
        "milliseconds_per_part": round(1000 * seconds / parts, 1),
    }


def main() -> None:
    """Do what the head of this file says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--normals", type=Path, metavar="DIR", help="write the training pictures and stop")
    parser.add_argument("--bundle", type=Path, default=resources() / "demo" / "bundle", metavar="DIR")
    parser.add_argument("--parts", type=int, default=1000)
    options = parser.parse_args()
    settings = SimulatedSettings()
    if options.normals is not None:
        write_normals(options.normals, settings.surface)
        return
    print(json.dumps(measure(options.bundle, options.parts, settings), indent=1))


if __name__ == "__main__":
    main()
