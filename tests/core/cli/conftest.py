from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from almrr_core.cli import main
from almrr_core.imaging import write_png
from tests.core.cli.helpers import TRAIN, read
from tests.core.picture_files import smooth


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("set")
    for start, (folder, count) in enumerate({"train/good": 10, "test/good": 2, "test/spot": 2}.items()):
        for number in range(count):
            picture = smooth((100, 140), seed=100 * start + number)
            if "spot" in folder:
                picture[30:60, 40:80] = 255
                truth = np.where(picture == 255, 255, 0).astype(np.uint8)
                write_png(root / f"ground_truth/spot/{number}_mask.png", truth)
            write_png(root / folder / f"{number}.png", picture)
    return root


@pytest.fixture(scope="session")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A bundle made by the command line, and what its --json said."""
    folder = tmp_path_factory.mktemp("trained")
    arguments = ["train", str(data), "--out", str(folder / "model"), "--json", str(folder / "result.json")]
    assert main([*arguments, *TRAIN, "--steps", "2"]) == 0
    return folder / "model", read(folder / "result.json")


@pytest.fixture
def bundle(trained: tuple[Path, dict[str, Any]]) -> str:
    return str(trained[0])
