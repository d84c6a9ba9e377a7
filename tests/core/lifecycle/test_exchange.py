"""A model as one file: what goes out comes in the same, and nothing else comes in."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.lifecycle import exchange
from almrr_core.lifecycle.exchange import export_model, import_model
from almrr_core.lifecycle.upkeep import tidy
from almrr_core.models.golden import Golden, golden_bytes, read_golden
from almrr_core.runtime.engine import Engine
from almrr_core.store import Store
from almrr_core.types import Action, ModelId, Recipe
from tests.core.bundles import SIDE
from tests.core.lifecycle.helpers import ANNA, PRODUCT, surface


@pytest.fixture
def exported(store: Store, recipe: Recipe, tmp_path: Path) -> Path:
    return export_model(store, recipe.model_id, tmp_path / "out" / "cloth", ANNA)


def contents(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def packed(target: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target


def refused(store: Store, source: Path, product: str = PRODUCT) -> StationError:
    before = sorted((store.folder / "models").rglob("*"))
    with pytest.raises(StationError) as caught:
        import_model(store, source, product, ANNA, "cpu")
    assert sorted((store.folder / "models").rglob("*")) == before
    assert len(store.models(PRODUCT)) == 1
    return caught.value


def test_an_exported_model_comes_in_as_a_candidate(store: Store, recipe: Recipe, exported: Path) -> None:
    assert exported.name == "cloth.almrr"
    assert store.events(1)[0].action == Action.EXPORTED
    row = import_model(store, exported, PRODUCT, ANNA, "cpu")
    assert (row.model_id, row.parent, row.actor) == ("M-0002", None, "anna")
    assert row.note == "from cloth.almrr (weave M-0001)"
    engines = [Engine.load(store.folder / "models" / PRODUCT / name, "cpu") for name in ("M-0001", "M-0002")]
    assert engines[0].inspect(surface(1)).score == engines[1].inspect(surface(1)).score
    assert store.active_recipe(PRODUCT) == recipe
    tiles = import_model(store, exported, "tiles", ANNA, "cpu")
    assert (tiles.model_id, tiles.product) == ("M-0003", "tiles")


def cut_short(files: dict[str, bytes]) -> dict[str, bytes]:
    return files | {"weights.safetensors": files["weights.safetensors"][:-1]}


def without_card(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name != "card.json"}


def with_a_path(files: dict[str, bytes]) -> dict[str, bytes]:
    return files | {"../../evil.txt": b"x"}


def with_another_file(files: dict[str, bytes]) -> dict[str, bytes]:
    return files | {"run.py": b"x"}


def with_other_golden(files: dict[str, bytes]) -> dict[str, bytes]:
    golden = read_golden(files["golden.npz"], SIDE)
    return files | {"golden.npz": golden_bytes(Golden(golden.pictures, golden.logits + np.float32(1)))}


def with_forged_seal(files: dict[str, bytes]) -> dict[str, bytes]:
    card = json.loads(files["card.json"])
    card["limits"]["fail"] = card["limits"]["fail"] + 100
    return files | {"card.json": json.dumps(card).encode()}


ARCHIVE, BUNDLE = ErrorCode.ARCHIVE_DAMAGED, ErrorCode.BUNDLE_DAMAGED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (cut_short, BUNDLE),
        (without_card, ARCHIVE),
        (with_a_path, ARCHIVE),
        (with_another_file, ARCHIVE),
        (with_other_golden, BUNDLE),
        (with_forged_seal, BUNDLE),
    ],
)
def test_what_is_not_whole_or_not_only_a_model_is_refused(
    store: Store,
    exported: Path,
    tmp_path: Path,
    change: Callable[[dict[str, bytes]], dict[str, bytes]],
    code: ErrorCode,
) -> None:
    fault = refused(store, packed(tmp_path / "changed.almrr", change(contents(exported))))
    assert fault.code is code
    assert not list(tmp_path.rglob("evil.txt"))


def test_golden_scores_that_the_model_does_not_give_are_refused(
    store: Store, exported: Path, tmp_path: Path
) -> None:
    """A forger who seals the card again is still found out by the model itself."""
    import dataclasses
    import hashlib

    from almrr_core.models.card import Card, sealed

    files = with_other_golden(contents(exported))
    card = Card.from_json(json.loads(files["card.json"]))
    digests = card.files | {"golden.npz": hashlib.sha256(files["golden.npz"]).hexdigest()}
    forged = sealed(dataclasses.replace(card, files=digests)).to_json()
    fault = refused(store, packed(tmp_path / "f.almrr", files | {"card.json": json.dumps(forged).encode()}))
    assert fault.code is BUNDLE
    assert "golden pictures give other scores" in fault.sentence


def test_no_zip_and_a_zip_that_is_too_large_are_refused(
    store: Store, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no.almrr").write_bytes(b"not a zip")
    assert refused(store, tmp_path / "no.almrr").code is ARCHIVE
    monkeypatch.setitem(exchange._SIZES, "weights.safetensors", 1000)
    assert "is larger than any model's" in refused(store, exported).sentence


PACKED = {"deflate": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}


@pytest.mark.parametrize("how", PACKED)
def test_an_archive_that_was_packed_again_and_is_damaged_is_refused(
    store: Store, exported: Path, tmp_path: Path, how: str
) -> None:
    files, again = contents(exported), tmp_path / "again.almrr"
    with zipfile.ZipFile(again, "w", PACKED[how]) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        first = archive.infolist()[0]
    assert import_model(store, again, "tiles", ANNA, "cpu").model_id == "M-0002"
    data, begin = bytearray(again.read_bytes()), 32 + len(first.filename)  # LZMA's first two are a version
    for at in range(begin, begin + first.compress_size, 7):
        data[at] ^= 0xFF
        again.write_bytes(data)
        fault = refused(store, again)
        assert (fault.code, str(again) in fault.sentence) == (ARCHIVE, True)


def test_a_file_that_is_not_there(store: Store, recipe: Recipe, tmp_path: Path) -> None:
    fault = refused(store, tmp_path / "gone.almrr")
    assert fault.code is ARCHIVE
    assert "gone.almrr cannot be imported: No such file" in fault.sentence


def test_a_refused_import_leaves_no_folder_of_a_new_product(
    store: Store, exported: Path, tmp_path: Path
) -> None:
    cut = packed(tmp_path / "cut.almrr", cut_short(contents(exported)))
    assert refused(store, cut, "tiles").code is BUNDLE
    assert refused(store, tmp_path / "gone.almrr", "tiles").code is ARCHIVE


def test_an_import_that_the_log_refuses_leaves_no_model(exported: Path, store: Store) -> None:
    folder = store.folder
    store.close()
    with closing(Store.open(folder, busy_seconds=0.1)) as again:
        with closing(sqlite3.connect(folder / "log.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            assert refused(again, exported).code is ErrorCode.LOG_LOCKED
        assert import_model(again, exported, PRODUCT, ANNA, "cpu").model_id == "M-0002"


def test_an_import_neither_needs_nor_harms_the_folder_of_another(store: Store, exported: Path) -> None:
    other = store.folder / "models" / PRODUCT / ".M-0002.import"  # of a crash
    other.mkdir()
    (other / "half").touch()
    assert import_model(store, exported, PRODUCT, ANNA, "cpu").model_id == "M-0002"
    assert (other / "half").exists()
    assert len(tidy(store)) == 1
    assert not other.exists()


def test_a_damaged_model_is_not_passed_on(store: Store, recipe: Recipe, tmp_path: Path) -> None:
    (store.folder / "models" / PRODUCT / "M-0001" / "golden.npz").write_bytes(b"damaged")
    with pytest.raises(StationError) as caught:
        export_model(store, ModelId("M-0001"), tmp_path / "x", ANNA)
    assert caught.value.code is BUNDLE
    assert list(tmp_path.glob("*.almrr")) == []
