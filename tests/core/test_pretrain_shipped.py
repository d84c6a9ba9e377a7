"""The backbone that comes with the program: what it is, and that it is used where no other is here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from almrr_core.cli import main
from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import resources, sha256_of
from almrr_core.imaging import write_png
from almrr_core.models import weights
from almrr_core.models.almrr import Profile
from almrr_core.models.backbone import build_backbone
from almrr_core.models.bundle import read_card
from almrr_core.models.weights import default_backbone, find_weights, load_weights, weights_hash, weights_here
from almrr_core.pretrain.recipe import Recipe
from almrr_core.pretrain.record import CARD, LOG, WEIGHTS, read_log
from almrr_core.pretrain.verify import verify
from almrr_core.train.job import TrainJob
from tests.core.picture_files import smooth

SHIPPED = resources() / "backbones"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user's data folder, no variable set and nobody at the official address."""
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setattr(weights, "user_weights_folder", lambda: folder)
    monkeypatch.setattr(weights, "ADDRESS", "http://127.0.0.1:9/")
    monkeypatch.delenv("ALMRR_WEIGHTS", raising=False)
    return folder


def test_it_is_what_its_card_says() -> None:
    card = json.loads((SHIPPED / CARD).read_text("utf-8"))
    assert card["licence"] == "Apache-2.0" and card["sha256"] == sha256_of(SHIPPED / WEIGHTS)
    assert (SHIPPED / WEIGHTS).stat().st_size <= 6_000_000
    backbone = build_backbone("texture18")
    load_weights(backbone, SHIPPED / WEIGHTS)
    assert weights_hash(backbone) == card["weights_hash"]
    start, trained = card["held_out"]["random"], card["held_out"]["trained"]
    assert all(trained[name] > start[name] for name in ("image_auroc", "pixel_ap"))
    log = read_log(SHIPPED / LOG)
    assert log[0].score == pytest.approx((start["image_auroc"] + start["pixel_ap"]) / 2, abs=1e-5)
    assert any(line.step == card["steps"] and line.score is not None for line in log)


def test_its_first_steps_are_reproduced() -> None:
    done = verify(SHIPPED, Recipe(exact=3))
    assert done.steps == 3 and done.good, done.difference


def test_it_stands_in_where_no_other_is_here(home: Path, tmp_path: Path) -> None:
    assert default_backbone() == "texture18"
    assert find_weights("texture18") == weights_here("texture18") == SHIPPED / WEIGHTS
    assert find_weights("texture18", tmp_path) == SHIPPED / WEIGHTS  # a folder of other weights
    assert weights_here("resnet18") is None
    with pytest.raises(StationError) as caught:
        find_weights("texture18", tmp_path / "absent.safetensors")
    assert caught.value.code is ErrorCode.WEIGHTS_MISSING
    (home / "resnet18.pth").touch()
    assert default_backbone() == "resnet18"
    (home / WEIGHTS).touch()
    assert find_weights("texture18") == SHIPPED / WEIGHTS, "another one must be named"
    assert find_weights("texture18", home) == home / WEIGHTS


def test_without_a_shipped_file_the_default_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "resources", lambda: tmp_path)
    assert default_backbone() == "resnet18" and weights_here("texture18") is None


def test_a_job_chooses_it_unless_told_otherwise(tmp_path: Path) -> None:
    assert TrainJob(tmp_path, tmp_path).chosen_backbone == "texture18"
    assert TrainJob(tmp_path, tmp_path, weights=tmp_path).chosen_backbone == "resnet18"
    assert TrainJob(tmp_path, tmp_path, backbone_seed=1).chosen_backbone == "resnet18"
    assert TrainJob(tmp_path, tmp_path, backbone="resnet50v2").chosen_backbone == "resnet50v2"
    assert TrainJob(tmp_path, tmp_path, profile=Profile.PAPER).chosen_backbone == "resnet50"


def test_train_and_inspect_without_weights(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(10):
        write_png(tmp_path / f"data/train/good/{number}.png", smooth((100, 140), seed=number))
    bundle = str(tmp_path / "bundle")
    small = ["--form", "paper", "--input-size", "128", "--batch", "2", "--steps", "1"]
    assert main(["train", str(tmp_path / "data"), "--out", bundle, *small]) == 0
    assert "texture18, the program's own" in capfd.readouterr().err
    card = read_card(Path(bundle))
    assert card.backbone == "texture18" and (Path(bundle) / "backbone.safetensors").exists()
    assert main(["inspect", bundle, str(tmp_path / "data/train/good/0.png")]) == 0
    assert np.isfinite(json.loads(capfd.readouterr().out)["score"])


@pytest.mark.parametrize(
    ("asked", "stages"), [([], (0, 1, 2, 3)), (["--no-shade"], (1, 2, 3))], ids=["by itself", "switched off"]
)
def test_it_judges_brightness_and_colour_too_unless_told_otherwise(
    asked: list[str], stages: tuple[int, ...], tmp_path: Path
) -> None:
    for number in range(10):
        write_png(tmp_path / f"data/{number}.png", smooth((100, 140), seed=number))
    bundle = tmp_path / "bundle"
    small = ["--input-size", "128", "--batch", "2", "--steps", "0", *asked]
    assert main(["train", str(tmp_path / "data"), "--out", str(bundle), *small]) == 0
    assert read_card(bundle).stages == stages
    assert main(["inspect", str(bundle), str(tmp_path / "data/0.png")]) == 0


def test_pretrain_says_what_it_needs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["pretrain"]) == 1
    assert "--out" in capfd.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert main(["pretrain", "--out", str(tmp_path / "full"), "--steps", "1"]) == 1
    assert "not an empty folder" in capfd.readouterr().err
    assert main(["pretrain", "--out", str(tmp_path), "--verify"]) == 1
    assert LOG in capfd.readouterr().err
