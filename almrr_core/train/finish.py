"""From a model to a bundle: rounding, calibration on held-out normals, golden pictures, card."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch
from torch import Tensor

from almrr_core.data.anomalies import AnomalyOptions, simulate
from almrr_core.judge import Calibration, calibrate, default_limits, frame_score
from almrr_core.models.almrr import Almrr, Form, upsample
from almrr_core.models.backbone import IMAGENET_MEAN, IMAGENET_STD
from almrr_core.models.bundle import FORMAT, Card, Golden, round_to_stored, write_bundle
from almrr_core.models.weights import weights_hash
from almrr_core.runtime.engine import golden_of
from almrr_core.train.session import Session

GOLDEN = 8  # pictures, half of them with an anomaly
GOLDEN_SEED = 8
CHUNK = 8
BALANCED = 192


def save_bundle(
    session: Session, model: Almrr, steps: int, trained: bool, metrics: dict[str, float | None]
) -> Card:
    """Round `model` to the stored precision in place, calibrate it and write the job's bundle.

    Returns the card as written; raises WRITE_FAILED, TRAINING_DIVERGED for a model whose scores are not finite.
    """
    round_to_stored(model)
    model.eval()
    calibration = calibrate_on_held_out(session, model)
    job = session.job
    card = Card(
        format=FORMAT,
        method="almrr",
        profile=job.profile,
        form=job.chosen_form,
        widths=model.widths,
        geometry=job.geometry,
        backbone=model.backbone.name,
        stages=tuple(model.backbone.stages),
        backbone_hash=weights_hash(model.backbone),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        calibration=calibration,
        limits=default_limits(calibration),
        training_files=_seen(session),
        bit_depth=job.bit_depth,
        held_out_files=tuple(sample.sha256 for sample in session.split.held_out),
        steps=steps,
        seconds=round(session.elapsed, 1),
        seed=job.seed,
        batch=job.batch,
        trained=trained,
        metrics=metrics,
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files={},
    )
    return write_bundle(job.out, model, card, _golden(session, model), session.packs)


def _seen(session: Session) -> tuple[str, ...]:
    """Return the hashes of all pictures that the weights come from, those of a warm start's parent too."""
    own = [sample.sha256 for sample in session.split.train]
    before = session.parent.training_files if session.job.warm and session.parent is not None else ()
    return tuple(dict.fromkeys((*own, *before)))


@torch.no_grad()
def calibrate_on_held_out(session: Session, model: Almrr) -> Calibration:
    """Return the calibration from the held-out normals' frame scores (the maximum over a frame's tiles).

    Where blocks are held out (`data.samples`), a frame is one block, with fewer tiles than the line's
    frames: its maximum is then lower, and the limits, provisional in any case, somewhat too low.
    """
    size = session.job.geometry.input_size
    scores = []
    for tiles in session.held_out:
        parts = [tile.to(session.device).float().div_(255) for tile in tiles.split(CHUNK)]
        maps = torch.cat([upsample(model(part), size).cpu() for part in parts])
        scores.append(max(frame_score(one[0].numpy()) for one in maps))
    return calibrate(scores)


@torch.no_grad()
def balance_on_held_out(session: Session, model: Almrr) -> None:
    """Set how much the picture's level counts, by held-out normal inputs; nothing to do for the paper's form.

    A tile is no whole picture and gets none: its level would lift the tile as a block, seams and all. At most
    BALANCED inputs are used, evenly: a standard deviation needs no more.
    """
    if model.form is Form.PAPER or session.job.geometry.tile is not None:
        return
    tiles = torch.cat(session.held_out)
    tiles = tiles[torch.linspace(0, len(tiles) - 1, min(BALANCED, len(tiles))).round().long()]
    size = session.job.geometry.input_size
    scores, levels = [], []
    for tile in tiles.split(CHUNK):
        output = model.judge(session.stages(tile.to(session.device).float().div_(255)))
        assert output.level is not None
        scores += [frame_score(one[0].numpy()) for one in upsample(output.logit, size).cpu()]
        levels.append(output.level.flatten())
    model.balance(torch.tensor(scores, device=session.device), torch.cat(levels))


def _golden(session: Session, model: Almrr) -> Golden:
    """Return GOLDEN held-out inputs, the second half with simulated anomalies, and their logits."""
    tiles = torch.cat(session.held_out)
    chosen = torch.linspace(0, len(tiles) - 1, GOLDEN).round().long()
    normal = tiles[chosen].to(session.device).float().div_(255)
    generator = torch.Generator(session.device)
    generator.manual_seed(GOLDEN_SEED)
    half = GOLDEN // 2
    made = simulate(normal[half:], session.textures, generator, AnomalyOptions(fraction=1.0))
    pictures = _as_bytes(torch.cat([normal[:half], made.images]))
    return golden_of(model, pictures)


def _as_bytes(images: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rounded = images.mul(255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(rounded.permute(0, 2, 3, 1).cpu().numpy())


def _versions() -> dict[str, str]:
    try:
        own = version("almrr-line-inspector")
    except PackageNotFoundError:
        own = "source"
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "almrr": own,
    }
