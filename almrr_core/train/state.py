"""What changes from step to step: weights, their average, the optimiser and the random streams."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from almrr_core.models.almrr import Almrr, Form
from almrr_core.models.backbone import Backbone
from almrr_core.train.session import Session

AVERAGE_POWER = 7.0  # the average reaches over about the last eighth of the steps
WARM_UP = 100  # steps over which the learning rate rises


class TrainState:
    """One training's moving parts; `average` is the model that is judged and stored.

    The average's weight of the past is (1 − 1/t)^(power + 1) (Karras et al., arXiv 2312.02696, eq. 6): it
    depends on the step alone, so the budget need not be known and a longer run passes through the same states.
    """

    def __init__(self, session: Session, rate: float) -> None:
        self.step = 0
        self.rate = rate
        self.model = session.model
        self.parameters = session.model.trained_parameters()
        self.optimiser = torch.optim.Adam(self.parameters, rate, betas=(0.9, 0.99))
        self.average = copy_of(session.model)
        self._generator = session.generator
        self._device = session.device

    def before_step(self) -> None:
        """Count the step and set its learning rate."""
        self.step += 1
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * min(1.0, self.step / WARM_UP)

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the average towards the model."""
        past = (1 - 1 / self.step) ** (AVERAGE_POWER + 1)
        ours, theirs = _moving(self.average), _moving(self.model)
        for name, value in theirs.items():
            if value.is_floating_point():
                ours[name].lerp_(value, 1 - past)
            else:
                ours[name].copy_(value)

    def tensors(self) -> dict[str, Tensor]:
        """Return everything by name, for a checkpoint."""
        found = {f"model.{name}": value for name, value in _moving(self.model).items()}
        found |= {f"average.{name}": value for name, value in _moving(self.average).items()}
        found |= {f"folds.{name}": value for name, value in _fold_tensors(self.model).items()}
        found["generator"] = self._generator.get_state()
        found["random"] = _global_random(self._device)
        for index, parameter in enumerate(self.parameters):
            for name, value in self.optimiser.state.get(parameter, {}).items():
                found[f"adam.{index}.{name}"] = value
        return found

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Take over what `tensors` returned at `step`."""
        self.step = step
        for name, value in _fold_tensors(self.model).items():
            value.copy_(tensors[f"folds.{name}"])
        for prefix, model in (("model", self.model), ("average", self.average)):
            for name, value in _moving(model).items():
                value.data.copy_(tensors[f"{prefix}.{name}"])
        for index, parameter in enumerate(self.parameters):
            prefix = f"adam.{index}."
            own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            if own:
                self.optimiser.state[parameter] = {
                    k: v if k == "step" else v.to(parameter.device) for k, v in own.items()
                }
        self._generator.set_state(tensors["generator"])
        _set_global_random(self._device, tensors["random"])


def _moving(model: Almrr) -> dict[str, Tensor]:
    """Return parameters and buffers that are stored or averaged: all but the backbone's and fixed ones."""
    return {name: value for name, value in model.state_dict().items() if not name.startswith("backbone.")}


def _fold_tensors(model: Almrr) -> dict[str, Tensor]:
    """Return the closed form's fold components: used in training only, so no part of a bundle."""
    if model.form is Form.PAPER:
        return {}
    return {
        f"{index}.{name}": value
        for index, part in enumerate(model.closed_form.overall)
        for name in ("fold_centre", "fold_basis")
        if isinstance(value := getattr(part, name), Tensor)
    }


def copy_of(model: Almrr) -> Almrr:
    """Return a copy of the model that shares its frozen backbone."""
    shared: dict[int, Backbone] = {id(model.backbone): model.backbone}
    return copy.deepcopy(model, shared)


def _global_random(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _set_global_random(device: torch.device, state: Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
