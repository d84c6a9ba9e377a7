"""What a pre-training leaves: the loss log as CSV, the weights, and the card that says how they came about."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import safetensors.torch

from almrr_core.data.textures import HELD_OUT_TEXTURES
from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import read_json, write_atomic, write_json
from almrr_core.models import contrast
from almrr_core.models.backbone import IMAGENET_MEAN, IMAGENET_STD, Backbone
from almrr_core.models.weights import SEES, pack, weights_hash
from almrr_core.pretrain import learner, surfaces, views
from almrr_core.pretrain.recipe import Recipe

NAME = "texture18"
WEIGHTS, CARD, LOG = f"{NAME}.safetensors", f"{NAME}.json", f"{NAME}-log.csv"
LICENCE = "Apache-2.0"
HEAD = ("step", "seconds", "loss", "score")
INPUT = {  # in this order, and last mean and std
    "local_contrast": {
        "gaussian_pixels": contrast.CELL * contrast.SIGMA,
        "least_spread": contrast.LEAST,
        "mean": contrast.LEVEL,
        "spread": contrast.SPREAD,
    }
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log: the mean loss since the line before, and the held-out merit where it was taken."""

    step: int
    seconds: float
    loss: float
    score: float | None = None


def write_log(path: Path, lines: Sequence[Line]) -> None:
    """Write the log atomically as UTF-8 CSV; raises WRITE_FAILED."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEAD)
    for line in lines:
        score = "" if line.score is None else f"{line.score:.5f}"
        rows.writerow([line.step, f"{line.seconds:.0f}", f"{line.loss:.6f}", score])
    write_atomic(path, text.getvalue().encode())


def read_log(path: Path) -> list[Line]:
    """Read what `write_log` wrote; raises FOLDER_UNUSABLE."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
        return [
            Line(
                int(row["step"]),
                float(row["seconds"]),
                float(row["loss"]),
                float(row["score"]) if row["score"] else None,
            )
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error


def recorded_start(path: Path) -> tuple[int, str]:
    """Return the seed and the kind of device ("cpu", "cuda") in a card; raises FOLDER_UNUSABLE."""
    try:
        card = read_json(path)
        return int(card["seed"]), str(card["device"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> StationError:
    return StationError(
        ErrorCode.FOLDER_UNUSABLE,
        f"{path} cannot be read as part of a pre-training: {error}.",
        "Name the folder of a pre-training, or install the program again.",
        path=str(path),
    )


def export(folder: Path, backbone: Backbone, facts: dict[str, object], lines: Sequence[Line]) -> None:
    """Write weights, card and log of `backbone`; `facts` are the card's figures of this run."""
    content = safetensors.torch.save(pack(backbone), {SEES: backbone.sees})
    card = {
        "name": NAME,
        "architecture": "local contrast, then ResNet-18 up to layer3, torchvision's names, norms not folded",
        "input": {"range": "RGB in 0..1", **INPUT, "mean": IMAGENET_MEAN, "std": IMAGENET_STD},
        "licence": LICENCE,
        "data": "generated textures and defects only; no picture was read",
        **facts,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "weights_hash": weights_hash(backbone),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    write_atomic(folder / WEIGHTS, content)
    write_log(folder / LOG, lines)
    write_json(folder / CARD, card)


def described(recipe: Recipe) -> dict[str, object]:
    """Return the recipe for the card, with the families and the main numbers of views and loss."""
    return asdict(recipe) | {
        "families": [family.name for family in surfaces.TRAINED_TEXTURES],
        "held_out_families": [family.name for family in HELD_OUT_TEXTURES],
        "piece_pixels": surfaces.SIDE,
        "view_pixels": views.VIEW,
        "views_a_surface": views.VIEWS,
        "window": surfaces.WINDOW,
        "zoom": views.ZOOM,
        "turn_rad": views.TURN,
        "label_smoothing": learner.SMOOTHING,
    }
