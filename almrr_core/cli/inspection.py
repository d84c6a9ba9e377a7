"""`almrr inspect`: one JSON line per picture, overlays on request; a bad picture never stops the rest."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from almrr_core.cli.console import GOOD, REFUSED, Outcome, put, say
from almrr_core.cli.info import model_line
from almrr_core.cli.parser import Options
from almrr_core.cli.results import to_line
from almrr_core.errors import StationError

if TYPE_CHECKING:
    from almrr_core.runtime.engine import Engine
    from almrr_core.types import Box, Inspection, Picture, Region

LONGEST_STEM = 200  # bytes; file systems allow 255 for a whole name, and writing needs a temporary one


def run(options: Options) -> Outcome:
    """Inspect what the paths name, in their order; the exit code is 1 if anything is NOT_INSPECTED."""
    from almrr_core.runtime.engine import Engine
    from almrr_core.types import Verdict

    engine = Engine.load(options.bundle, options.device, options.weights)
    say(model_line(engine.card))
    found = list(_pictures(options.paths))
    names = OverlayNames(options.out, [path for path, _ in found]) if options.out else None
    results = []
    for path, fault in found:
        results.append(_result(engine, path, names) if fault is None else not_inspected(path, fault))
        put(to_line(results[-1]))
    counts = Counter(result["verdict"] for result in results)
    numbers = {str(verdict): counts[verdict] for verdict in Verdict}
    say(f"{len(results)} pictures: " + ", ".join(f"{count} {name}" for name, count in numbers.items()) + ".")
    result = {"bundle": str(options.bundle), "counts": numbers, "pictures": results}
    return Outcome(result, REFUSED if counts[Verdict.NOT_INSPECTED] else GOOD)


def _pictures(paths: Iterable[Path]) -> Iterator[tuple[Path, str | None]]:
    """Yield every picture, or a path with the reason why there is none: nothing asked for is passed over."""
    from almrr_core.data.folders import list_pictures

    for path in paths:
        try:
            found = list_pictures(path)
        except StationError as fault:
            yield path, fault.sentence if path.exists() else f"There is no file or folder {path}."
        except OSError as error:  # a name too long to look up, a folder nobody may enter
            yield path, f"{path} cannot be looked at ({error.strerror})."
        else:
            if not found:
                yield path, f"The folder {path} holds no pictures."
            yield from ((picture, None) for picture in found)


def _result(engine: Engine, path: Path, names: OverlayNames | None) -> dict[str, Any]:
    from almrr_core.imaging import read_picture

    try:
        picture = read_picture(path, engine.card.bit_depth)
        inspection = engine.inspect(picture)
        line = inspected(engine, path, inspection)
    except StationError as fault:
        return not_inspected(path, fault.sentence)
    except MemoryError:
        return not_inspected(path, f"There is not enough memory to inspect {path}.")
    if names is not None:
        write_overlay(engine, picture, inspection, names.of(path))
    return line


def inspected(engine: Engine, path: Path, inspection: Inspection) -> dict[str, Any]:
    """Return a picture's line: raw score, and regions in pixels of the picture after its EXIF rotation."""
    from almrr_core.judge import regions_of, verdict_of

    return {
        "path": str(path),
        "verdict": str(verdict_of(inspection.score, engine.limits)),
        "score": inspection.score,
        "regions": [
            _region(one, engine.card.geometry.roi) for one in regions_of(inspection.score_map, engine.limits)
        ],
        "milliseconds": round(inspection.milliseconds, 3),
    }


def _region(region: Region, roi: Box | None) -> dict[str, Any]:
    """Return a region with its box in the picture: the map begins where the region of interest does."""
    box = asdict(region.box)
    if roi is not None:
        box |= {"x": box["x"] + roi.x, "y": box["y"] + roi.y}
    return box | {"area": region.area, "maximum": region.maximum, "mean": region.mean}


def not_inspected(path: Path, reason: str) -> dict[str, Any]:
    """Return the line of a picture that could not be judged."""
    line: dict[str, Any] = {"path": str(path), "verdict": "NOT_INSPECTED", "score": None, "regions": []}
    return line | {"milliseconds": None, "reason": reason}


def write_overlay(engine: Engine, picture: Picture, inspection: Inspection, target: Path) -> None:
    """Write the picture under its heat map, regions outlined; raises WRITE_FAILED."""
    from almrr_core.imaging import overlay, write_png

    write_png(target, overlay(picture, inspection.score_map, engine.limits, roi=engine.card.geometry.roi))


class OverlayNames:
    """Which file each overlay gets: <stem>.png, of pictures that share a stem the later <stem>-2.png.

    No overlay takes the place of an inspected picture. Names differ in more than case, and are cut where
    no file system would take them.
    """

    def __init__(self, folder: Path, pictures: Sequence[Path]) -> None:
        self._folder = folder
        whole = os.path.realpath(folder)
        self._taken = {path.name.casefold() for path in pictures if os.path.realpath(path.parent) == whole}

    def of(self, picture: Path) -> Path:
        """Return a name that no other picture gets."""
        stem, number = _short(picture.stem), 1
        name = f"{stem}.png"
        while name.casefold() in self._taken:
            number += 1
            name = f"{stem}-{number}.png"
        self._taken.add(name.casefold())
        return self._folder / name


def _short(stem: str) -> str:
    code = os.fsencode(stem)
    if len(code) <= LONGEST_STEM:
        return stem
    cut = code[: LONGEST_STEM - 9].decode("utf-8", "ignore")
    return f"{cut}-{hashlib.sha256(code).hexdigest()[:8]}"
