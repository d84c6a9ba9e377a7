"""Every family of generated textures: a picture, of its own kind, repeatable, one surface when asked for."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor

from almrr_core.data.fields import Dice
from almrr_core.data.textures import (
    HELD_OUT_TEXTURES,
    TEXTURE_FAMILIES,
    Canvas,
    TextureFamily,
    make_textures,
)
from almrr_core.data.textures.camera import compress, photograph
from almrr_core.data.textures.canvas import noise

CPU = torch.device("cpu")
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
BY_NAME = pytest.mark.parametrize("family", TEXTURE_FAMILIES, ids=lambda family: family.name)


def seeded(seed: int, device: str = "cpu") -> torch.Generator:
    return torch.Generator(device).manual_seed(seed)


def spectrum(images: Tensor) -> Tensor:
    """The mean strength of waves (n, 12) by their length: one short description of each picture."""
    gray = images.mean(1)
    gray = (gray - gray.mean((1, 2), keepdim=True)) / gray.std((1, 2), keepdim=True)
    power = torch.fft.fft2(gray).abs()
    size = gray.shape[-1]
    line = torch.fft.fftfreq(size).abs() * size
    ring = torch.hypot(line.view(-1, 1), line).clamp(max=size / 2 - 1).mul(24 / size).long().clamp(max=11)
    return torch.stack([power[:, ring == k].mean(1).log1p() for k in range(12)], 1)


def test_there_are_many_families_of_distinct_names_and_a_quarter_is_held_out() -> None:
    assert len(TEXTURE_FAMILIES) >= 16
    assert len({family.name for family in TEXTURE_FAMILIES}) == len(TEXTURE_FAMILIES)
    assert set(HELD_OUT_TEXTURES) < set(TEXTURE_FAMILIES)
    assert 0.2 < len(HELD_OUT_TEXTURES) / len(TEXTURE_FAMILIES) < 0.35


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("camera", [True, False])
@BY_NAME
def test_a_family_makes_repeatable_pictures(family: TextureFamily, camera: bool, device: str) -> None:
    first, again, other = (
        make_textures(3, 64, seeded(seed, device), torch.device(device), (family,), camera=camera).images
        for seed in (5, 5, 6)
    )
    assert first.shape == (3, 3, 64, 64)
    assert first.dtype == torch.float32
    assert first.isfinite().all()
    assert first.min() >= 0
    assert first.max() <= 1
    assert (first.std((2, 3)).amax(1) > 1.5 / 255).all()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@BY_NAME
def test_pieces_of_one_surface_differ_but_share_their_looks(family: TextureFamily) -> None:
    one = make_textures(6, 96, seeded(2), CPU, (family,), alike=True, camera=False).images
    assert all(not torch.equal(a, b) for a, b in combinations(one, 2))
    distances, strangers = [], []
    for seed in range(4):
        alike = make_textures(4, 96, seeded(seed), CPU, (family,), alike=True, camera=False).images
        mixed = make_textures(4, 96, seeded(seed), CPU, (family,), camera=False).images
        for images, found in ((alike, distances), (mixed, strangers)):
            found.append(float(torch.pdist(images.mean((2, 3))).mean()))
    assert sum(distances) < 0.5 * sum(strangers)


def test_alike_draws_one_family_and_the_mix_draws_all() -> None:
    alike = make_textures(5, 32, seeded(1), CPU, alike=True)
    assert len(alike.families.unique()) == 1
    mixed = make_textures(250, 8, seeded(1), CPU)
    assert len(mixed.families.unique()) == len(TEXTURE_FAMILIES)
    assert mixed.families.dtype == torch.int64


def test_the_family_index_says_who_painted() -> None:
    pair = (
        TEXTURE_FAMILIES[0],
        TextureFamily("flat", lambda style, dice, canvas: torch.full((dice.n, 3, 16, 16), 0.5)),
    )
    made = make_textures(12, 16, seeded(3), CPU, pair, camera=False)
    flat = made.images.flatten(1).std(1) == 0
    assert torch.equal(flat, made.families == 1)
    assert 0 < flat.sum() < 12


def test_all_families_differ() -> None:
    """A piece is told from pieces of other families by its spectrum and tones far better than by chance."""
    features, labels = [], []
    for number, family in enumerate(TEXTURE_FAMILIES):
        made = make_textures(2, 128, seeded(7), CPU, (family,), alike=True).images
        tones = torch.cat([made.mean((2, 3)), made.std((2, 3))], 1) * 10
        features.append(torch.cat([spectrum(made), tones], 1))
        labels += [number] * 2
    table = torch.cat(features)
    distance = torch.cdist(table, table).fill_diagonal_(9e9)
    nearest = torch.tensor(labels)[distance.argmin(1)]
    assert (nearest == torch.tensor(labels)).float().mean() > 0.8


def test_lengths_follow_the_picture_or_the_scale() -> None:
    fine, coarse = (
        make_textures(8, 128, seeded(4), CPU, TEXTURE_FAMILIES[:1], camera=False, scale=scale).images
        for scale in (0.5, 2.0)
    )
    usual = make_textures(8, 128, seeded(4), CPU, TEXTURE_FAMILIES[:1], camera=False).images
    assert torch.equal(fine, usual)
    steps = [images.diff(dim=3).abs().mean() for images in (fine, coarse)]
    assert steps[0] > 1.5 * steps[1]


@pytest.mark.parametrize("gray", [True, False])
def test_the_camera_keeps_gray_gray_and_hides_little(gray: bool) -> None:
    images = make_textures(8, 64, seeded(0), CPU, camera=False).images
    images = images.mean(1, keepdim=True).expand(-1, 3, -1, -1) if gray else images
    seen = photograph(images, Dice(8, seeded(1)), Dice(8, seeded(2)), Canvas(64, 64, 0.25))
    spread = (seen.amax(1) - seen.amin(1)).flatten(1).amax(1)
    assert (spread < 1e-6).all() if gray else (spread > 1e-6).any()
    assert 0 < (seen - images).abs().mean() < 0.1


def test_compression_keeps_flat_areas_and_coarsens_with_strength() -> None:
    flat = torch.full((1, 3, 20, 13), 0.5)
    assert torch.allclose(compress(flat, torch.ones(1, 1, 1, 1)), flat, atol=1e-6)
    rough = torch.rand(1, 3, 20, 13, generator=seeded(0))
    errors = [
        float((compress(rough, torch.full((1, 1, 1, 1), q)) - rough).abs().mean()) for q in (0.01, 0.3, 2)
    ]
    assert errors[0] < errors[1] < errors[2]
    assert errors[0] < 2 / 255


def test_noise_is_standard_normal_smooth_and_never_repeats_along_thin_bumps() -> None:
    v, u = torch.meshgrid(torch.arange(256.0), torch.arange(256.0), indexing="ij")
    made = noise(Dice(8, seeded(0)), u.view(1, 1, 256, 256) / 8, v.view(1, 1, 256, 256) / 8)
    assert abs(float(made.mean())) < 0.1
    assert 0.8 < float(made.std()) < 1.2
    long = torch.arange(4096.0).view(1, 1, 4096, 1) / 32 + torch.zeros(1, 1, 1, 4)  # three times the table
    assert float(noise(Dice(4, seeded(2)), long.mT, long.mT).diff(dim=3).abs().max()) < 0.6
    assert float(noise(Dice(4, seeded(2)), 0 * long, long).diff(dim=2).abs().max()) < 0.6
    thin = noise(Dice(1, seeded(1)), u.view(1, 1, 256, 256) / 400, v.view(1, 1, 256, 256))[0, 0]
    rows = torch.corrcoef(thin.view(256, 256))
    apart = (torch.arange(256).view(-1, 1) - torch.arange(256)).abs() > 6
    assert rows[apart].mean().abs() < 0.2
