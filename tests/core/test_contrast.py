"""Local contrast: what the light does is gone, what the surface does stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from almrr_core.models.backbone import build_backbone
from almrr_core.models.contrast import LEAST, LEVEL, SPREAD, local_contrast
from almrr_core.models.weights import weights_hash

SIDE = 128


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(11)


def surface(height: int = SIDE, width: int = SIDE) -> torch.Tensor:
    """A picture of fine grains of any colour around 0.5, with a spread of about 0.12."""
    grains = torch.nn.functional.interpolate(torch.rand(1, 3, 32, 32), size=(SIDE, SIDE))
    return 0.3 + 0.4 * grains[..., :height, :width]


def test_the_light_changes_next_to_nothing() -> None:
    images = surface()
    ramp = torch.linspace(-0.15, 0.15, SIDE)
    seen = local_contrast(images)
    for lit in (images + 0.2, images * 0.6, images + ramp, (images + ramp[:, None]) * 0.7 + 0.1):
        assert float((local_contrast(lit) - seen).abs().mean()) < 0.05 * SPREAD
    assert float(seen.mean()) == pytest.approx(LEVEL, abs=0.02)
    assert float(seen.std()) == pytest.approx(SPREAD, rel=0.1)


def test_a_small_mark_stands_out_as_much_as_before() -> None:
    images = surface()
    marked = images.clone()
    marked[..., 60:64, 60:64] += 0.3
    change = (local_contrast(marked) - local_contrast(images))[..., 60:64, 60:64].mean()
    assert float(change) > 0.8 * 0.3 * SPREAD / float(images.std())


def test_a_flat_picture_stays_flat_and_faint_noise_faint() -> None:
    flat = torch.full((1, 3, 40, 56), 0.8)
    torch.testing.assert_close(local_contrast(flat), torch.full_like(flat, LEVEL))
    noise = 0.002 * torch.randn(1, 3, 40, 56)
    assert float(local_contrast(flat + noise).std()) < 1.2 * 0.002 / LEAST * SPREAD


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (64, 64), (101, 67)])
def test_any_size_gives_finite_pictures_of_that_size(size: tuple[int, int]) -> None:
    seen = local_contrast(torch.rand(2, 3, *size))
    assert seen.shape == (2, 3, *size) and bool(torch.isfinite(seen).all())


@pytest.mark.parametrize("size", [(SIDE, SIDE), (101, 67), (65, 121)])
def test_it_is_close_to_the_gaussian_that_it_stands_for(size: tuple[int, int]) -> None:
    images = surface(*size) + torch.linspace(-0.2, 0.2, size[1])
    picture = images[0].permute(1, 2, 0).numpy().astype(np.float64)

    def blurred(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (0, 0), 16.0, borderType=cv2.BORDER_REPLICATE)

    detail = picture - blurred(picture)
    spread = np.sqrt(blurred((detail**2).mean(2)) + LEAST**2)[..., None]
    wanted = detail / spread * SPREAD + LEVEL
    ours = local_contrast(images)[0].permute(1, 2, 0).numpy()
    assert np.abs(ours - wanted).mean() < 0.05 * SPREAD


def test_half_precision_around_it_changes_nothing() -> None:
    images = surface()
    seen = local_contrast(images)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(local_contrast(images), seen)


def test_what_a_backbone_is_shown_counts_in_its_hash() -> None:
    plain, contrasted = (build_backbone(name, seed=3) for name in ("resnet18", "texture18"))
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), contrasted.parameters(), strict=True))
    assert weights_hash(plain) != weights_hash(contrasted)
