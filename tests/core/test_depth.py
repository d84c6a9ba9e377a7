"""Pictures of a 12-bit camera in 16-bit files, from the training to the line's recipe."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from almrr_core.cli import main
from almrr_core.data.depth import unused_bits
from almrr_core.data.folders import list_pictures
from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import read_picture, write_png
from almrr_core.lifecycle.exchange import export_model, import_model
from almrr_core.lifecycle.pools import add_files
from almrr_core.lifecycle.promotion import promote
from almrr_core.line.products import install_product
from almrr_core.models.bundle import read_card
from almrr_core.models.card import Card
from almrr_core.store.store import Store
from almrr_core.types import Actor
from tests.core.bundles import card_of, fault_of, tiny_model
from tests.core.picture_files import smooth

ME = Actor("me")
SMALL = ["--input-size", "128", "--batch", "2", "--steps", "0", "--random-backbone"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures whose 12 bits use their range, in 16-bit files."""
    for number in range(10):
        bits = smooth((100, 140), seed=number).astype(np.uint16) << 4
        write_png(tmp_path / f"normals/{number}.png", bits + number)
    return tmp_path / "normals"


def test_unused_bits_are_noticed(folder: Path, tmp_path: Path) -> None:
    twelve = list_pictures(folder)
    assert unused_bits(twelve) and not unused_bits([])
    write_png(tmp_path / "eight.png", smooth((100, 140)) // 32)
    write_png(tmp_path / "sixteen.png", smooth((100, 140)).astype(np.uint16) << 8)
    (tmp_path / "damaged.png").write_bytes(b"nothing")
    assert not unused_bits([tmp_path / "eight.png"]) and not unused_bits([tmp_path / "damaged.png"])
    assert not unused_bits([*twelve[:2], tmp_path / "sixteen.png"])
    assert unused_bits([*twelve[:2], tmp_path / "eight.png"]), "a screenshot among them changes nothing"


def test_a_model_remembers_the_depth_and_the_line_uses_it(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    assert main(["train", str(folder), "--out", str(bundle), "--bit-depth", "12", *SMALL]) == 0
    assert "Warning" not in capfd.readouterr().err
    assert read_card(bundle).bit_depth == 12
    for number in range(10):  # what an 8-bit camera would have given
        write_png(tmp_path / f"eight/{number}.png", read_picture(folder / f"{number}.png", 12))
    scores = []
    for place in (folder, tmp_path / "eight"):
        assert main(["inspect", str(bundle), str(place)]) == 0
        scores.append([json.loads(line)["score"] for line in capfd.readouterr().out.splitlines()])
    assert scores[0] == scores[1]
    with closing(Store.open(tmp_path / "data")) as store:
        assert install_product(store, "tiles", bundle, ME).bit_depth == 12
        assert len(add_files(store, "tiles", list_pictures(folder), ME).samples) == 10
        plain = tmp_path / "plain"
        assert main(["train", str(tmp_path / "eight"), "--out", str(plain), *SMALL]) == 0
        other = install_product(store, "others", plain, ME).model_id
        row = import_model(store, export_model(store, other, tmp_path / "plain.almrr", ME), "tiles", ME)
        fault = fault_of(lambda: promote(store, row.model_id, ME, "try it", confirm_red=True))
        assert fault.code is ErrorCode.PROMOTION_REFUSED and "12-bit" in fault.sentence
        sixteen = tmp_path / "sixteen"
        assert (
            main(["train", str(tmp_path / "eight"), "--out", str(sixteen), "--bit-depth", "16", *SMALL]) == 0
        )
        sixteens = install_product(store, "sixteens", sixteen, ME).model_id
        row = import_model(store, export_model(store, sixteens, tmp_path / "16.almrr", ME), "others", ME)
        promote(store, row.model_id, ME, "the same depth", confirm_red=True)


def test_without_the_depth_it_is_said(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(folder), "--out", str(tmp_path / "bundle"), *SMALL]) == 0
    assert "--bit-depth 12" in capfd.readouterr().err
    with closing(Store.open(tmp_path / "data")) as store:
        fault = fault_of(lambda: add_files(store, "tiles", list_pictures(folder), ME))
    assert fault.code is ErrorCode.SAMPLE_REFUSED and "nearly black" in fault.sentence


def test_a_card_has_a_depth_only_where_one_was_named() -> None:
    card = card_of(tiny_model())
    assert "bit_depth" not in card.to_json(), "programs before know no such field"
    assert Card.from_json(card.to_json()) == card
    named = card.to_json() | {"bit_depth": 12}
    assert Card.from_json(named).to_json() == named
    with pytest.raises(StationError, match="bit_depth"):
        Card.from_json(named | {"bit_depth": 17})
