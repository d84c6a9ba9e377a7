from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from almrr_core.cli import main
from almrr_core.imaging import write_png
from almrr_core.models.almrr import Form, Profile
from almrr_core.models.bundle import read_bundle
from almrr_core.types import Geometry
from tests.core.cli.helpers import SIDE, TRAIN, read, run_python
from tests.core.picture_files import smooth


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
    write_png(tmp_path / "D/1.png", smooth((100, 140)))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    arguments = (
        "train ../D --out B/../M --profile paper --form hybrid --backbone resnet50v2 --weights W --textures T "
        "--tile 300 --overlap 20 --scale 0.5 --device cpu --minutes 3 --seed 4 --resume --batch 5 "
        "--pack-backbone --bit-depth 12"
    )
    assert main(arguments.split()) == 1
    assert main(["train", "../D", "--out", "."]) == 1
    full, plain = jobs
    assert full.out == tmp_path / "here" / "M"
    assert (full.profile, full.form, full.backbone) == (Profile.PAPER, Form.HYBRID, "resnet50v2")
    assert (full.weights, full.textures) == (Path("W"), Path("T"))
    assert full.geometry == Geometry(256, 300, 20, 0.5)
    assert (full.bit_depth, plain.bit_depth) == (12, None)
    assert (full.device, full.steps, full.minutes, full.seed, full.batch) == ("cpu", None, 3.0, 4, 5)
    assert (full.resume, full.pack_backbone, full.backbone_seed) == (True, True, None)
    assert (plain.minutes, plain.form, plain.backbone, plain.geometry) == (20.0, None, None, Geometry())
    assert plain.out == tmp_path / "here"


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
    stopped = re.search(r"after (\d+) steps", rest)
    assert stopped is not None, rest
    done = int(stopped[1])
    assert main([*arguments, "--steps", str(done + 1), "--resume"]) == 0
    assert read_bundle(tmp_path / "m").card.steps == done + 1


def test_the_demonstration_tells_caught_from_missed(
    bundle: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from almrr_core.cli import demo
    from almrr_core.evaluate import planted

    jobs: list[Any] = []

    def instead_of_training(job: Any) -> None:
        jobs.append(job)
        shutil.copytree(bundle, job.out)

    few = planted.Counts(normals=5, good=3, per_family=1)
    monkeypatch.setattr(planted, "Counts", lambda: few)
    monkeypatch.setattr(demo, "train_shown", instead_of_training)
    arguments = ["demo", "--out", str(tmp_path / "d"), "--steps", "1", "--json", str(tmp_path / "d.json")]
    assert main([*arguments, "--seed", "7"]) == 0
    captured = capfd.readouterr()
    (job,) = jobs
    assert (job.backbone, job.backbone_seed, job.seed, job.steps, job.minutes) == (None, None, 7, 1, None)
    assert len(list((job.data / "train" / "good").iterdir())) == 5
    value = read(tmp_path / "d.json")
    counts = value["counts"]
    assert (counts["good"], counts["defective"]) == (3, 6)
    assert counts["caught"] + counts["missed"] == 6
    for row in value["pictures"]:
        words = ("good", "FALSE REJECT") if row["planted"] == "good" else ("MISSED", "caught")
        assert row["outcome"] == words[row["verdict"] != "PASS"]
        assert (tmp_path / "d" / "overlays" / row["picture"]).is_file()
    assert f"{counts['caught']} of 6" in captured.out
    assert main(arguments) == 1  # the folder is in use now


@pytest.mark.skipif(os.name != "posix", reason="only on POSIX: a terminal to write to")
def test_a_terminal_gets_a_bar_and_a_pipe_gets_lines(capfd: pytest.CaptureFixture[str]) -> None:
    code = (
        "from almrr_core.cli.progress import shown_progress\n"
        "with shown_progress() as show:\n"
        "    for n in range(3): show(n / 2, 'training', f'[step] {n}')\n"
    )
    ours, theirs = os.openpty()
    assert run_python("-c", code, stderr=theirs).wait() == 0
    os.close(theirs)
    assert "━" in os.read(ours, 100_000).decode()
    os.close(ours)
    process = run_python("-c", code, stderr=subprocess.PIPE)
    assert process.communicate()[1] == "training · [step] 0\n"  # the next line is due in 30 seconds
