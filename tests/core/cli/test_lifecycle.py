"""`almrr retrain`, `almrr models` and `almrr promote` from an empty station to a promoted retrained model."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from almrr_core.cli import main
from almrr_core.imaging import write_png
from almrr_core.line.products import install_product
from almrr_core.store.store import Store
from almrr_core.types import Actor, ModelId
from tests.core.cli.helpers import read
from tests.core.picture_files import smooth


@pytest.fixture
def station(tmp_path: Path, bundle: str) -> Path:
    """A station whose product has a trained model and no samples."""
    with closing(Store.open(tmp_path / "station")) as store:
        install_product(store, "cloth", Path(bundle), Actor("anna"))
    for number in range(30):
        write_png(tmp_path / "in" / f"{number:02}.png", smooth((100, 140), seed=number))
    return tmp_path / "station"


@pytest.mark.timeout(600)
def test_from_a_folder_to_a_promoted_model(
    station: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, result = ["--data-dir", str(station)], tmp_path / "result.json"
    budget = ["--steps", "1", "--batch", "2", "--device", "cpu", "--json", str(result)]
    arguments = ["--product", "cloth", "--add", str(tmp_path / "in"), "--note", "first light"]
    assert main(["retrain", *place, *arguments, *budget]) == 0
    said = capsys.readouterr().err
    assert "30 normal pictures were added, 0 were not." in said
    assert "M-0002 is a candidate now" in said
    assert "Backbone: resnet18." in said
    trained = read(result)
    assert (trained["model"], trained["parent"]) == ("M-0002", "M-0001")
    gate = trained["gate"]
    assert gate["light"] in ("green", "amber", "red")
    assert gate["candidate"]["normals"] == gate["pictures"] > 0
    assert main(["models", *place, "--json", str(result)]) == 0
    listed = read(result)["cloth"]
    assert [(one["model"], one["state"]) for one in listed["models"]] == [
        ("M-0001", "active"),
        ("M-0002", "candidate"),
    ]
    assert sum(one["good"] for one in listed["pools"].values()) == 30
    assert "first light" in capsys.readouterr().out
    promoted = ["promote", "M-0002", *place, "--note", "try", "--confirm-red", "--json", str(result)]
    assert main([*promoted, "--device", "cpu"]) == 0
    assert read(result)["recipe"] == 2
    with closing(Store.open(station)) as store:
        active = store.active_recipe("cloth")
        assert active is not None
        assert active.model_id == ModelId("M-0002")
        assert active.reason.startswith("try [")


def test_what_cannot_be_done_is_a_sentence(
    station: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--data-dir", str(station)]
    assert main(["retrain", *place, "--product", "cloth"]) == 1
    assert "a training needs 10 and 2" in capsys.readouterr().err
    assert main(["retrain", *place, "--product", "tin"]) == 1
    assert "There is no product 'tin'; the station knows: cloth." in capsys.readouterr().err
    assert main(["promote", "M-0404", *place, "--note", "x"]) == 1
    assert "The model M-0404 is not there." in capsys.readouterr().err
    assert main(["models", "--data-dir", str(tmp_path / "empty")]) == 0
    assert main(["retrain", *place]) == 1
    assert "--product" in capsys.readouterr().err
