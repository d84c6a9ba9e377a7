"""Exact resume: everything a training step depends on, as safetensors, never pickle."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import write_atomic
from almrr_core.train.session import Session
from almrr_core.train.state import TrainState

FILE, NOTE = "state.safetensors", "note"  # the note is the file's metadata: both change in one rename
FORMAT = 1


def folder_of(out: Path) -> Path:
    """Return where the checkpoint of a bundle in the making lies: hidden, beside the bundle."""
    return out.with_name(f".{out.name}.almrr-checkpoint")


def save_checkpoint(session: Session, state: TrainState) -> None:
    """Write the state atomically; raises WRITE_FAILED."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors().items()}
    note = {
        "job": fingerprint(session),
        "step": state.step,
        "seconds": session.elapsed,
        "tensors": _digest(tensors),
    }
    write_atomic(folder_of(session.job.out) / FILE, save(tensors, {NOTE: json.dumps(note)}))


def load_checkpoint(session: Session, state: TrainState) -> float:
    """Restore the state and return the seconds already spent; CHECKPOINT_WRONG if it is not this job's."""
    folder = folder_of(session.job.out)
    try:
        content = (folder / FILE).read_bytes()
        tensors = load(content)  # from memory: a mapped file could not be replaced on Windows
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        note = json.loads(header["__metadata__"][NOTE])
        job, digest, step, seconds = note["job"], note["tensors"], int(note["step"]), float(note["seconds"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _wrong(folder, "there is no readable checkpoint") from error
    if job != fingerprint(session):
        raise _wrong(folder, "the checkpoint belongs to other pictures, options or weights")
    if digest != _digest(tensors):
        raise _wrong(folder, "the checkpoint is damaged")
    state.restore(tensors, step)
    return seconds


def _digest(tensors: dict[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(name.encode())
        total.update(tensors[name].numpy().tobytes())
    return total.hexdigest()


def remove_checkpoint(session: Session) -> None:
    """Delete the checkpoint of a training that has left its bundle."""
    shutil.rmtree(folder_of(session.job.out), ignore_errors=True)


def fingerprint(session: Session) -> str:
    """Return a hash of all that decides the steps, but not how many there are."""
    job = session.job
    facts = {
        "format": FORMAT,
        "widths": repr(session.model.widths),
        "form": job.chosen_form,
        "backbone": job.chosen_backbone,
        "stages": session.model.backbone.stages,
        "backbone_seed": job.backbone_seed,
        "weights": session.backbone_hash,
        "textures": str(job.textures.resolve()) if job.textures else None,
        "geometry": repr(job.geometry),
        "device": session.device.type,
        "batch": job.batch,
        "seed": job.seed,
        "train": [sample.sha256 for sample in session.split.train],
        "parent": session.parent.seal if session.parent else None,
        "warm": job.warm,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _wrong(folder: Path, what: str) -> StationError:
    return StationError(
        ErrorCode.CHECKPOINT_WRONG,
        f"The training in {folder} cannot be resumed: {what}.",
        "Start it again without --resume, or with the options it was started with.",
    )
