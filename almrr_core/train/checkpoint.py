"""Exact resume: everything a training step depends on, as safetensors, never pickle."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import read_json, write_atomic, write_json
from almrr_core.train.session import Session
from almrr_core.train.state import TrainState

TENSORS, NOTE = "state.safetensors", "state.json"


def folder_of(out: Path) -> Path:
    """Return where the checkpoint of a bundle in the making lies, beside the bundle."""
    return out.with_name(out.name + ".checkpoint")


def save_checkpoint(session: Session, state: TrainState) -> None:
    """Write the state atomically: the tensors first, then the note that names them by hash."""
    folder = folder_of(session.job.out)
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors().items()})
    write_atomic(folder / TENSORS, content)
    note = {
        "job": fingerprint(session),
        "step": state.step,
        "seconds": session.elapsed,
        "tensors": hashlib.sha256(content).hexdigest(),
    }
    write_json(folder / NOTE, note)


def load_checkpoint(session: Session, state: TrainState) -> float:
    """Restore the state and return the seconds already spent; CHECKPOINT_WRONG if it is not this job's."""
    folder = folder_of(session.job.out)
    try:
        note = read_json(folder / NOTE)
        content = (folder / TENSORS).read_bytes()
        job, digest, step, seconds = note["job"], note["tensors"], int(note["step"]), float(note["seconds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _wrong(folder, "there is no readable checkpoint") from error
    if job != fingerprint(session):
        raise _wrong(folder, "the checkpoint belongs to other pictures, options or weights")
    if digest != hashlib.sha256(content).hexdigest():
        raise _wrong(folder, "the checkpoint is damaged")
    state.restore(_tensors(folder), step)
    return seconds


def remove_checkpoint(session: Session) -> None:
    """Delete the checkpoint of a training that has left its bundle."""
    shutil.rmtree(folder_of(session.job.out), ignore_errors=True)


def fingerprint(session: Session) -> str:
    """Return a hash of all that decides the steps, but not how many there are."""
    job = session.job
    facts = {
        "profile": job.profile,
        "form": job.chosen_form,
        "backbone": job.chosen_backbone,
        "backbone_seed": job.backbone_seed,
        "weights": session.backbone_hash,
        "textures": str(job.textures.resolve()) if job.textures else None,
        "geometry": repr(job.geometry),
        "device": session.device.type,
        "batch": job.batch,
        "seed": job.seed,
        "train": [sample.sha256 for sample in session.split.train],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _tensors(folder: Path) -> dict[str, Tensor]:
    try:
        return load_file(folder / TENSORS, device="cpu")
    except SafetensorError as error:
        raise _wrong(folder, "the checkpoint is damaged") from error


def _wrong(folder: Path, what: str) -> StationError:
    return StationError(
        ErrorCode.CHECKPOINT_WRONG,
        f"The training in {folder} cannot be resumed: {what}.",
        "Start it again without --resume, or with the options it was started with.",
    )
