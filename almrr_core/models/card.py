"""What a bundle says of itself: its card as a frozen value and as strict, sealed JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
import typing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from almrr_core.errors import ErrorCode, StationError
from almrr_core.judge import Calibration
from almrr_core.models.almrr import Form, Profile, Widths
from almrr_core.models.backbone import BACKBONES, IMAGENET_MEAN, IMAGENET_STD, SHADE, stages_exist
from almrr_core.types import Geometry, Limits

FORMAT = 1
METHOD = "almrr"
MOST_WIDTH, MOST_DEPTH = 4096, 64  # beyond any model this program makes
LEAST_SIDE, MOST_SIDE = 128, 1024  # of the model's input: five halvings of a quarter of it, memory


@dataclass(frozen=True, slots=True)
class Card:
    """All that is known of a trained model besides its tensors; `seal` names the bundle.

    `mean` and `std` are the backbone's normalisation of RGB in 0..1; `training_files` and `held_out_files`
    the SHA-256 of the pictures (`data.samples.content_hash`; before 0.5 `almrr train` took their files');
    `bit_depth` that of its 16-bit pictures (`imaging.read_picture`); `trained` is False where the closed
    form alone was judged better, or no step was made; `metrics` the held-out criterion's figures; `created`
    ISO 8601 in UTC. `files` (name → SHA-256 of each other file) and `seal` (SHA-256 of the rest of the
    card) are filled by `write_bundle`.
    """

    format: int
    method: str
    profile: Profile
    form: Form
    widths: Widths
    geometry: Geometry
    backbone: str
    stages: tuple[int, ...]
    backbone_hash: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    calibration: Calibration
    limits: Limits
    training_files: tuple[str, ...]
    held_out_files: tuple[str, ...]
    steps: int
    seconds: float
    seed: int
    batch: int
    trained: bool
    metrics: dict[str, float | None]
    versions: dict[str, str]
    created: str
    bit_depth: int | None = None
    files: dict[str, str] = dataclasses.field(default_factory=dict)
    seal: str = ""

    @property
    def shade(self) -> bool:
        """Return whether the model judges brightness and colour too."""
        return SHADE in self.stages

    def to_json(self) -> dict[str, Any]:
        """Return JSON types only; `from_json` gives an equal value back."""
        value: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self), allow_nan=False))
        if self.bit_depth is None:  # programs before 0.5 do not know it
            del value["bit_depth"]
        return value

    @classmethod
    def from_json(cls, value: object, source: Path | str = "The card") -> Card:
        """Read what `to_json` wrote, strictly; the seal is `sealed`'s and the reader's business.

        Raises BUNDLE_FOREIGN (not our JSON, another method), BUNDLE_NEWER (a format after ours) and
        BUNDLE_DAMAGED (fields missing, unknown, of another type or outside what this program makes).
        """
        _check_kind(value, source)
        try:
            assert isinstance(value, dict)
            card = _decode(cls, {"bit_depth": None} | value, "card")
            _check_values(card)
        except (ValueError, OverflowError, StationError) as error:
            raise damaged(source, str(getattr(error, "sentence", error))) from error
        assert isinstance(card, cls)
        return card


def sealed(card: Card) -> Card:
    """Return the card with its seal: SHA-256 over the rest of it, whatever the order or white space."""
    rest = {name: value for name, value in card.to_json().items() if name != "seal"}
    content = json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()
    return dataclasses.replace(card, seal=hashlib.sha256(content).hexdigest())


def damaged(source: Path | str, what: str) -> StationError:
    """Return the fault of a bundle that is ours, but not whole or not as it was written."""
    return StationError(
        ErrorCode.BUNDLE_DAMAGED,
        f"{source} is damaged: {what}.",
        "Copy the bundle again from where it was made, or train it again.",
        path=str(source),
    )


def _check_kind(value: object, source: Path | str) -> None:
    number, method = (value.get("format"), value.get("method")) if isinstance(value, dict) else (None, None)
    ours = isinstance(number, int) and not isinstance(number, bool) and isinstance(method, str)
    if ours and isinstance(number, int) and number > FORMAT:
        raise StationError(
            ErrorCode.BUNDLE_NEWER,
            f"{source} has format {number}; this program knows formats up to {FORMAT}.",
            "Update the program, or take a bundle made with this version.",
            path=str(source),
        )
    if not ours or method != METHOD:
        what = f"method {method!r}" if ours else "not the card of a bundle"
        raise StationError(
            ErrorCode.BUNDLE_FOREIGN,
            f"{source} is not a bundle that this program can use: {what}.",
            "Choose a folder that 'almrr train' has made.",
            path=str(source),
        )


def _check_values(card: Card) -> None:
    """Raise ValueError for values no card of ours has: nothing is allocated by a number in a file alone."""
    w = card.widths
    widths = [w.dim, w.refinement, w.feature_maps, *w.decoder, *([] if w.reduced is None else [w.reduced])]
    checks = {
        "format": card.format == FORMAT,
        "backbone": card.backbone in BACKBONES,
        "stages": stages_exist(card.stages),
        "mean and std": (card.mean, card.std) == (IMAGENET_MEAN, IMAGENET_STD),
        "widths": all(1 <= width <= MOST_WIDTH for width in widths) and 1 <= w.depth <= MOST_DEPTH,
        "bit_depth": card.bit_depth is None or 8 <= card.bit_depth <= 16,
        "input_size": LEAST_SIDE <= card.geometry.input_size <= MOST_SIDE,
    }
    for name, right in checks.items():
        if not right:
            raise ValueError(f"'{name}' has a value that no bundle of this format has")


def _decode(kind: Any, value: object, name: str) -> Any:
    """Return JSON `value` as the annotated type `kind`; raises ValueError naming the field."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        optional = next(k for k in inner if k is not types.NoneType)
        return None if value is None else _decode(optional, value, name)
    if origin is tuple and isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) == len(value):
            return tuple(_decode(k, v, name) for k, v in zip(kinds, value, strict=True))
    if origin is dict and isinstance(value, dict):
        return {key: _decode(inner[1], v, f"{name}.{key}") for key, v in value.items()}
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return _decode_fields(kind, value, name)
    if isinstance(kind, type) and _is_plain(kind, value):
        return kind(value)
    raise ValueError(f"'{name}' is not of the type it should have")


def _decode_fields(kind: Any, value: dict[str, object], name: str) -> Any:
    hints = typing.get_type_hints(kind)
    wanted = [field.name for field in dataclasses.fields(kind)]
    for odd in sorted(set(wanted) ^ set(value)):
        raise ValueError(f"'{name}.{odd}' is {'missing' if odd in wanted else 'not a known field'}")
    return kind(**{field: _decode(hints[field], value[field], f"{name}.{field}") for field in wanted})


def _is_plain(kind: type, value: object) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if issubclass(kind, StrEnum):
        return isinstance(value, str) and value in set(kind)
    return kind in (int, str, bool) and type(value) is kind
