"""`verify`: the first steps of a recorded pre-training once more, against its loss log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from almrr_core.pretrain.loop import quick_numbers
from almrr_core.pretrain.recipe import Recipe
from almrr_core.pretrain.record import CARD, LOG, read_log, recorded_start
from almrr_core.pretrain.state import State
from almrr_core.runtime.engine import resolve_device

TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Verified:
    """How far the repeated losses lie from the recorded ones, at most over `steps` steps."""

    steps: int
    difference: float

    @property
    def good(self) -> bool:
        """Return whether the record is reproduced."""
        return self.steps > 0 and self.difference <= TOLERANCE


def verify(folder: Path, recipe: Recipe | None = None) -> Verified:
    """Repeat the first exact steps of the pre-training whose card and log lie in `folder`.

    On the kind of device it was made on, for the random numbers of others differ. Raises FOLDER_UNUSABLE where
    there is no card or log, and DEVICE_MISSING.
    """
    recipe = recipe or Recipe()
    recorded = [line for line in read_log(folder / LOG) if 1 <= line.step <= recipe.exact]
    seed, device = recorded_start(folder / CARD)
    state = State(recipe, seed, resolve_device(device))
    with quick_numbers():
        repeated = [state.advance(half=False) for _ in recorded]
    differences = [abs(line.loss - loss) for line, loss in zip(recorded, repeated, strict=True)]
    return Verified(len(recorded), max(differences, default=0.0))
