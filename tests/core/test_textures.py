from __future__ import annotations

import colorsys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from almrr_core.data.augment import AUGMENTS, augment, equalize, hue_saturation
from almrr_core.data.fields import Dice
from almrr_core.data.textures import (
    TEXTURES,
    FolderTextures,
    ProceduralTextures,
    TextureSource,
    procedural_textures,
)
from almrr_core.errors import ErrorCode, StationError

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def seeded(seed: int, device: str = "cpu") -> torch.Generator:
    return torch.Generator(device).manual_seed(seed)


def fresh_seed() -> int:
    return int(np.random.default_rng().integers(1_000_000))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("family", [*TEXTURES, None])
def test_textures_are_pictures_with_structure_and_follow_the_seed(family: str | None, device: str) -> None:
    first = procedural_textures(6, 96, seeded(3, device), torch.device(device), family)
    again = procedural_textures(6, 96, seeded(3, device), torch.device(device), family)
    other = procedural_textures(6, 96, seeded(4, device), torch.device(device), family)
    assert first.shape == (6, 3, 96, 96)
    assert first.dtype == torch.float32
    assert first.isfinite().all()
    assert first.min() >= 0
    assert first.max() <= 1
    assert (first.std((2, 3)).amax(1) > 1 / 255).all()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_textures_are_gray_and_coloured() -> None:
    made = procedural_textures(24, 32, seeded(0), torch.device("cpu"))
    spread = (made.amax(1) - made.amin(1)).flatten(1).amax(1)
    assert (spread < 1e-6).any()
    assert (spread > 0.1).any()


@pytest.mark.parametrize("family", TEXTURES)
def test_pieces_of_one_surface_are_alike_but_not_the_same(family: str) -> None:
    one = procedural_textures(8, 96, seeded(1), torch.device("cpu"), family, alike=True)
    many = procedural_textures(8, 96, seeded(1), torch.device("cpu"), family)
    assert not torch.equal(one[0], one[1])
    assert one.mean((2, 3)).std(0).max() < 0.5 * many.mean((2, 3)).std(0).max()


def test_an_unknown_texture_family_is_refused() -> None:
    with pytest.raises(StationError) as caught:
        procedural_textures(1, 64, seeded(0), torch.device("cpu"), "denim")
    assert caught.value.code is ErrorCode.BAD_ARGUMENT


def test_the_procedural_source_depends_on_the_generator_alone() -> None:
    used: TextureSource = ProceduralTextures(torch.device("cpu"), pool=5)
    used.sample(7, 64, seeded(9))
    used.sample(1, 96, seeded(8))
    fresh = ProceduralTextures(torch.device("cpu"), pool=5)
    first, second = used.sample(4, 64, seeded(2)), fresh.sample(4, 64, seeded(2))
    assert first.shape == (4, 3, 64, 64)
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_folder_samples_are_windows_of_its_pictures(tmp_path: Path) -> None:
    seed = fresh_seed()
    picture = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert cv2.imwrite(str(tmp_path / "noise.png"), picture[..., ::-1])
    pieces = FolderTextures(tmp_path, torch.device("cpu"), side=40).sample(24, 24, seeded(seed))
    whole = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
    windows = whole.unfold(1, 24, 1).unfold(2, 24, 1).permute(1, 2, 0, 3, 4).reshape(-1, 3, 24, 24)
    seen = set()
    for piece in pieces:
        faces = [p for q in (piece, piece.mT) for p in (q, q.flip(1), q.flip(2), q.flip(1, 2))]
        found = [
            (k, int(at)) for k, face in enumerate(faces) for at in (windows == face).all((1, 2, 3)).nonzero()
        ]
        assert len(found) == 1, seed
        seen.add(found[0])
    assert len(seen) > 12, seed
    assert len({face for face, _ in seen}) > 4, seed


def test_a_folder_is_searched_deep_and_bad_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    assert cv2.imwrite(str(tmp_path / "deep" / "gray.png"), np.full((30, 50), 77, np.uint8))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no picture")
    pieces = FolderTextures(tmp_path, torch.device("cpu"), side=32).sample(3, 80, seeded(0))
    assert pieces.shape == (3, 3, 80, 80)
    assert torch.allclose(pieces, torch.tensor(77 / 255))


@pytest.mark.parametrize("broken", [True, False])
def test_a_folder_without_pictures_is_named(tmp_path: Path, broken: bool) -> None:
    folder = tmp_path / "textures"
    if broken:
        folder.mkdir()
        (folder / "a.png").write_bytes(b"")
    with pytest.raises(StationError) as caught:
        FolderTextures(folder, torch.device("cpu"))
    assert caught.value.code is ErrorCode.FOLDER_UNUSABLE
    assert str(folder) in caught.value.sentence


class FixedDice(Dice):
    """Dice that give the number they were made with."""

    value = 0.0

    def uniform(self, low: float, high: float, k: int = 1) -> Tensor:
        return torch.full((self.n, k, 1, 1), self.value)


@pytest.mark.parametrize("number", range(len(AUGMENTS)))
def test_every_augmentation_changes_pictures_and_keeps_flat_ones_valid(number: int) -> None:
    images = procedural_textures(6, 64, seeded(fresh_seed()), torch.device("cpu"))
    result = augment(images, Dice(6, seeded(1)), 1, AUGMENTS[number : number + 1])
    assert not torch.equal(result, images)
    for level in (0.0, 1.0):
        flat = augment(
            torch.full((2, 3, 16, 16), level), Dice(2, seeded(1)), 1, AUGMENTS[number : number + 1]
        )
        assert flat.isfinite().all()
        assert flat.min() >= 0
        assert flat.max() <= 1


def test_three_augmentations_a_picture() -> None:
    images = torch.zeros(40, 3, 4, 4)
    tenths = tuple(partial(lambda pictures, _, k: pictures + 10.0**-k, k=k) for k in range(1, 6))
    result = augment(images, Dice(40, seeded(0)), 3, tenths)[:, 0, 0, 0]
    digits = [f"{value:.5f}"[2:] for value in result.tolist()]
    assert all(sorted(code) == list("00111") for code in digits)
    assert len(set(digits)) > 5


def test_equalize_is_that_of_opencv() -> None:
    seed = fresh_seed()
    rng = np.random.default_rng(seed)
    levels = (rng.normal(90, 25, (4, 3, 32, 32)).clip(0, 255)).astype(np.uint8)
    ours = equalize(torch.from_numpy(levels).float() / 255, Dice(4, seeded(0)))
    theirs = np.stack([[cv2.equalizeHist(channel) for channel in image] for image in levels])
    assert np.abs(ours.numpy() * 255 - theirs).max() <= 0.51, seed


@pytest.mark.parametrize("change", [0.0, 0.15, -0.19])
def test_hue_and_saturation_are_those_of_colorsys(change: float) -> None:
    seed = fresh_seed()
    colours = torch.rand(1, 3, 6, 6, generator=seeded(seed))
    dice = FixedDice(1, seeded(0))
    dice.value = change
    ours = hue_saturation(colours, dice)[0].flatten(1).T
    for before, after in zip(colours[0].flatten(1).T.tolist(), ours.tolist(), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        expected = colorsys.hsv_to_rgb((hue + change) % 1, min(max(saturation + change, 0), 1), value)
        assert after == pytest.approx(expected, abs=1e-4), seed
