"""Whether this machine computes right: the parts of the program against their own definitions."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import torch

from almrr_core.errors import StationError
from almrr_core.models.almrr import compact
from almrr_core.models.backbone import build_backbone
from almrr_core.models.scan import PARITY_LIMIT, available_paths, parity
from almrr_core.models.weights import load_weights
from almrr_core.runtime.engine import Engine, resolve_device


class State(StrEnum):
    """How a check ended; a MISSING part is needed by some tasks only."""

    OK = "ok"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked, and a sentence about it."""

    name: str
    state: State
    text: str


def check_machine(device: str, weights: dict[str, Path | None]) -> Iterator[Check]:
    """Yield the checks that need no bundle, as they end.

    `weights` says per backbone where its file is, None where it is not on this machine.
    """
    yield _numba()
    for path in available_paths():
        difference = parity(path)
        state = State.OK if difference <= PARITY_LIMIT else State.WRONG
        yield Check(f"scan {path}", state, f"largest relative difference {difference:.1e}")
    for name, file in weights.items():
        yield _weights(name, file)
    yield _forward(device)


def check_bundle(bundle: Path, device: str, weights: Path | None) -> Check:
    """Load a bundle with its hashes verified and its golden scores computed again."""
    try:
        Engine.load(bundle, device, weights, verify=True)
    except StationError as fault:
        return Check("bundle", State.WRONG, str(fault))
    return Check("bundle", State.OK, f"{bundle} is whole and gives its golden scores")


def _numba() -> Check:
    if importlib.util.find_spec("numba") is None:
        return Check("numba", State.MISSING, "not installed: training and inspection on a CPU are far slower")
    from numba import __version__

    return Check("numba", State.OK, f"version {__version__}")


def _weights(name: str, file: Path | None) -> Check:
    if file is None:
        return Check(
            f"weights {name}",
            State.MISSING,
            "not on this machine; needed to train with it and by models without it",
        )
    try:
        load_weights(build_backbone(name), file)
    except StationError as fault:
        return Check(f"weights {name}", State.WRONG, str(fault))
    return Check(f"weights {name}", State.OK, str(file))


@torch.no_grad()
def _forward(device: str) -> Check:
    """Run a whole untrained model once: same input, same finite logits of the right shape twice."""
    try:
        where = resolve_device(device)
    except StationError as fault:
        return Check("model", State.WRONG, str(fault))
    model = compact(build_backbone("resnet18"), input_size=128).to(where).eval()
    images = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0)).to(where)
    first, second = model(images), model(images)
    right = first.shape == (1, 1, 32, 32) and bool(torch.isfinite(first).all()) and torch.equal(first, second)
    text = f"torch {torch.__version__} on {where}"
    return Check("model", State.OK if right else State.WRONG, text)
