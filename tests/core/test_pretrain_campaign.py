"""The comparison of backbones: its table, and that finished runs are not made again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from almrr_core.bench.backbones import ROWS, SETS, Run, main, table
from almrr_core.files import read_json, resources, write_json
from almrr_core.models.weights import SHIPPED

OURS = read_json(resources() / "backbones" / f"{SHIPPED}.json")["weights_hash"]


def finished(seeds: int) -> dict[str, Any]:
    return {
        Run(row, data, seed).key: {
            "budget": "--minutes 8.0",
            "backbone_hash": OURS if row == SHIPPED else "",
            "test": {
                "image_auroc": None if data == "nanotwice" else 0.9,
                "tile_auroc": 0.8 if data == "nanotwice" else None,
                "pixel_auroc": 0.95,
                "pixel_ap": 0.3 + 0.02 * seed,
                "aupro": None,
            },
        }
        for row in ROWS
        for data in SETS
        for seed in range(seeds)
    }


def test_the_table_has_mean_and_spread() -> None:
    lines = list(table(finished(3)))
    assert len(lines) == 2 * (len(ROWS) + 3)
    assert "| texture18 | 3 | 90.0 ± 0.0 | 95.0 ± 0.0 | 32.0 ± 2.0 | - |" in lines
    assert "| texture18 | 3 | 80.0 ± 0.0 | 95.0 ± 0.0 | 32.0 ± 2.0 | - |" in lines
    assert "| texture18 | 0 | - | - | - | - |" in list(table({}))
    assert "| texture18 | 1 | 90.0 | 95.0 | 30.0 | - |" in list(table(finished(1)))


def test_finished_runs_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs.json"
    write_json(out, finished(2))
    before = out.stat().st_mtime_ns
    places = ["--data", str(tmp_path), "--weights", str(tmp_path), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["backbones", "--seeds", "2", *places])
    assert main() == 0
    assert out.stat().st_mtime_ns == before and "| texture18 | 2 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "change"),
    [("texture18 / mt_defect / 0", {"backbone_hash": "former"}), ("", {"budget": "--steps 640"})],
    ids=["former weights", "another budget"],
)
def test_runs_that_cannot_be_compared_are_refused(
    key: str,
    change: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = finished(1)
    done = {name: one | change if name.startswith(key) else one for name, one in done.items()}
    write_json(tmp_path / "runs.json", done)
    places = ["--data", str(tmp_path), "--weights", str(tmp_path), "--out", str(tmp_path / "runs.json")]
    monkeypatch.setattr(sys, "argv", ["backbones", "--seeds", "2", *places])
    assert main() == 1
    assert "name a new file" in capsys.readouterr().out


def test_a_run_that_fails_is_said_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs.json"
    done = finished(1)
    missing = Run("texture18", "mt_defect", 0).key
    del done[missing]
    write_json(out, done)
    places = ["--data", str(tmp_path / "nowhere"), "--weights", str(tmp_path), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["backbones", "--seeds", "1", *places])
    assert main() == 1
    captured = capfd.readouterr()
    assert missing in captured.out and "exit code 1" in captured.out and "nowhere" in captured.err
