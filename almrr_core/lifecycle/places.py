"""Where samples and models lie below the data folder: samples/<product>/<sha256>.png, models/<product>/<id>."""

from __future__ import annotations

import re
from pathlib import Path

from almrr_core.types import ModelId, ModelRow, SampleRow

SAMPLES, MODELS = "samples", "models"
PARTIAL = ".partial"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def folder_name(product: str) -> str:
    """Return a product's name as a folder's."""
    return _NOT_IN_A_NAME.sub("_", product)


def sample_file(product: str, sha256: str) -> Path:
    """Return where a sample's picture lies, below the data folder."""
    return Path(SAMPLES) / folder_name(product) / f"{sha256}.png"


def mask_file(sample: SampleRow) -> Path:
    """Return where a defect's mask lies, below the data folder; it need not exist."""
    return sample.path.with_name(f"{sample.path.stem}.mask.png")


def model_folder(product: str, model_id: ModelId) -> Path:
    """Return where a new model lies, below the data folder."""
    return Path(MODELS) / folder_name(product) / model_id


def partial_folder(target: Path) -> Path:
    """Return the hidden folder beside `target` in which a model is made."""
    return target.with_name(f".{target.name}{PARTIAL}")


def bundle_of(data: Path, model: ModelRow) -> Path:
    """Return the folder of a model's bundle."""
    return data / model.folder
