"""What moves from step to step of a pre-training, and its checkpoint: safetensors, never pickle."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import write_atomic
from almrr_core.models.backbone import Backbone
from almrr_core.pretrain.learner import Learner
from almrr_core.pretrain.recipe import Recipe
from almrr_core.pretrain.record import described
from almrr_core.pretrain.surfaces import Row
from almrr_core.pretrain.views import VIEWS, look

FILE, NOTE, FORMAT = "state.safetensors", "note", 2


class State:
    """A learner, its average (which is what is shipped), the optimiser, the surfaces and the randomness."""

    def __init__(self, recipe: Recipe, seed: int, device: torch.device) -> None:
        self.recipe, self.seed, self.device, self.step = recipe, seed, device, 0
        learner = Learner(seed, recipe.capacity)
        self.learner = learner.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.average: Backbone = copy.deepcopy(self.learner.backbone).requires_grad_(False).train()
        self.parameters = list(self.learner.parameters())
        self.optimiser = torch.optim.AdamW(
            self.parameters, recipe.rate, betas=(0.9, 0.99), weight_decay=recipe.decay
        )
        self.generator = torch.Generator(device)
        self.generator.manual_seed(seed)
        self.row: Row | None = None

    def advance(self, half: bool) -> float:
        """Make one step and return its loss; raises TRAINING_DIVERGED.

        `half` allows bfloat16 after the exact steps.
        """
        recipe = self.recipe
        if self.row is None:
            self.row = Row(self.seed, self.device, recipe.capacity, recipe.first + self.step)
        self.row.grow()
        chosen = torch.randperm(len(self.row.surfaces), generator=self.generator, device=self.device)[
            : recipe.batch
        ]
        views = look([self.row.surfaces[index] for index in chosen.tolist()], self.generator)
        numbers = chosen.repeat_interleave(VIEWS)
        loss: Tensor = self.learner(views.flatten(0, 1), numbers, half and self.step >= recipe.exact)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, recipe.clip)
        if not torch.isfinite(norm) or not torch.isfinite(loss):
            raise StationError(
                ErrorCode.TRAINING_DIVERGED,
                f"The pre-training's loss is not a finite number any more after {self.step} steps.",
                "Start again with another seed, in another folder.",
            )
        self.step += 1
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate * min(1.0, self.step / recipe.warm_up) ** 2
        self.optimiser.step()
        self._average()
        return float(loss.detach())

    @torch.no_grad()
    def _average(self) -> None:
        past = (1 - 1 / self.step) ** (self.recipe.average_power + 1)
        for ours, theirs in zip(_tensors(self.average), _tensors(self.learner.backbone), strict=True):
            ours.lerp_(theirs, 1 - past)

    def save(self, folder: Path, seconds: float) -> None:
        """Write a checkpoint atomically; raises WRITE_FAILED."""
        note = {"begun": self._begun(), "step": self.step, "seconds": seconds}
        tensors = {name: value.detach().cpu().contiguous() for name, value in self._named().items()}
        write_atomic(folder / FILE, save(tensors, {NOTE: json.dumps(note)}))

    def restore(self, folder: Path) -> float:
        """Take over a checkpoint and return the seconds spent; raises CHECKPOINT_WRONG."""
        try:
            content = (folder / FILE).read_bytes()
            tensors = load(content)
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            note = json.loads(header["__metadata__"][NOTE])
            if note["begun"] != self._begun():
                raise ValueError("it was begun with another seed, recipe, device or version")
            self._take(tensors)
            self.step = int(note["step"])
            return float(note["seconds"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise StationError(
                ErrorCode.CHECKPOINT_WRONG,
                f"The pre-training in {folder} cannot be resumed: {reason.rstrip(' .:')}.",
                "Resume with the seed and device it was started with, or start anew in another folder.",
            ) from error

    def _begun(self) -> str:
        return json.dumps([FORMAT, self.seed, self.device.type, described(self.recipe)], sort_keys=True)

    def _named(self) -> dict[str, Tensor]:
        found = {f"learner.{name}": value for name, value in self.learner.state_dict().items()}
        found |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        found["generator"] = self.generator.get_state()
        for index, parameter in enumerate(self.parameters):
            for name, value in self.optimiser.state.get(parameter, {}).items():
                found[f"adam.{index}.{name}"] = value
        return found

    def _take(self, tensors: dict[str, Tensor]) -> None:
        for prefix, module in (("learner.", self.learner), ("average.", self.average)):
            own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            module.load_state_dict(own)
        for index, parameter in enumerate(self.parameters):
            prefix = f"adam.{index}."
            own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            self.optimiser.state[parameter] = {
                k: v if k == "step" else v.to(parameter.device).contiguous(memory_format=_layout(v))
                for k, v in own.items()
            }
        self.generator.set_state(tensors["generator"])


def _layout(value: Tensor) -> torch.memory_format:
    return torch.channels_last if value.dim() == 4 else torch.contiguous_format


def _tensors(backbone: Backbone) -> list[Tensor]:
    """Return parameters and running statistics, not the counters of batches."""
    return [value for value in backbone.state_dict().values() if value.is_floating_point()]
