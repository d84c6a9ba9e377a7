"""The losses against their formulas."""

from __future__ import annotations

import pytest
import torch

from almrr_core.train.loss import dice_loss, focal_loss, reconstruction_loss


def test_focal_loss_is_the_two_class_formula_with_gamma_two_in_values_and_gradients() -> None:
    logit = torch.randn(3, 1, 9, 9, dtype=torch.double)
    mask = (torch.rand(3, 1, 9, 9) > 0.7).double()
    ours, theirs = logit.clone().requires_grad_(), logit.clone().requires_grad_()
    both = torch.softmax(torch.cat([torch.zeros_like(theirs), theirs], dim=1), dim=1)
    right = torch.where(mask > 0, both[:, 1:], both[:, :1])
    expected = (-((1 - right) ** 2) * right.log()).mean()
    found = focal_loss(ours, mask)
    torch.testing.assert_close(found, expected)
    found.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_losses_stay_finite_where_a_softmax_would_saturate() -> None:
    logit = torch.tensor([-200.0, 200.0, -200.0, 200.0]).view(1, 1, 2, 2).requires_grad_()
    mask = torch.tensor([0.0, 1.0, 1.0, 0.0]).view(1, 1, 2, 2)
    total = focal_loss(logit, mask) + dice_loss(logit, mask)
    total.backward()
    assert torch.isfinite(total)
    assert logit.grad is not None
    assert torch.isfinite(logit.grad).all()
    assert focal_loss(logit, mask) > 50


def test_dice_runs_over_the_whole_batch_and_forgives_empty_masks() -> None:
    mask = torch.zeros(2, 1, 4, 4)
    assert dice_loss(torch.full((2, 1, 4, 4), -50.0), mask) == pytest.approx(0.0, abs=1e-5)
    mask[0, 0, :2] = 1
    logit = torch.full((2, 1, 4, 4), -50.0)
    logit[0, 0, 0] = 50  # four of eight pixels found
    assert dice_loss(logit, mask) == pytest.approx(1 - (2 * 4 + 1) / (4 + 8 + 1))


def test_reconstruction_is_the_mean_square_over_channels_and_positions() -> None:
    a, b = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    assert reconstruction_loss(a, b) == pytest.approx(((a - b) ** 2).sum().item() / a.numel(), rel=1e-5)
