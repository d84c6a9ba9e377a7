from __future__ import annotations

import csv
import io
import math
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import read_picture
from almrr_core.store import Store
from almrr_core.types import Label, LogFilter, Recipe, Verdict
from tests.core.store.helpers import ANNA, a_picture, record_of

FAILS = LogFilter(verdicts=(Verdict.FAIL,))


@pytest.fixture
def filled(store: Store, recipe: Recipe) -> Store:
    first = record_of(recipe, "P-1", 3.125, 0, "L, 1", '"quoted"', a_picture(), name="ä.png", truth="hole")
    store.add_label(store.record(first, keep_picture=True), Label.BAD, ANNA, "scratch")
    store.record(record_of(recipe, "=1+1", -2.0, 1, picture=a_picture(seed=2)), keep_picture=True)
    store.record(record_of(recipe, "P-3", math.nan, 2), keep_picture=True)
    return store


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_holds_the_selection_newest_first(filled: Store, tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "log.csv"
    assert filled.export_csv(LogFilter(), target) == 3
    assert target.read_bytes().startswith(b"\xef\xbb\xbfinspection,part,decided_at_utc,")
    newest, formula, first = read(target.read_text(encoding="utf-8-sig"))
    assert (newest["part"], newest["verdict"], newest["score"]) == ("P-3", "NOT_INSPECTED", "")
    assert newest["reason"] == "the file is damaged"
    assert formula["part"] == "'=1+1"
    assert first == {
        "inspection": "1",
        "part": "P-1",
        "decided_at_utc": "2026-07-23T06:00:00.000250Z",
        "product": "weave",
        "source": "camera-1",
        "verdict": "FAIL",
        "score": "3.125",
        "review_limit": "1.4",
        "fail_limit": "2.6",
        "model": "M-0001",
        "recipe_version": "1",
        "latency_ms": "60.2",
        "lot": "L, 1",
        "serial": '"quoted"',
        "name": "ä.png",
        "reason": "",
        "truth": "hole",
        "label": "bad",
        "defect_class": "scratch",
        "picture": "pictures/2026/07/23/P-1.png",
    }
    assert [path.name for path in target.parent.iterdir()] == ["log.csv"]


def test_zip_holds_the_table_pictures_and_maps(filled: Store, tmp_path: Path) -> None:
    target = tmp_path / "log.zip"
    assert filled.export_zip(FAILS, target) == 1
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        picture = "pictures/2026/07/23/P-1.png"
        assert set(archive.namelist()) == {"inspections.csv", picture, picture.replace("png", "npy")}
        rows = read(archive.read("inspections.csv").decode("utf-8-sig"))
        archive.extractall(tmp_path / "out")
    assert [row["picture"] for row in rows] == [picture]
    assert np.array_equal(read_picture(tmp_path / "out" / picture), a_picture())
    assert np.load(tmp_path / "out" / picture.replace("png", "npy")).dtype == np.float16


def test_a_picture_that_is_gone_does_not_stop_an_export(filled: Store, tmp_path: Path) -> None:
    for path in (filled.folder / "pictures").rglob("P-1.*"):
        path.unlink()
    assert filled.export_zip(LogFilter(), tmp_path / "log.zip") == 3
    with zipfile.ZipFile(tmp_path / "log.zip") as archive:
        assert not any("P-1" in name for name in archive.namelist())


def test_more_rows_than_one_page(store: Store, recipe: Recipe, tmp_path: Path) -> None:
    store.record_all(record_of(recipe, f"P-{number}", seconds=number // 3) for number in range(1203))
    assert store.export_csv(LogFilter(), tmp_path / "log.csv") == 1203
    rows = read((tmp_path / "log.csv").read_text(encoding="utf-8-sig"))
    assert [row["part"] for row in rows] == [f"P-{number}" for number in range(1202, -1, -1)]


def test_an_export_that_fails_leaves_the_older_file(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("older", encoding="utf-8")
    for target in (tmp_path / "file" / "log.csv", tmp_path):
        with pytest.raises(StationError, match="could not be written") as caught:
            filled.export_csv(LogFilter(), target)
        assert caught.value.code is ErrorCode.WRITE_FAILED
    assert (tmp_path / "file").read_text(encoding="utf-8") == "older"
    assert not list(tmp_path.parent.glob(".*.tmp"))


def never() -> bool:
    return False


@pytest.mark.parametrize("kind", ["csv", "zip"])
@pytest.mark.parametrize("older", [False, True])
def test_an_export_that_is_stopped_leaves_no_half_file(
    filled: Store, tmp_path: Path, kind: str, older: bool
) -> None:
    target, looks = tmp_path / "out" / f"log.{kind}", list[int]()
    target.parent.mkdir()
    if older:
        target.write_text("older", encoding="utf-8")

    def stop() -> bool:
        looks.append(len(list(target.parent.iterdir())))
        return len(looks) == 2

    export: Callable[..., int] = filled.export_csv if kind == "csv" else filled.export_zip
    with pytest.raises(StationError) as caught:
        export(LogFilter(), target, stop)
    assert caught.value.code is ErrorCode.EXPORT_STOPPED
    assert looks == [1 + older] * 2  # it was being written
    assert [path.read_text(encoding="utf-8") for path in target.parent.iterdir()] == ["older"] * older
    assert export(LogFilter(), target, never) == 3


def test_a_zip_needs_no_more_memory_than_a_page_of_rows(store: Store, recipe: Recipe, tmp_path: Path) -> None:
    large = a_picture(1200, 1200)  # 4 MB: noise
    store.record(record_of(recipe, "large", picture=large), keep_picture=True)
    long = "x" * 1500
    store.record_all(record_of(recipe, f"P-{number}", seconds=1, name=long) for number in range(4000))
    target = tmp_path / "log.zip"
    tracemalloc.start()
    try:
        assert store.export_zip(LogFilter(), target) == 4001
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    with zipfile.ZipFile(target) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    assert min(sizes["inspections.csv"], max(sizes.values())) > 4_000_000
    assert peak < 4_000_000, f"{peak:,} bytes"
