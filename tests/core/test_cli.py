from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import platformdirs
import pytest

from almrr_core.cli import main
from almrr_core.cli import parser as words
from almrr_core.cli.console import table
from almrr_core.cli.inspection import OverlayNames
from almrr_core.cli.progress import duration
from almrr_core.imaging import read_picture, write_png
from almrr_core.models.almrr import Form, Profile
from almrr_core.models.backbone import BACKBONES
from almrr_core.models.bundle import build_model, read_bundle, write_bundle
from almrr_core.types import Box, Geometry
from tests.conftest import ROOT
from tests.core.picture_files import smooth

SIDE = 128
HEAVY = {"torch", "numpy", "cv2", "scipy", "sklearn", "numba", "rich"}
TRAIN = ("--form", "paper", "--input-size", str(SIDE), "--random-backbone", "--batch", "2")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("set")
    for folder, count in {"train/good": 10, "test/good": 2, "test/spot": 2}.items():
        for number in range(count):
            picture = smooth((100, 140), seed=hash(folder) % 1000 + number)
            if "spot" in folder:
                picture[30:60, 40:80] = 255
                truth = np.where(picture == 255, 255, 0).astype(np.uint8)
                write_png(root / f"ground_truth/spot/{number}_mask.png", truth)
            write_png(root / folder / f"{number}.png", picture)
    return root


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A bundle made by the command line, and what its --json said."""
    folder = tmp_path_factory.mktemp("trained")
    arguments = ["train", str(data), "--out", str(folder / "model"), "--json", str(folder / "result.json")]
    assert main([*arguments, *TRAIN, "--steps", "2"]) == 0
    return folder / "model", read(folder / "result.json")


@pytest.fixture
def bundle(trained: tuple[Path, dict[str, Any]]) -> str:
    return str(trained[0])


def read(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_bytes())
    assert isinstance(value, dict)
    return value


def other_geometry(bundle: str, folder: Path, geometry: Geometry) -> str:
    """The same model, said to be for another geometry."""
    stored = read_bundle(Path(bundle))
    write_bundle(folder, build_model(stored), replace(stored.card, geometry=geometry), stored.golden, True)
    return str(folder)


def run_python(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The real program in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", *arguments]
    return subprocess.Popen(command, env=environment, text=True, encoding="utf-8", **options)


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from almrr_core.cli import main; code = main(['--help']); print(code, *sys.modules)"
    output, _ = run_python("-c", code, stdout=subprocess.PIPE).communicate()
    text, _, loaded = output.rpartition("\n0 ")
    assert all(name in text for name in ("train", "evaluate", "inspect", "info", "self-test", "demo"))
    assert not HEAVY & set(loaded.split())


@pytest.mark.parametrize("command", ["train", "evaluate", "inspect", "info", "self-test", "demo"])
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "--json" in capsys.readouterr().out


def test_the_words_are_those_of_the_engine() -> None:
    assert words.BACKBONES == BACKBONES
    assert set(words.PROFILES) == set(Profile)
    assert set(words.FORMS) == set(Form)


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "fly",
        "train",
        "train DATA",
        "train DATA --out B --steps 3 --minutes 2",
        "train DATA --out B --steps -1",
        "train DATA --out B --minutes nan",
        "train DATA --out B --minutes=-inf",
        "train DATA --out B --minutes -2",
        "train DATA --out B --batch 0",
        "train DATA --out B --seed -1",
        "train DATA --out B --profile huge",
        "train DATA --out B --overlap 5",
        "train DATA --out B --tile 64 --overlap 64",
        "train DATA --out B --tile 64 --scale inf",
        "train DATA --out B --tile 64 --scale 0",
        "train DATA --out B --input-size 100",
        "train DATA --out B --mi 5",
        "train DATA/nowhere --out B --steps 1",
        "evaluate B DATA/nowhere",
        "evaluate nowhere DATA",
        "evaluate DATA DATA",
        "inspect nowhere DATA",
        "inspect B",
        "info nowhere",
        "info DATA",
        "self-test --device abacus",
        "self-test nowhere",
        "demo --minutes inf",
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(
    arguments: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([word.replace("DATA", str(data)) for word in arguments.split()]) == 1
    captured = capsys.readouterr()
    if arguments != "self-test nowhere":  # which says it among its lines
        assert captured.out == ""
        assert captured.err.endswith(".\n")
        assert "Traceback" not in captured.err
    assert not list(tmp_path.iterdir())


def test_training_leaves_a_bundle_and_says_so(trained: tuple[Path, dict[str, Any]]) -> None:
    bundle, result = trained
    card = read_bundle(bundle).card
    assert result == {"bundle": str(bundle)} | card.to_json()
    assert (card.steps, card.geometry, card.form) == (2, Geometry(SIDE), Form.PAPER)


def test_every_training_option_reaches_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from almrr_core.train import loop

    jobs: list[Any] = []

    def stop(job: Any, *_: object) -> None:
        jobs.append(job)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train", stop)
    monkeypatch.chdir(tmp_path)
    arguments = (
        "train D --out B/../M --profile paper --form hybrid --backbone resnet50v2 --weights W --textures T "
        "--tile 300 --overlap 20 --scale 0.5 --device cpu --minutes 3 --seed 4 --resume --batch 5 "
        "--pack-backbone"
    )
    assert main(arguments.split()) == 1
    assert main(["train", "D", "--out", "."]) == 1
    full, plain = jobs
    assert full.out == tmp_path / "M"
    assert (full.profile, full.form, full.backbone) == (Profile.PAPER, Form.HYBRID, "resnet50v2")
    assert (full.weights, full.textures) == (Path("W"), Path("T"))
    assert full.geometry == Geometry(256, 300, 20, 0.5)
    assert (full.device, full.steps, full.minutes, full.seed, full.batch) == ("cpu", None, 3.0, 4, 5)
    assert (full.resume, full.pack_backbone, full.backbone_seed) == (True, True, None)
    assert (plain.minutes, plain.form, plain.backbone, plain.geometry) == (20.0, None, None, Geometry())
    assert plain.out == tmp_path


def test_a_folder_that_is_no_model_is_not_replaced(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("years of work")
    for out in (tmp_path, precious):
        assert main(["train", str(data), "--out", str(out), *TRAIN, "--steps", "1"]) == 1
        assert "not a model" in capsys.readouterr().err
    assert precious.read_text() == "years of work"


@pytest.mark.skipif(os.name != "posix", reason="only on POSIX: SIGINT to one process")
def test_an_interrupted_training_can_be_resumed(data: Path, tmp_path: Path) -> None:
    arguments = ["train", str(data), "--out", str(tmp_path / "m"), *TRAIN]
    process = run_python("-m", "almrr_core.cli", *arguments, "--steps", "100000", stderr=subprocess.PIPE)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("training"):
            assert "pictures/s" in line
            assert "left" in line
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 1
    assert "--resume" in rest
    done = read(tmp_path / "m.checkpoint" / "state.json")["step"]
    assert main([*arguments, "--steps", str(done + 1), "--resume"]) == 0
    assert read_bundle(tmp_path / "m").card.steps == done + 1


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
    stored = read_bundle(Path(bundle))
    low = replace(stored.card.limits, pixel=-1e3)  # everything is over it
    card = replace(stored.card, geometry=Geometry(SIDE, roi=Box(30, 20, 60, 50)), limits=low)
    write_bundle(tmp_path / "m", build_model(stored), card, stored.golden, True)
    picture = smooth((100, 140))
    write_png(tmp_path / "p.png", picture)
    write_png(tmp_path / "small.png", picture[:40, :40])
    paths = [str(tmp_path / "p.png"), str(tmp_path / "small.png")]
    assert main(["inspect", str(tmp_path / "m"), *paths, "--out", str(tmp_path / "o")]) == 1
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
    arguments = ["-m", "almrr_core.cli", "inspect", bundle, *[str(data / "test")] * 5]
    process = run_python(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    first = process.stdout.readline()
    process.stdout.close()
    assert json.loads(first)["verdict"]
    assert process.stderr is not None
    assert process.stderr.read() == ""
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


def test_evaluation_gives_the_metrics_and_maps(
    bundle: str, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", bundle, str(data), "--maps", str(tmp_path / "maps")]
    assert main([*arguments, "--json", str(tmp_path / "e.json")]) == 0
    value = read(tmp_path / "e.json")
    for key in ("image_auroc", "image_ap", "pixel_auroc", "pixel_ap", "f1_max", "aupro"):
        assert 0 <= value[key] <= 1, key
    assert (value["pictures"], value["tile_auroc"], value["not_inspected"]) == (4, None, [])
    assert len(list((tmp_path / "maps").rglob("*.npy"))) == 4
    printed = capfd.readouterr().out
    assert f"{100 * value['image_auroc']:.2f}" in printed
    assert "spot" in printed


def test_evaluation_in_tiles(bundle: str, data: Path, tmp_path: Path) -> None:
    tiles = other_geometry(bundle, tmp_path / "m", Geometry(SIDE, tile=64, overlap=16))
    arguments = ["evaluate", tiles, str(data), "--maps", str(tmp_path / "maps")]
    assert main([*arguments, "--json", str(tmp_path / "e.json")]) == 0
    assert 0 <= read(tmp_path / "e.json")["tile_auroc"] <= 1
    assert np.load(tmp_path / "maps" / "good" / "0.npy").shape == (100, 140)


def test_evaluation_names_what_it_left_out(
    bundle: str, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "set")
    (tmp_path / "set/test/spot/broken.png").write_bytes(b"")
    shutil.rmtree(tmp_path / "set/train")  # not needed
    assert main(["evaluate", bundle, str(tmp_path / "set"), "--json", str(tmp_path / "e.json")]) == 1
    value = read(tmp_path / "e.json")
    assert [Path(one["path"]).name for one in value["not_inspected"]] == ["broken.png"]
    assert value["image_auroc"] is not None
    assert "NOT_INSPECTED" in capfd.readouterr().err


def test_info_says_what_the_card_says(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle, result = trained
    assert main(["info", str(bundle), "--json", str(tmp_path / "i.json")]) == 0
    printed = capfd.readouterr().out
    for text in (
        "provisional",
        "95 %",
        "resnet18 is in the bundle",
        "2 steps",
        f"{result['limits']['fail']:.3f}",
    ):
        assert text in printed
    value = read(tmp_path / "i.json")
    assert value["limits"] == result["limits"]
    assert value["backbone_packed"] is True


def test_a_sound_machine_and_bundle_pass_the_self_test(
    bundle: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALMRR_WEIGHTS", str(tmp_path))
    assert main(["self-test", bundle, "--device", "cpu", "--json", str(tmp_path / "s.json")]) == 0
    states = {one["name"]: one["state"] for one in read(tmp_path / "s.json")["checks"]}
    assert (states["model"], states["bundle"], states["scan chunked"]) == ("ok", "ok", "ok")
    assert "golden" in capfd.readouterr().out


def test_the_self_test_finds_what_is_wrong(
    bundle: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bundle, tmp_path / "m")
    with (tmp_path / "m" / "weights.safetensors").open("r+b") as stream:
        stream.seek(-3, os.SEEK_END)
        stream.write(b"\x01\x02\x03")
    (tmp_path / "resnet18.safetensors").write_bytes(b"not weights")
    monkeypatch.setenv("ALMRR_WEIGHTS", str(tmp_path))
    assert main(["self-test", str(tmp_path / "m"), "--json", str(tmp_path / "s.json")]) == 1
    value = read(tmp_path / "s.json")
    assert [one["name"] for one in value["checks"] if one["state"] == "wrong"] == [
        "weights resnet18",
        "bundle",
    ]
    assert value["good"] is False
    assert "wrong" in capfd.readouterr().out


def test_the_demonstration_tells_caught_from_missed(
    bundle: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from almrr_core.cli import demo

    jobs: list[Any] = []

    def instead_of_training(job: Any) -> None:
        jobs.append(job)
        shutil.copytree(bundle, job.out)

    monkeypatch.setattr(demo, "train_shown", instead_of_training)
    monkeypatch.setattr(demo, "weights_here", lambda _: None)
    arguments = ["demo", "--out", str(tmp_path / "d"), "--steps", "1", "--json", str(tmp_path / "d.json")]
    assert main([*arguments, "--seed", "7"]) == 0
    captured = capfd.readouterr()
    assert "no weights" in captured.err
    (job,) = jobs
    assert (job.backbone_seed, job.steps, job.minutes) == (7, 1, None)
    assert len(list((job.data / "train" / "good").iterdir())) == 60
    value = read(tmp_path / "d.json")
    counts = value["counts"]
    assert (counts["good"], counts["defective"]) == (12, 18)
    assert counts["caught"] + counts["missed"] == 18
    for row in value["pictures"]:
        words = ("good", "FALSE REJECT") if row["planted"] == "good" else ("MISSED", "caught")
        assert row["outcome"] == words[row["verdict"] != "PASS"]
        assert (tmp_path / "d" / "overlays" / row["picture"]).is_file()
    assert f"{counts['caught']} of 18" in captured.out
    assert main(arguments) == 1  # the folder is in use now


def test_a_bug_is_told_from_bad_input_and_logged(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from almrr_core.runtime.engine import Engine

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the sentence of the bug")

    monkeypatch.setattr(Engine, "load", broken)
    monkeypatch.setattr(platformdirs, "user_log_path", lambda *_, **__: tmp_path / "log")
    assert main(["inspect", bundle, str(tmp_path), "--json", str(tmp_path / "r.json")]) == 2
    log = tmp_path / "log" / "almrr.log"
    message = capsys.readouterr().err
    assert str(log) in message
    assert "Traceback" not in message
    assert "the sentence of the bug" in log.read_text()
    assert read(tmp_path / "r.json")["error"]["code"] == "internal"


def test_a_refusal_replaces_an_older_result(tmp_path: Path) -> None:
    result = tmp_path / "r.json"
    result.write_text('{"verdict": "PASS"}')
    assert main(["info", str(tmp_path / "gone"), "--json", str(result)]) == 1
    error = read(result)["error"]
    assert error["code"] == "bundle_missing"
    assert error["sentence"]


def test_a_result_that_cannot_be_written_is_an_error(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["info", bundle, "--json", str(tmp_path / "file" / "r.json")]) == 1
    assert "could not be written" in capsys.readouterr().err


def test_tables_and_durations() -> None:
    assert list(table([["name", "n"], ["a", "10"]])) == ["name   n", "a     10"]
    assert [duration(s) for s in (-1, 59.6, 3661)] == ["0:00", "1:00", "1:01:01"]
