from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest

from almrr_core.cli import main
from almrr_core.cli import parser as words
from almrr_core.cli.console import table
from almrr_core.cli.progress import duration
from almrr_core.models.almrr import Form, Profile
from almrr_core.models.backbone import BACKBONES
from almrr_core.types import Geometry
from tests.core.cli.helpers import SIDE, read, rewritten, run_python

HEAVY = {"torch", "numpy", "cv2", "scipy", "sklearn", "numba", "rich"}


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from almrr_core.cli import main; code = main(['--help']); print(code, *sys.modules)"
    output, _ = run_python("-c", code, stdout=subprocess.PIPE).communicate()
    text, _, loaded = output.rpartition("\n0 ")
    assert all(
        name in text for name in ("train", "evaluate", "inspect", "info", "self-test", "demo", "pretrain")
    )
    assert not HEAVY & set(loaded.split())


@pytest.mark.parametrize("command", ["train", "evaluate", "inspect", "info", "self-test", "demo", "pretrain"])
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
    tiles = rewritten(bundle, tmp_path / "m", geometry=Geometry(SIDE, tile=64, overlap=16))
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
