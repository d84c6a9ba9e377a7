from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.data.anomalies import NORMAL, AnomalyOptions, rotate_normals, simulate
from almrr_core.data.families import HELD_OUT_FAMILIES, TRAIN_FAMILIES, Family, Sources
from almrr_core.data.fields import Dice
from almrr_core.data.perlin import perlin_masks, perlin_noise
from almrr_core.data.retouch import blend
from almrr_core.data.textures import ProceduralTextures, procedural_textures
from almrr_core.data.train_families import PERLIN, perlin
from almrr_core.errors import ErrorCode, StationError

CPU = torch.device("cpu")
ALL = (*TRAIN_FAMILIES, *HELD_OUT_FAMILIES)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SIZE = 64


def seeded(seed: int, device: str = "cpu") -> torch.Generator:
    return torch.Generator(device).manual_seed(seed)


def fresh_seed() -> int:
    return int(np.random.default_rng().integers(1_000_000))


def pictures(n: int, seed: int, device: str = "cpu") -> Tensor:
    return procedural_textures(n, SIZE, seeded(seed, device), torch.device(device))


def textures(device: str = "cpu") -> ProceduralTextures:
    return ProceduralTextures(torch.device(device), pool=6)


class FixedTextures:
    def __init__(self, texture: Tensor) -> None:
        self.texture = texture

    def sample(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        return self.texture.expand(n, 3, size, size)


def reference_perlin(gradients: np.ndarray, cells: tuple[int, int], size: int) -> np.ndarray:
    """Perlin's definition, a pixel at a time: gradient · offset at four corners, faded together."""
    result = np.zeros((size, size))
    for row, column in np.ndindex(size, size):
        y, x = row * cells[0] / size, column * cells[1] / size
        i, j = math.floor(y), math.floor(x)
        for corner_i, corner_j in ((i, j), (i + 1, j), (i, j + 1), (i + 1, j + 1)):
            dy, dx = y - corner_i, x - corner_j
            weight = math.prod(6 * t**5 - 15 * t**4 + 10 * t**3 for t in (1 - abs(dy), 1 - abs(dx)))
            gy, gx = gradients[:, corner_i, corner_j]
            result[row, column] += weight * (gy * dy + gx * dx)
    return math.sqrt(2) * result


def test_batched_perlin_noise_is_the_definition() -> None:
    seed = fresh_seed()
    angle = torch.rand(4, 9, 9, generator=seeded(seed)) * 2 * math.pi
    gradients = torch.stack([angle.sin(), angle.cos()], 1)
    cells = torch.tensor([[1, 8], [4, 2], [8, 8], [2, 1]])
    noise = perlin_noise(gradients, cells, 24)
    for sample in range(4):
        expected = reference_perlin(gradients[sample].numpy(), tuple(cells[sample].tolist()), 24)
        np.testing.assert_allclose(noise[sample, 0].numpy(), expected, atol=2e-5, err_msg=f"seed {seed}")


def test_perlin_masks_are_never_empty_and_differ_in_scale() -> None:
    masks = perlin_masks(Dice(200, seeded(fresh_seed())), SIZE)
    area = masks.mean((1, 2, 3))
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert area.min() > 0
    assert area.max() < 0.6
    edges = (masks.diff(dim=3).abs().sum((1, 2, 3)) / area) / (SIZE * SIZE)
    assert edges.max() > 4 * edges.min()


def test_blend_is_equation_one() -> None:
    generator = seeded(fresh_seed())
    image, source = (torch.rand(5, 3, 16, 16, generator=generator) for _ in range(2))
    mask = (torch.rand(5, 1, 16, 16, generator=generator) > 0.5).float()
    alpha = torch.rand(5, 1, 1, 1, generator=generator)
    expected = (1 - mask) * image + (1 - alpha) * (mask * image) + alpha * (mask * source)
    assert torch.allclose(blend(image, source, mask, alpha), expected, atol=1e-6)


@pytest.mark.parametrize("opacity", [0.0, 0.35, 0.8])
def test_the_perlin_family_holds_equation_one_inside_and_outside(opacity: float) -> None:
    seed = fresh_seed()
    images = pictures(8, seed)
    texture = torch.rand(1, 3, SIZE, SIZE, generator=seeded(seed + 1))
    family = Family("perlin", partial(perlin, opacity=(opacity, opacity), kinds=()), visible=PERLIN.visible)
    changed, masks = family(images, seeded(seed), Sources(FixedTextures(texture), images))
    inside = masks.bool().expand_as(images)
    gray = (images.amax(1, keepdim=True) - images.amin(1, keepdim=True)).amax((2, 3), keepdim=True) < 1e-6
    luma = (texture * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    source = torch.where(gray, luma, texture.expand_as(images))
    expected = opacity * images + (1 - opacity) * source
    assert torch.equal(changed[~inside], images[~inside]), seed
    assert torch.allclose(changed[inside], expected[inside], atol=1e-5), seed


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_a_mask_is_exactly_where_the_picture_changed(family: Family, device: str) -> None:
    seed = 11 if family.reach else fresh_seed()  # with a reach the shares below depend on the textures drawn
    images = pictures(12, seed, device)
    before = images.clone()
    changed, masks = family(images, seeded(seed, device), Sources(textures(device), images))
    assert torch.equal(images, before), seed
    assert masks.shape == (12, 1, SIZE, SIZE)
    assert set(masks.unique().tolist()) == {0.0, 1.0}, seed
    assert (masks.sum((1, 2, 3)) > 0).all(), seed
    assert changed.isfinite().all(), seed
    assert changed.min() >= 0, seed
    assert changed.max() <= 1, seed
    moved = (changed - images).abs().amax(1, keepdim=True)
    assert (moved[masks == 0] == 0).all(), seed
    if family.reach:
        near = F.max_pool2d(moved, 2 * family.reach + 1, 1, family.reach)
        assert (near > family.visible)[masks == 1].float().mean() > 0.9, seed
        assert (moved > family.visible)[masks == 1].float().mean() > 0.2, seed
    else:
        assert (moved[masks == 1] > family.visible).all(), seed


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_flat_pictures_get_a_visible_anomaly_too(family: Family, level: float) -> None:
    seed = fresh_seed()
    images = torch.full((6, 3, SIZE, SIZE), level)
    changed, masks = family(images, seeded(seed), Sources(textures(), images))
    assert (masks.sum((1, 2, 3)) > 0).all(), seed
    assert ((changed - images).abs().amax((1, 2, 3)) > family.visible).all(), seed


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_gray_pictures_stay_gray(family: Family) -> None:
    seed = fresh_seed()
    images = pictures(6, seed).mean(1, keepdim=True).expand(-1, 3, -1, -1).contiguous()
    normals = pictures(6, seed + 1)
    changed, _ = family(images, seeded(seed), Sources(textures(), normals))
    assert (changed.amax(1) - changed.amin(1)).max() < 1e-6, seed


@pytest.mark.parametrize("name", ["tone", "line", "spot", "crack", "dent", "stain", "blend"])
def test_contrast_reaches_from_faint_to_strong(name: str) -> None:
    family = next(family for family in ALL if family.name == name)
    images = 0.5 + 0.02 * torch.randn(64, 1, SIZE, SIZE, generator=seeded(5)).expand(-1, 3, -1, -1)
    changed, _ = family(images, seeded(6), Sources(textures(), images))
    levels = (changed - images).abs().amax((1, 2, 3)) * 255
    assert levels.min() < 16
    assert levels.max() > 40


def test_families_of_training_and_of_model_choice_are_disjoint() -> None:
    train, held_out = (
        {family.name for family in families} for families in (TRAIN_FAMILIES, HELD_OUT_FAMILIES)
    )
    assert train == {"perlin", "self", "tone", "line", "spot", "noise"}
    assert held_out == {"crack", "fray", "dent", "stain", "shift", "blend"}
    assert not {f.change for f in TRAIN_FAMILIES} & {f.change for f in HELD_OUT_FAMILIES}


def test_half_of_a_batch_stays_normal_and_masks_agree() -> None:
    seed = fresh_seed()
    images = pictures(16, seed)
    result = simulate(images, textures(), seeded(seed), AnomalyOptions())
    normal = result.families == NORMAL
    assert normal.sum() == 8, seed
    assert torch.equal(result.images[normal], images[normal]), seed
    assert torch.equal(result.masks.amax((1, 2, 3)) == 0, normal), seed
    assert result.families.max() < len(TRAIN_FAMILIES)


def test_an_odd_batch_is_half_normal_on_average() -> None:
    images, source, generator = pictures(3, 0), FixedTextures(torch.zeros(1, 3, 1, 1)), seeded(0)
    options = AnomalyOptions((PERLIN,))
    counts = [int((simulate(images, source, generator, options).families >= 0).sum()) for _ in range(40)]
    assert set(counts) == {1, 2}
    assert 1.25 < sum(counts) / len(counts) < 1.75


def test_weights_and_fraction_are_obeyed() -> None:
    options = AnomalyOptions(TRAIN_FAMILIES[2:4], weights=(0.0, 2.0), fraction=1.0)
    result = simulate(pictures(10, 1), textures(), seeded(1), options)
    assert (result.families == 1).all()
    none = simulate(pictures(10, 1), textures(), seeded(1), replace(options, fraction=0.0))
    assert (none.families == NORMAL).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"families": ()},
        {"weights": (1.0,)},
        {"weights": (0.0,) * 6},
        {"weights": (-1.0, 1, 1, 1, 1, 1)},
        {"fraction": 1.5},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(StationError) as caught:
        AnomalyOptions(**wrong)  # type: ignore[arg-type]
    assert caught.value.code is ErrorCode.BAD_ARGUMENT


@pytest.mark.parametrize("device", DEVICES)
def test_the_same_seed_gives_the_same_anomalies(device: str) -> None:
    images = pictures(12, 2, device)
    options = AnomalyOptions(ALL, fraction=1.0)
    first, again, other = (
        simulate(images, textures(device), seeded(seed, device), options) for seed in (7, 7, 8)
    )
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.masks, again.masks)
    assert torch.equal(first.families, again.families)
    assert not torch.equal(first.images, other.images)


def test_mixed_precision_around_does_not_reach_inside() -> None:
    images = pictures(6, 3)
    options = AnomalyOptions(fraction=1.0)
    plain = simulate(images, textures(), seeded(3), options)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = simulate(images, textures(), seeded(3), options)
    assert mixed.images.dtype == torch.float32
    assert torch.equal(plain.masks, mixed.masks)


def test_normals_are_turned_as_often_as_asked() -> None:
    images = pictures(60, 4)
    assert torch.equal(rotate_normals(images, seeded(4), p=0.0), images)
    always = rotate_normals(images, seeded(4), p=1.0)
    assert ((always - images).abs().amax((1, 2, 3)) > 1e-3).all()
    assert always.min() >= images.min()
    assert always.max() <= images.max()
    turned = (rotate_normals(images, seeded(4)) != images).flatten(1).any(1)
    assert 8 <= turned.sum() <= 29
