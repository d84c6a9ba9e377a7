"""The model's parts against their definitions: aggregation, Mamba block, reconstruction, refinement, ALMRR."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.errors import StationError
from almrr_core.models.aggregation import Aggregation, aggregate_reference
from almrr_core.models.almrr import Almrr, Form, anomaly_probability, compact, paper, upsample
from almrr_core.models.backbone import build_backbone
from almrr_core.models.mamba import BiMamba, DropPath, MambaBlock
from almrr_core.models.reconstruction import Reconstruction
from almrr_core.models.refinement import Refinement
from almrr_core.models.scan.reference import selective_scan_reference

STAGES = ((1, 2, 3), (0, 1, 2, 3))


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


@pytest.mark.parametrize("size", [64, 128, 256])
def test_aggregation_is_the_papers_resize_and_pool(size: int) -> None:
    stages = [torch.randn(2, c, size >> k, size >> k) for c, k in ((3, 2), (5, 3), (7, 4))]
    exact = Aggregation(size, tuple(stage.shape[-1] for stage in stages))(stages)
    torch.testing.assert_close(exact, aggregate_reference(stages, size), atol=2e-5, rtol=1e-4)


def test_parameter_counts_are_the_papers() -> None:
    reconstruction = count(Reconstruction(1792))
    assert abs(reconstruction / 1e6 - 15.5) < 0.1
    assert abs(count(Refinement()) / 1e6 - 28.4) < 0.05


def test_compact_has_at_most_four_million_trained_parameters() -> None:
    assert count(compact(build_backbone("resnet18"))) <= 4_000_000


def test_mamba_carries_the_names_of_mamba_ssm_and_vision_mamba() -> None:
    shapes = {name: tuple(p.shape) for name, p in BiMamba(192).named_parameters()}
    assert shapes == {
        "in_proj.weight": (768, 192),
        **{f"conv1d{s}.weight": (384, 1, 4) for s in ("", "_b")},
        **{f"conv1d{s}.bias": (384,) for s in ("", "_b")},
        **{f"x_proj{s}.weight": (44, 384) for s in ("", "_b")},
        **{f"dt_proj{s}.weight": (384, 12) for s in ("", "_b")},
        **{f"dt_proj{s}.bias": (384,) for s in ("", "_b")},
        "A_log": (384, 16),
        "A_b_log": (384, 16),
        "D": (384,),
        "D_b": (384,),
        "out_proj.weight": (192, 384),
    }


def bidirectional_reference(block: BiMamba, tokens: Tensor) -> Tensor:
    """Vision Mamba's bidirectional block, direction by direction, token by token."""
    total = torch.zeros(())
    for suffix, order in (("", 1), ("_b", -1)):
        seen = tokens if order == 1 else tokens.flip(1)
        x, z = (seen @ block.in_proj.weight.T).chunk(2, dim=-1)  # (B, L, inner)
        convolution = getattr(block, f"conv1d{suffix}")
        taps = convolution.weight[:, 0]  # (inner, 4): the last tap is the present token
        padded = F.pad(x, (0, 0, taps.shape[1] - 1, 0))
        u = sum(padded[:, k : k + x.shape[1]] * taps[:, k] for k in range(taps.shape[1])) + convolution.bias
        u = F.silu(u)
        low, B, C = (u @ getattr(block, f"x_proj{suffix}").weight.T).split([block.dt_rank, 16, 16], dim=-1)
        step = getattr(block, f"dt_proj{suffix}")
        y = selective_scan_reference(
            u.transpose(1, 2),
            F.softplus(low @ step.weight.T + step.bias).transpose(1, 2),
            -torch.exp(block.A_log if order == 1 else block.A_b_log),
            B.transpose(1, 2),
            C.transpose(1, 2),
            block.D if order == 1 else block.D_b,
        ).transpose(1, 2)
        gated = y * F.silu(z)
        total = total + (gated if order == 1 else gated.flip(1))
    return (total / 2) @ block.out_proj.weight.T


def test_bidirectional_block_equals_its_equations_in_values_and_gradients() -> None:
    block, tokens = BiMamba(32), torch.randn(3, 21, 32)
    for parameter in (block.D, block.D_b, block.A_b_log):
        torch.nn.init.normal_(parameter, 0.5, 0.3)  # both directions differ
    results = []
    for path in (block, lambda t: bidirectional_reference(block, t)):
        block.zero_grad()
        leaf = tokens.clone().requires_grad_()
        out = path(leaf)
        (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        results.append((out.detach(), leaf.grad, [p.grad.clone() for p in block.parameters()]))
    (fast, fast_in, fast_all), (slow, slow_in, slow_all) = results
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(fast_in, slow_in, atol=1e-4, rtol=1e-3)
    for a, b in zip(fast_all, slow_all, strict=True):
        torch.testing.assert_close(a, b, atol=1e-3 * b.abs().max().item() + 1e-6, rtol=1e-3)


def test_a_token_reaches_tokens_before_and_after_it() -> None:
    block, tokens = MambaBlock(32).eval(), torch.randn(1, 20, 32)
    moved = tokens.clone()
    moved[0, 10] += 1.0
    change = (block(moved) - block(tokens)).abs().amax(-1)[0]
    assert (change[:10] > 0).any(), "the backward direction is missing"
    assert (change[11:] > 0).any(), "the forward direction is missing"


def test_drop_path_drops_whole_samples_and_keeps_the_mean() -> None:
    drop, ones = DropPath(0.25), torch.ones(4000, 1, 2)
    kept = drop(ones)
    torch.testing.assert_close(kept[:, 0, 0].unique(), torch.tensor([0.0, 4 / 3]))
    assert torch.equal(kept[:, 0, 0], kept[:, 0, 1])
    assert abs(kept.mean().item() - 1) < 0.05
    assert torch.equal(drop.eval()(ones), ones)


def test_reconstruction_has_the_papers_shapes() -> None:
    model, seen = Reconstruction(1792).eval(), {}
    model.tokens.register_forward_hook(lambda *a: seen.update(tokens=a[2].shape))
    model.decoder.register_forward_hook(lambda *a: seen.update(decoded=a[2].shape))
    with torch.no_grad():
        assert model(torch.randn(1, 1792, 64, 64)).shape == (1, 1792, 64, 64)
    assert seen == {"tokens": (1, 192, 16, 16), "decoded": (1, 1024, 39, 39)}


@pytest.mark.parametrize("make", [compact, paper])
@pytest.mark.parametrize("form", list(Form))
def test_every_profile_and_form_judges_and_learns(make: object, form: Form) -> None:
    model: Almrr = make(build_backbone("resnet18"), form, 128)  # type: ignore[operator]
    images = torch.rand(2, 3, 128, 128)
    output = model.train().judge(model.backbone(images), torch.zeros(2, dtype=torch.long))
    assert output.logit.shape == (2, 1, 32, 32)
    assert output.features.shape == output.repaired.shape == (2, sum(model.parts), 32, 32)
    (output.logit.square().mean() + output.repaired.square().mean() + output.logit.mean()).backward()
    assert all(p.grad is None for p in model.backbone.parameters()), "the backbone must stay frozen"
    assert model.refinement.out.weight.grad.abs().sum() > 0
    assert model.reconstruction.tokens.weight.grad.abs().sum() > 0


def test_a_model_with_shade_judges_and_learns_and_has_no_more_to_reconstruct_than_three_channels() -> None:
    plain, shaded = (compact(build_backbone("resnet18", stages), Form.HYBRID, 128) for stages in STAGES)
    assert shaded.parts == (3, *plain.parts)
    images = torch.rand(2, 3, 128, 128)
    output = shaded.train().judge(shaded.backbone(images), torch.zeros(2, dtype=torch.long))
    assert output.logit.shape == (2, 1, 32, 32) and output.features.shape[1] == sum(plain.parts) + 3
    (output.logit.mean() + output.repaired.square().mean()).backward()
    assert shaded.feature_maps.weight.grad is not None


def test_the_refinements_gradient_reaches_the_reconstruction() -> None:
    model = paper(build_backbone("resnet18"), Form.PAPER, 128)
    model(torch.rand(2, 3, 128, 128)).square().mean().backward()
    assert model.reconstruction.expansion.weight.grad.abs().sum() > 0


def test_the_level_has_an_equal_say_in_the_whole_logit() -> None:
    model = compact(build_backbone("resnet18", seed=1), input_size=128).eval()
    scores, levels = torch.randn(50) * 3 + 7, torch.randn(50) * 0.5
    model.balance(scores, levels)
    torch.testing.assert_close((model.gain * levels).std(), scores.std())
    with torch.no_grad():
        stages = model.backbone(torch.rand(2, 3, 128, 128))
        output = model.judge(stages)
        assert output.level is not None
        torch.testing.assert_close(
            model.whole_logit(output), output.logit + model.gain * output.level.expand_as(output.logit)
        )
    model.balance(scores, torch.ones(50))  # one held-out picture, or all alike: no say at all
    assert float(model.gain) == 0.0


def test_hybrid_starts_as_its_closed_form() -> None:
    model = compact(build_backbone("resnet18"), Form.HYBRID, 128).eval()
    model.closed_form.weight.normal_()
    images = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        torch.testing.assert_close(model(images), model.closed_logit(images))


def test_the_papers_map_ranks_pixels_as_the_raw_score_does() -> None:
    logit = torch.randn(1, 1, 8, 8)
    inside = anomaly_probability(logit, 8)
    assert ((inside > 0) & (inside < 1)).all()
    assert torch.equal(inside.flatten().argsort(), upsample(logit, 8).flatten().argsort())


@pytest.mark.parametrize("size", [64, 100, 0])
def test_an_input_size_the_model_cannot_halve_is_refused(size: int) -> None:
    with pytest.raises(StationError, match="input size"):
        compact(build_backbone("resnet18"), Form.PAPER, size)
