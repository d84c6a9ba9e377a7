from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from almrr_core.models.almrr import Almrr, Form, Widths
from almrr_core.models.backbone import SHADE, build_backbone
from almrr_core.runtime.fused import fuse
from tests.core.bundles import SIDE, TINY, look_trained, one_thread

pytestmark = pytest.mark.usefixtures(one_thread.__name__)
WIDTHS = {
    "reduced": TINY,
    "whole": Widths(reduced=None, dim=16, depth=1, decoder=(8, 8, 8), refinement=4, feature_maps=4),
}


def trained_like(
    backbone: str, form: Form, widths: Widths, seed: int, stages: tuple[int, ...] = (1, 2, 3)
) -> Almrr:
    torch.manual_seed(seed)
    model = Almrr(build_backbone(backbone, stages, seed), form, widths, SIDE)
    look_trained(model, seed)
    return model


@pytest.mark.parametrize(
    ("backbone", "form", "stages"),
    [
        *((name, form, (1, 2, 3)) for name in ("resnet18", "resnet50v2") for form in Form),
        ("texture18", Form.HYBRID, (SHADE, 1, 2, 3)),
    ],
)
@pytest.mark.parametrize("widths", WIDTHS)
def test_the_fused_form_gives_the_plain_logits(
    backbone: str, form: Form, stages: tuple[int, ...], widths: str
) -> None:
    images = torch.rand(2, 3, SIDE, SIDE)
    wanted = torch.zeros(())
    while wanted.std(correction=0) < 1e-3:  # now and then so narrow a model is dead: nothing to compare
        seed = int(torch.randint(2**31, ()))
        model = trained_like(backbone, form, WIDTHS[widths], seed, stages)
        with torch.inference_mode():
            wanted = model(images)
    state = copy.deepcopy(model.state_dict())
    with torch.inference_mode():
        ours = fuse(model)(images)
    assert ours.shape == wanted.shape == (2, 1, SIDE // 4, SIDE // 4)
    difference = ((ours - wanted).abs() / (1 + wanted.abs())).max().item()
    assert difference <= 1e-4, f"seed {seed}: {difference}"
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("widths", WIDTHS)
def test_the_papers_fused_form_is_exact(widths: str) -> None:
    seed = int(torch.randint(2**31, ()))
    model = trained_like("resnet18", Form.PAPER, WIDTHS[widths], seed).double()
    images = torch.rand(2, 3, SIDE, SIDE, dtype=torch.float64)
    with torch.inference_mode():
        difference = (fuse(model)(images) - model(images)).abs().max().item()
    assert difference <= 1e-12, f"seed {seed}: {difference}"


def test_batch_norms_and_the_reduction_are_gone() -> None:
    model = trained_like("resnet18", Form.PAPER, TINY, 0)
    fused = fuse(model)
    kept = [name for name, module in fused.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert not kept
    assert count_convolutions(fused) < count_convolutions(model)
    assert not any(parameter.requires_grad for parameter in fused.parameters())
    assert not fused.training
    expansion = fused.get_submodule("twin.reconstruction.expansion")
    assert isinstance(expansion, nn.Conv2d)
    assert expansion.out_channels == 1  # the channel mean alone is used of it


def count_convolutions(module: nn.Module) -> int:
    return sum(isinstance(part, nn.Conv2d) for part in module.modules())
