"""A model as one file: a ZIP of its bundle with a label. What comes in is checked before it is a model."""

from __future__ import annotations

import json
import lzma
import os
import secrets
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import write_failed, write_json
from almrr_core.lifecycle.gate import known_model
from almrr_core.lifecycle.places import bundle_of, model_folder
from almrr_core.lifecycle.retrain import LINEAGE, add_row, free_id
from almrr_core.models.bundle import BACKBONE, CARD, GOLDEN, MOST_BYTES, WEIGHTS, read_bundle
from almrr_core.runtime.engine import Engine
from almrr_core.store.store import Store
from almrr_core.types import Action, Actor, ModelId, ModelRow

SUFFIX = ".almrr"
LABEL = "model.json"  # what it was called where it comes from
_NEEDED, _ALLOWED = {CARD, WEIGHTS, GOLDEN}, {CARD, WEIGHTS, GOLDEN, BACKBONE, LABEL}
_SIZES = MOST_BYTES | {LABEL: 1 << 16}
_PIECE = 1 << 20
_OF_A_BAD_ZIP = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(ValueError, NotImplementedError, RuntimeError),
)


def export_model(store: Store, model_id: ModelId, target: Path, actor: Actor) -> Path:
    """Write a model to one file, whole or not at all, and return its path (with SUFFIX).

    Raises BAD_ARGUMENT, what `read_bundle` does (a damaged model is not passed on) and WRITE_FAILED.
    """
    row = known_model(store, model_id)
    folder = bundle_of(store.folder, row)
    card = read_bundle(folder).card
    target = target if target.suffix == SUFFIX else target.with_name(target.name + SUFFIX)
    partial = target.with_name(f".{os.getpid()}-{target.name}.tmp")
    label = {"model_id": row.model_id, "product": row.product, "note": row.note, "seal": row.seal}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(LABEL, json.dumps(label, indent=1))
            for name in (CARD, *card.files):
                archive.write(folder / name, name)
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(partial, target)
    except OSError as error:
        raise write_failed(target, error) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    store.event(actor, Action.EXPORTED, model_id, after=str(target))
    return target


def import_model(store: Store, source: Path, product: str, actor: Actor, device: str = "auto") -> ModelRow:
    """Add the model of a file as a candidate of a product, once its hashes and golden scores are right.

    Nothing is unpacked by a name from the file but the four files of a bundle, and no more of each than a
    bundle may have. Raises ARCHIVE_DAMAGED for what is no such file or cannot be read, BUNDLE_DAMAGED and the
    like for its content, WEIGHTS_MISSING where its backbone is not on this machine, WRITE_FAILED and what the
    store raises; then no folder is left.
    """
    target = store.folder / model_folder(product, free_id(store, product))
    # never that of a training, of another import, or of one that a crash ended
    partial = target.with_name(f".{target.name}-{secrets.token_hex(4)}.import")
    try:
        partial.mkdir(parents=True)
        label = _unpack(source, partial)
        Engine.load(partial, device)
        note = f"from {source.name} ({label.get('product', '?')} {label.get('model_id', '?')})"
        lineage = {"product": product, "parent": None, "actor": actor.name, "note": note}
        write_json(partial / LINEAGE, lineage)
        os.rename(partial, target)
        return _with_row(store, target, actor)
    except OSError as error:
        raise write_failed(target, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):
            target.parent.rmdir()  # of a product without models


def _with_row(store: Store, folder: Path, actor: Actor) -> ModelRow:
    """Add the model's row, or remove its folder: it would be a model all the same at the next start."""
    try:
        return add_row(store, folder, actor)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack(source: Path, folder: Path) -> dict[str, Any]:
    """Unpack the files of a bundle and return the label; raises ARCHIVE_DAMAGED."""
    with _as_damaged(source):
        archive = zipfile.ZipFile(source)
    with archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        odd = sorted(set(entries) - _ALLOWED)
        if odd or not set(entries) >= _NEEDED or len(entries) != len(archive.infolist()):
            raise _damaged(source, f"it holds {odd[0]!r}" if odd else "it does not hold a model")
        for name, entry in entries.items():
            _copy(archive, entry, folder / name, source)
    if LABEL not in entries:
        return {}
    text = (folder / LABEL).read_bytes()
    (folder / LABEL).unlink()
    with _as_damaged(source):
        label = json.loads(text)
    return label if isinstance(label, dict) else {}


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, source: Path) -> None:
    """Copy one entry, counting what really comes out: its stated size may lie."""
    left = _SIZES[entry.filename]
    with target.open("wb") as writing:
        for piece in _pieces(archive, entry, source):
            left -= len(piece)
            if left < 0:
                raise _damaged(source, f"{entry.filename} is larger than any model's")
            writing.write(piece)
        writing.flush()
        os.fsync(writing.fileno())


def _pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, source: Path) -> Iterator[bytes]:
    with _as_damaged(source), archive.open(entry) as reading:
        while piece := reading.read(_PIECE):
            yield piece


@contextmanager
def _as_damaged(source: Path) -> Iterator[None]:
    """Raise ARCHIVE_DAMAGED for what reading a ZIP raises, whichever way it is packed; not for writing."""
    try:
        yield
    except _OF_A_BAD_ZIP as error:
        raise _damaged(source, str(error) or type(error).__name__) from error
    except OSError as error:  # bz2 raises it too
        raise _damaged(source, error.strerror or str(error)) from error


def _damaged(source: Path, what: str) -> StationError:
    return StationError(
        ErrorCode.ARCHIVE_DAMAGED,
        f"{source} cannot be imported: {what}.",
        f"Export the model again where it was made, as a file that ends in {SUFFIX}.",
        path=str(source),
    )
