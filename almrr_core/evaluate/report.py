"""A trained model on a test set: metrics by one protocol, verdicts at the limits, raw maps on request."""

from __future__ import annotations

import csv
import io
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from almrr_core.data.folders import TestPicture, find_test, read_mask
from almrr_core.data.tiling import Layout, blend, cut
from almrr_core.errors import StationError
from almrr_core.evaluate.metrics import Metrics, evaluate_maps, image_auroc
from almrr_core.files import write_atomic
from almrr_core.imaging import crop, read_picture
from almrr_core.judge import frame_score, verdict_of
from almrr_core.runtime.engine import Engine
from almrr_core.types import Geometry, Limits, Mask, ScoreMap, Verdict

Progress = Callable[[int, int], None]  # (pictures done, pictures in all)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A test picture that could not be inspected, and why; no figure counts it."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class ClassResult:
    """One class of the test set: its pictures by verdict; AUROC of its scores against the good ones."""

    name: str
    pictures: int
    image_auroc: float | None
    passed: int
    reviewed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a test set says of a model; figures in 0..1, None where the data cannot say.

    `escapes` are anomalous pictures that PASS, `false_rejects` good ones that do not. `milliseconds` is
    the median per picture, of the model with cutting and blending, without reading.
    """

    metrics: Metrics
    tile_auroc: float | None
    pictures: int
    good: int
    anomalous: int
    escapes: int
    false_rejects: int
    milliseconds: float | None
    classes: tuple[ClassResult, ...]
    left_out: tuple[LeftOut, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON types only, the metrics' names on the first level."""
        rest = asdict(self)
        del rest["metrics"], rest["left_out"]
        left_out = [{"path": str(one.path), "reason": one.reason} for one in self.left_out]
        return self.metrics.to_json() | rest | {"not_inspected": left_out}


@dataclass(frozen=True, slots=True, eq=False)
class _Inspected:
    """One test picture as the protocol sees it: map and mask of one size, and per tile score and truth."""

    picture: TestPicture
    score_map: ScoreMap
    mask: Mask | None
    score: float
    tile_scores: tuple[float, ...]
    tile_labels: tuple[bool, ...]
    milliseconds: float


def evaluate_folder(
    engine: Engine, data: Path, maps: Path | None = None, progress: Progress | None = None
) -> Report:
    """Run the model over `data`/test and compare with `data`/ground_truth.

    Whole-picture geometry: maps as the model gives them (S, S), masks resized to that by nearest
    neighbour. Tiles: blended maps at the picture's own resolution, and `tile_auroc` over single tiles, of
    which one is anomalous when its part of the mask has a pixel. A region of interest cuts the masks too.
    `maps` is a folder for the maps and scores.csv. A picture that cannot be inspected is left out and
    named. Memory: 5 bytes per test pixel, and what the metrics need. Raises FOLDER_UNUSABLE, WRITE_FAILED.
    """
    pictures = find_test(data)
    inspected: list[_Inspected] = []
    left_out: list[LeftOut] = []
    for number, picture in enumerate(pictures):
        try:
            inspected.append(_inspect(engine, picture))
        except StationError as fault:
            left_out.append(LeftOut(picture.path, fault.sentence))
        except MemoryError:
            left_out.append(LeftOut(picture.path, f"There is not enough memory to inspect {picture.path}."))
        if progress is not None:
            progress(number + 1, len(pictures))
    if maps is not None:
        _write_maps(maps, inspected, data / "test")
    return _report(inspected, left_out, engine.limits)


def _inspect(engine: Engine, picture: TestPicture) -> _Inspected:
    geometry = engine.card.geometry
    frame = read_picture(picture.path, engine.card.bit_depth)
    mask = None
    if picture.mask_path is not None:
        mask = _crop_mask(read_mask(picture.mask_path, frame.shape[:2]), geometry)
    start = time.perf_counter()
    tiles, layout = cut(frame, geometry)
    tile_maps = engine.maps(tiles)
    whole = geometry.tile is None
    score_map = tile_maps[0] if whole else blend(tile_maps, layout)
    scores = tuple(frame_score(one) for one in tile_maps)
    milliseconds = 1000 * (time.perf_counter() - start)
    labels = _tile_labels(mask, layout) if mask is not None else (False,) * len(scores)
    if mask is not None and whole:
        mask = _nearest(mask, score_map.shape)
    return _Inspected(picture, score_map, mask, max(scores), scores, labels, milliseconds)


def _crop_mask(mask: Mask, geometry: Geometry) -> Mask:
    return crop(mask.view(np.uint8), geometry.roi).view(np.bool_)


def _nearest(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """Resize by the nearest pixel centre, as Pillow does; OpenCV's plain INTER_NEAREST is half a pixel off."""
    size = (shape[1], shape[0])
    resized = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized > 0)


def _tile_labels(mask: Mask, layout: Layout) -> tuple[bool, ...]:
    """Say of each tile whether the mask has a pixel in it; `layout` is in scaled pixels, the mask is not."""
    down, right = (own / scaled for own, scaled in zip(layout.size, layout.scaled, strict=True))
    height, width = layout.tile
    return tuple(
        bool(
            mask[
                int(top * down) : int(np.ceil((top + height) * down)),
                int(left * right) : int(np.ceil((left + width) * right)),
            ].any()
        )
        for top, left in layout.origins
    )


def _report(inspected: Sequence[_Inspected], left_out: Sequence[LeftOut], limits: Limits) -> Report:
    labels = [one.picture.anomalous for one in inspected]
    verdicts = [verdict_of(one.score, limits) for one in inspected]
    judged = list(zip(labels, verdicts, strict=True))
    return Report(
        metrics=evaluate_maps(
            [one.score_map for one in inspected],
            [one.mask for one in inspected],
            [one.score for one in inspected],
            [int(label) for label in labels],
        ),
        tile_auroc=_tile_auroc(inspected),
        pictures=len(inspected),
        good=labels.count(False),
        anomalous=labels.count(True),
        escapes=sum(label and verdict is Verdict.PASS for label, verdict in judged),
        false_rejects=sum(not label and verdict is not Verdict.PASS for label, verdict in judged),
        milliseconds=statistics.median(one.milliseconds for one in inspected) if inspected else None,
        classes=_classes(inspected, verdicts),
        left_out=tuple(left_out),
    )


def _tile_auroc(inspected: Sequence[_Inspected]) -> float | None:
    """Return the AUROC over tiles where pictures are cut; an anomalous picture without a mask says nothing."""
    used = [one for one in inspected if one.mask is not None or not one.picture.anomalous]
    if all(len(one.tile_scores) == 1 for one in used):
        return None
    scores = [score for one in used for score in one.tile_scores]
    return image_auroc(scores, [label for one in used for label in one.tile_labels])


def _classes(inspected: Sequence[_Inspected], verdicts: Sequence[Verdict]) -> tuple[ClassResult, ...]:
    good = [one.score for one in inspected if not one.picture.anomalous]
    results = []
    for name in sorted({one.picture.class_name for one in inspected}):
        chosen = [n for n, one in enumerate(inspected) if one.picture.class_name == name]
        scores = [inspected[n].score for n in chosen]
        own = [verdicts[n] for n in chosen]
        auroc = None
        if inspected[chosen[0]].picture.anomalous:
            auroc = image_auroc(good + scores, [0] * len(good) + [1] * len(scores))
        counts = (own.count(verdict) for verdict in (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL))
        results.append(ClassResult(name, len(chosen), auroc, *counts))
    return tuple(results)


def _write_maps(folder: Path, inspected: Sequence[_Inspected], test: Path) -> None:
    """Write <class>/<stem>.npy and scores.csv; of pictures that share a stem the later keep their suffix."""
    rows, taken = [("class", "stem", "score")], set()
    for one in inspected:
        inside = one.picture.path.relative_to(test / one.picture.class_name)
        stem = inside.with_suffix("").as_posix()
        if (one.picture.class_name, stem) in taken:
            stem = inside.as_posix()
        taken.add((one.picture.class_name, stem))
        content = io.BytesIO()
        np.save(content, one.score_map.astype(np.float32, copy=False), allow_pickle=False)
        write_atomic(folder / one.picture.class_name / f"{stem}.npy", content.getvalue())
        rows.append((one.picture.class_name, stem, repr(one.score)))
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomic(folder / "scores.csv", text.getvalue().encode("utf-8", "surrogateescape"))
