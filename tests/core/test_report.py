from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from almrr_core.errors import ErrorCode, StationError
from almrr_core.evaluate.report import LeftOut, Report, evaluate_folder
from almrr_core.imaging import write_png
from almrr_core.judge import frame_score
from almrr_core.runtime.engine import Engine
from almrr_core.types import Box, Geometry, Limits

SIDE = 64


def engine(geometry: Geometry, review: float = 0.5, fail: float = 0.8) -> Engine:
    """An engine whose score map is the brightness of what it sees, 0..1."""

    def maps(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert tiles.shape[1:] == (geometry.input_size, geometry.input_size, 3)
        return np.divide(tiles[..., 0], 255, dtype=np.float32)

    card = SimpleNamespace(geometry=geometry, bit_depth=None)
    return cast(Engine, SimpleNamespace(card=card, limits=Limits(review, fail, fail), maps=maps))


WHOLE = Geometry(SIDE)
TILES = Geometry(SIDE, tile=SIDE, overlap=16)


class DataSet:
    """test/ and ground_truth/, with what was written kept by name."""

    def __init__(self, root: Path, shape: tuple[int, int], seed: int) -> None:
        self.root, self.shape = root, shape
        self.random = np.random.default_rng(seed)
        self.pictures: dict[str, NDArray[np.uint8]] = {}
        self.masks: dict[str, NDArray[np.uint8]] = {}

    def good(self, stem: str) -> None:
        self._write("good", stem, self.random.integers(0, 200, self.shape).astype(np.uint8))

    def defect(self, stem: str, kind: str = "spot", lift: int = 80, mask: bool = True) -> None:
        picture = self.random.integers(0, 150, self.shape).astype(np.int64)
        height, width = self.shape
        top, left = int(self.random.integers(height // 2)), int(self.random.integers(width // 2))
        truth = np.zeros(self.shape, np.uint8)
        truth[top : top + height // 4, left : left + width // 5] = 255
        picture[truth > 0] += lift
        self._write(kind, stem, np.clip(picture, 0, 255).astype(np.uint8))
        if mask:
            self.masks[f"{kind}/{stem}"] = truth
            write_png(self.root / "ground_truth" / kind / f"{stem}_mask.png", truth)

    def _write(self, kind: str, stem: str, picture: NDArray[np.uint8]) -> None:
        self.pictures[f"{kind}/{stem}"] = picture
        write_png(self.root / "test" / kind / f"{stem}.png", picture)

    def truth(self, name: str) -> NDArray[np.bool_]:
        return self.masks.get(name, np.zeros(self.shape, np.uint8)) > 0


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    seed = int.from_bytes(os.urandom(4), "little")
    sys.stderr.write(f"seed {seed}\n")  # shown when a test fails
    made = DataSet(tmp_path / "set", (90, 150), seed)
    for number in range(4):
        made.good(f"g{number}")
        made.defect(f"d{number}")
    return made


def resized_to_nearest_centre(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows, columns = (((np.arange(SIDE) + 0.5) * n / SIDE).astype(int) for n in mask.shape)
    return np.asarray(mask[np.ix_(rows, columns)])


def brightness(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small / np.float32(255))


def test_a_whole_picture_is_measured_at_the_models_size(data: DataSet) -> None:
    report = evaluate_folder(engine(WHOLE), data.root)
    maps = {name: brightness(picture) for name, picture in data.pictures.items()}
    labels = [name.startswith("spot") for name in maps]
    scores = [frame_score(one) for one in maps.values()]
    pixels = np.concatenate([one.ravel() for one in maps.values()])
    truth = np.concatenate([resized_to_nearest_centre(data.truth(name)).ravel() for name in maps])
    assert report.metrics.image_auroc == pytest.approx(roc_auc_score(labels, scores))
    assert report.metrics.image_ap == pytest.approx(average_precision_score(labels, scores))
    assert report.metrics.pixel_auroc == pytest.approx(roc_auc_score(truth, pixels))
    assert report.metrics.pixel_ap == pytest.approx(average_precision_score(truth, pixels))
    assert report.tile_auroc is None
    assert (report.pictures, report.good, report.anomalous) == (8, 4, 4)


def test_tiles_are_measured_at_full_resolution_and_one_by_one(data: DataSet) -> None:
    report = evaluate_folder(engine(TILES), data.root)
    scores, labels, pixels, truth = [], [], [], []
    for name, picture in data.pictures.items():
        mask = data.truth(name)
        for top in (0, 90 - SIDE):
            for left in (0, 48, 150 - SIDE):
                window = np.s_[top : top + SIDE, left : left + SIDE]
                scores.append(frame_score(np.divide(picture[window], 255, dtype=np.float32)))
                labels.append(bool(mask[window].any()))
        pixels.append(picture.ravel() / np.float32(255))
        truth.append(mask.ravel())
    assert report.tile_auroc == pytest.approx(roc_auc_score(labels, scores))
    expected = roc_auc_score(np.concatenate(truth), np.concatenate(pixels))
    assert report.metrics.pixel_auroc == pytest.approx(expected, abs=1e-4)


def test_a_tile_is_anomalous_by_a_single_pixel_whatever_the_scale(tmp_path: Path) -> None:
    data = DataSet(tmp_path, (256, 256), 1)
    picture = np.full((256, 256), 60, np.uint8)
    picture[:40, :40] = 255
    truth = np.zeros((256, 256), np.uint8)
    truth[33, 5] = 255  # a nearest-neighbour resize to half would drop it
    data._write("dot", "a", picture)
    write_png(tmp_path / "ground_truth" / "dot" / "a.png", truth)
    report = evaluate_folder(engine(Geometry(SIDE, tile=SIDE, scale=0.5)), tmp_path)
    assert report.tile_auroc == 1.0
    assert report.metrics.image_auroc is None
    assert report.metrics.pixel_auroc is not None


def test_without_good_pictures_and_masks_nothing_is_made_up(tmp_path: Path) -> None:
    data = DataSet(tmp_path, (90, 150), 2)
    data.defect("a", mask=False)
    report = evaluate_folder(engine(TILES), tmp_path)
    value = report.to_json()
    assert [value[k] for k in ("image_auroc", "pixel_auroc", "pixel_ap", "f1_max", "aupro")] == [None] * 5
    assert value["tile_auroc"] is None
    assert value["without_mask"] == 1


def test_verdicts_are_counted_at_the_limits(tmp_path: Path) -> None:
    data = DataSet(tmp_path, (SIDE, SIDE), 3)
    for kind, levels in {"good": (10, 10, 140, 240), "spot": (10, 140, 240), "hole": (250,)}.items():
        for number, level in enumerate(levels):
            data._write(kind, str(number), np.full((SIDE, SIDE), level, np.uint8))
    report = evaluate_folder(engine(WHOLE), tmp_path)
    assert (report.escapes, report.false_rejects) == (1, 2)
    counts = {one.name: (one.pictures, one.passed, one.reviewed, one.failed) for one in report.classes}
    assert counts == {"good": (4, 2, 1, 1), "spot": (3, 1, 1, 1), "hole": (1, 0, 0, 1)}
    aurocs = {one.name: one.image_auroc for one in report.classes}
    assert aurocs["good"] is None
    assert aurocs["hole"] == 1.0
    assert aurocs["spot"] == roc_auc_score([0] * 4 + [1] * 3, [10, 10, 140, 240, 10, 140, 240])


def test_what_cannot_be_inspected_is_named_and_left_out(data: DataSet) -> None:
    before = evaluate_folder(engine(WHOLE), data.root)
    broken = data.root / "test" / "spot" / "broken.png"
    broken.write_bytes((data.root / "test" / "spot" / "d0.png").read_bytes()[:200])
    data.defect("odd")
    write_png(data.root / "ground_truth" / "spot" / "odd_mask.png", np.zeros((5, 5), np.uint8))
    seen: list[tuple[int, int]] = []
    report = evaluate_folder(engine(WHOLE), data.root, progress=lambda *at: seen.append(at))
    assert [one.path.stem for one in report.left_out] == ["broken", "odd"]
    assert "broken.png" in report.left_out[0].reason
    assert "5 x 5" in report.left_out[1].reason
    assert report.metrics == before.metrics
    assert report.pictures == 8
    assert seen == [(n, 10) for n in range(1, 11)]


def test_nothing_readable_gives_an_empty_report(tmp_path: Path) -> None:
    (tmp_path / "test" / "spot").mkdir(parents=True)
    (tmp_path / "test" / "spot" / "a.png").write_bytes(b"")
    report = evaluate_folder(engine(WHOLE), tmp_path)
    assert report.pictures == 0
    assert report.milliseconds is None
    assert set(report.metrics.to_json().values()) == {None, 0}


def test_a_region_of_interest_cuts_the_masks_too(tmp_path: Path) -> None:
    data = DataSet(tmp_path, (100, 100), 4)
    picture, truth = np.full((100, 100), 30, np.uint8), np.zeros((100, 100), np.uint8)
    picture[20:52, 36:68] = truth[20:52, 36:68] = 255
    data._write("spot", "a", picture)
    write_png(tmp_path / "ground_truth" / "spot" / "a.png", truth)
    for geometry in (
        Geometry(SIDE, roi=Box(20, 4, SIDE, SIDE)),
        Geometry(SIDE, SIDE, roi=Box(20, 4, 80, 70)),
    ):
        assert evaluate_folder(engine(geometry), tmp_path).metrics.pixel_ap == pytest.approx(1.0), geometry


def rows(folder: Path) -> list[list[str]]:
    text = (folder / "scores.csv").read_text(encoding="utf-8", errors="surrogateescape")
    return list(csv.reader(text.splitlines(keepends=True)))


@pytest.mark.parametrize(("geometry", "shape"), [(WHOLE, (SIDE, SIDE)), (TILES, (90, 150))])
def test_raw_maps_and_scores_are_written(
    data: DataSet, tmp_path: Path, geometry: Geometry, shape: tuple[int, int]
) -> None:
    evaluate_folder(engine(geometry), data.root, tmp_path / "maps")
    head, *lines = rows(tmp_path / "maps")
    assert head == ["class", "stem", "score"]
    assert {f"{kind}/{stem}" for kind, stem, _ in lines} == set(data.pictures)
    for kind, stem, score in lines:
        values = np.load(tmp_path / "maps" / kind / f"{stem}.npy", allow_pickle=False)
        assert (values.dtype, values.shape) == (np.dtype(np.float32), shape)
        if geometry is WHOLE:
            assert float(score) == frame_score(values)


def test_maps_of_pictures_that_share_a_stem_stand_side_by_side(tmp_path: Path) -> None:
    data = DataSet(tmp_path / "set", (SIDE, SIDE), 5)
    stems = ["a, b", "a.b", 'x"y' if os.name == "posix" else "xy"]
    for stem in stems:
        data.good(stem)
    data.good("same")
    other = data.root / "test" / "good" / "same.bmp"
    cv2.imwrite(str(other), np.full((SIDE, SIDE), 200, np.uint8))
    evaluate_folder(engine(WHOLE), data.root, tmp_path / "maps")
    _, *lines = rows(tmp_path / "maps")
    scores = {stem: float(score) for _, stem, score in lines}
    assert set(scores) == {*stems, "same", "same.png"}
    for stem, score in scores.items():
        assert frame_score(np.load(tmp_path / "maps" / "good" / f"{stem}.npy")) == score
    assert scores["same"] == pytest.approx(200 / 255)  # the .bmp comes first


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: names of bytes that are no text")
def test_a_name_that_is_no_text_is_written_as_it_is(tmp_path: Path) -> None:
    data = DataSet(tmp_path / "set", (SIDE, SIDE), 6)
    name = os.fsdecode(b"bad\xff\nname")
    data.good(name)
    report = evaluate_folder(engine(WHOLE), data.root, tmp_path / "maps")
    assert rows(tmp_path / "maps")[1][1] == name
    assert report.pictures == 1


def test_the_report_as_json_has_the_promised_keys(data: DataSet) -> None:
    (data.root / "test" / "spot" / "broken.png").write_bytes(b"")
    report = evaluate_folder(engine(WHOLE), data.root)
    value: dict[str, Any] = report.to_json()
    assert {"image_auroc", "image_ap", "pixel_auroc", "pixel_ap", "f1_max", "aupro"} <= set(value)
    assert {"tile_auroc", "pictures", "without_mask", "escapes", "false_rejects", "classes"} <= set(value)
    (left,) = report.left_out
    assert isinstance(report, Report)
    assert isinstance(left, LeftOut)
    assert value["not_inspected"] == [{"path": str(left.path), "reason": left.reason}]


def test_a_folder_without_test_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StationError) as caught:
        evaluate_folder(engine(WHOLE), tmp_path)
    assert caught.value.code is ErrorCode.FOLDER_UNUSABLE
