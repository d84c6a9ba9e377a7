"""What is put right at a start: half-made models go, whole ones that a crash left without a row come in."""

from __future__ import annotations

import shutil
from pathlib import Path

from almrr_core.errors import StationError
from almrr_core.lifecycle.places import MODELS, SAMPLES
from almrr_core.lifecycle.retrain import LINEAGE, add_row
from almrr_core.models.bundle import read_bundle
from almrr_core.store.store import Store
from almrr_core.types import Actor, ModelId

STATION = Actor("station")


def tidy(store: Store) -> tuple[str, ...]:
    """Clean up after a crash and return what was done, in sentences; call it once, before any training starts.

    Only hidden folders, the folders of models whose row says deleted, and temporary files are removed.
    """
    done = list[str]()
    for folder in sorted((store.folder / MODELS).glob("*/*")):
        if folder.is_dir():
            done += _tidy_model(store, folder)
    for temporary in (store.folder / SAMPLES).glob("*/.*.tmp"):
        temporary.unlink(missing_ok=True)
    return tuple(done)


def _tidy_model(store: Store, folder: Path) -> list[str]:
    if folder.name.startswith("."):
        shutil.rmtree(folder, ignore_errors=True)
        return [f"A half-made model in {folder} was removed."]
    row = store.model(ModelId(folder.name))
    if row is not None and row.deleted and store.folder / row.folder == folder:
        shutil.rmtree(folder, ignore_errors=True)
        return [f"The folder of the deleted model {folder.name} was removed."]
    if row is None and (folder / LINEAGE).is_file():
        return _adopt(store, folder)
    return []


def _adopt(store: Store, folder: Path) -> list[str]:
    try:
        read_bundle(folder)
        row = add_row(store, folder, STATION)
    except (StationError, ValueError, KeyError) as error:
        return [f"The model in {folder} is not in the log and cannot be used: {error}"]
    return [f"The model {row.model_id}, finished just before the program ended, is a candidate now."]
