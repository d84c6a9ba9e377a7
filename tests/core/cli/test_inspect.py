from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from almrr_core.cli import main
from almrr_core.cli.inspection import OverlayNames
from almrr_core.imaging import read_picture, write_png
from almrr_core.models.bundle import read_bundle
from almrr_core.types import Box, Geometry
from tests.core.cli.helpers import SIDE, lines, read, rewritten, run_python
from tests.core.picture_files import smooth


def nasty_names() -> list[str]:
    names = ["two words.png", "-dash.png", "ünï 日本.png", "x" * 240 + ".png", "UPPER.PNG", "a;b&c 'q'.png"]
    if sys.platform == "linux":
        names += ["new\nline.png", os.fsdecode(b"no\xfftext.png"), 'quo"te\\.png']
    return names


def test_any_name_is_inspected_and_comes_back_whole(
    bundle: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder = tmp_path / "in put"
    for name in nasty_names():
        write_png(folder / "p.png", smooth((80, 90)))
        (folder / "p.png").rename(folder / name)
    found = tmp_path / "r.json"
    assert main(["inspect", bundle, str(folder), "--out", str(tmp_path / "o"), "--json", str(found)]) == 0
    results = lines(capfdbinary.readouterr().out.decode("utf-8"))
    assert {Path(one["path"]) for one in results} == {folder / name for name in nasty_names()}
    assert all(set(one) == {"path", "verdict", "score", "regions", "milliseconds"} for one in results)
    value = read(found)
    assert value["pictures"] == results
    assert sum(value["counts"].values()) == len(results)
    overlays = list((tmp_path / "o").iterdir())
    assert len(overlays) == len(results)
    assert all(read_picture(one).shape == (80, 90, 3) for one in overlays)


def test_a_name_that_looks_like_an_option(
    bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "p.png", smooth((80, 90)))
    (tmp_path / "p.png").rename(tmp_path / "--out")
    assert main(["inspect", bundle, "--json", "r.json", "--", "--out"]) == 0
    assert read(tmp_path / "r.json")["pictures"][0]["path"] == "--out"


def test_what_cannot_be_read_is_not_inspected_and_the_rest_goes_on(
    bundle: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, empty = tmp_path / "in", tmp_path / "void"
    empty.mkdir()
    write_png(folder / "good.png", smooth((80, 90)))
    whole = (folder / "good.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("not asked for")
    odd = tmp_path / "picture.dat"
    odd.write_bytes(whole)  # not a known suffix, but named: it is tried
    long = tmp_path / ("y" * 5000)
    missing = tmp_path / "gone.png"
    paths = [folder, odd, missing, empty, long, folder / "good.png"]
    assert main(["inspect", bundle, *map(str, paths), "--out", str(tmp_path / "o")]) == 1
    results = lines(capfd.readouterr().out)
    verdicts = {one["path"]: one["verdict"] != "NOT_INSPECTED" for one in results}
    assert verdicts == {
        str(folder / "good.png"): True,
        str(folder / "cut.png"): False,
        str(folder / "empty.png"): False,
        str(folder / "text.jpg"): False,
        str(odd): True,
        str(missing): False,
        str(empty): False,
        str(long): False,
    }
    assert [one["path"] for one in results[-5:]] == list(map(str, paths[1:]))
    for one in results:
        assert (one["score"] is None) == (one["verdict"] == "NOT_INSPECTED") == ("reason" in one)
    assert {one.name for one in (tmp_path / "o").iterdir()} == {"good.png", "picture.png", "good-2.png"}


def test_verdict_score_and_regions_are_the_engines(
    bundle: str, data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from almrr_core.judge import regions_of, verdict_of
    from almrr_core.runtime.engine import Engine

    engine = Engine.load(Path(bundle), "cpu")
    assert main(["inspect", bundle, str(data / "test"), "--device", "cpu"]) == 0
    for one in lines(capfd.readouterr().out):
        wanted = engine.inspect(read_picture(Path(one["path"])))
        assert one["score"] == pytest.approx(wanted.score, abs=1e-5)
        assert one["verdict"] == verdict_of(wanted.score, engine.limits)
        assert len(one["regions"]) == len(regions_of(wanted.score_map, engine.limits))


def test_regions_and_overlay_lie_where_the_region_of_interest_is(
    bundle: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    low = replace(read_bundle(Path(bundle)).card.limits, pixel=-1e3)  # everything is over it
    model = rewritten(bundle, tmp_path / "m", geometry=Geometry(SIDE, roi=Box(30, 20, 60, 50)), limits=low)
    picture = smooth((100, 140))
    write_png(tmp_path / "p.png", picture)
    write_png(tmp_path / "small.png", picture[:40, :40])
    paths = [str(tmp_path / "p.png"), str(tmp_path / "small.png")]
    assert main(["inspect", model, *paths, "--out", str(tmp_path / "o")]) == 1
    first, second = lines(capfd.readouterr().out)
    (region,) = first["regions"]
    assert [region[k] for k in ("x", "y", "width", "height", "area")] == [30, 20, 60, 50, 3000]
    assert {"maximum", "mean"} <= set(region)
    assert second["verdict"] == "NOT_INSPECTED"
    painted = cv2.imread(str(tmp_path / "o" / "p.png"))
    assert painted is not None
    changed = np.argwhere((painted != picture[..., None]).any(axis=2))
    assert changed.min(axis=0).tolist() == [20, 30]
    assert changed.max(axis=0).tolist() == [69, 89]


def test_an_overlay_never_replaces_a_picture(bundle: str, tmp_path: Path) -> None:
    for name in ("a.png", "b.bmp"):
        cv2.imwrite(str(tmp_path / name), smooth((80, 90)))
    before = (tmp_path / "a.png").read_bytes()
    assert main(["inspect", bundle, str(tmp_path), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "a.png").read_bytes() == before
    assert {one.name for one in tmp_path.iterdir()} == {"a.png", "b.bmp", "a-2.png", "b.png"}


def test_overlay_names_differ_in_more_than_case_and_fit_any_file_system(tmp_path: Path) -> None:
    pictures = [Path("x/a.png"), Path("y/A.jpg"), Path("x/a.bmp"), Path("a-2.png")]
    pictures += [Path("ü" * 124 + end + ".png") for end in "xy"]
    names = OverlayNames(tmp_path, pictures)
    given = [names.of(picture).name for picture in pictures]
    assert len({name.casefold() for name in given}) == len(given)
    assert all(len(os.fsencode(name)) <= 220 for name in given)
    assert given[0] == "a.png"


def test_a_reader_that_goes_away_ends_the_inspection_quietly(bundle: str, data: Path) -> None:
    arguments = ["-m", "almrr_core.cli", "inspect", bundle, *[str(data / "test")] * 500]
    process = run_python(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    first = process.stdout.readline()
    process.stdout.close()
    assert json.loads(first)["verdict"]
    assert process.stderr is not None
    (said,) = process.stderr.read().splitlines()
    assert said.startswith("Model ") and said.endswith("backbone resnet18.")
    process.stderr.close()
    assert process.wait() == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: /dev/full")
def test_a_full_disk_is_said(bundle: str, data: Path) -> None:
    with open("/dev/full", "w") as full:
        arguments = ["-m", "almrr_core.cli", "inspect", bundle, str(data / "test")]
        process = run_python(*arguments, stdout=full, stderr=subprocess.PIPE)
        _, messages = process.communicate()
    assert process.returncode == 1
    assert "could not be written" in messages
