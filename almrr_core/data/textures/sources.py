"""Sources of textures for simulated anomalies: a folder of pictures, or a pool of generated ones."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.data.fields import Dice
from almrr_core.data.textures.catalogue import make_textures
from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import read_picture
from almrr_core.types import Picture

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


class TextureSource(Protocol):
    """Where anomaly textures come from."""

    def sample(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """Return `n` random pieces (n, 3, size, size) float32 in 0..1 on the generator's device.

        The answer depends on the generator's state alone, so that training can be resumed exactly.
        """
        ...


class FolderTextures:
    """The pictures of a folder and its subfolders, read once, kept as (N, 3, side, side) uint8.

    Memory: 3 · side² bytes a picture, 0.3 MB at 320 (at most `limit` pictures are taken, evenly).
    Raises FOLDER_UNUSABLE when no picture can be read; single unreadable ones are passed over.
    """

    def __init__(self, folder: Path, device: torch.device, side: int = 320, limit: int = 2000) -> None:
        pictures = [
            square
            for path in _spread(_pictures_in(folder), limit)
            if (square := _read(path, side)) is not None
        ]
        if not pictures:
            raise StationError(
                ErrorCode.FOLDER_UNUSABLE,
                f"The texture folder {folder} has no readable picture.",
                "Name a folder with texture pictures, or leave it out to use the built-in textures.",
                path=str(folder),
            )
        stack = np.stack(pictures)
        self._pool = torch.from_numpy(stack).permute(0, 3, 1, 2).contiguous().to(device)

    def sample(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """See `TextureSource`."""
        return _crops(self._pool, n, size, generator)


class ProceduralTextures:
    """The built-in textures: a fixed pool made at the first call from `seed`, 0.3 MB a piece at 256.

    Random crops, mirrors and quarter turns of the pool cost far less than new textures, and a pool that
    never changes keeps `sample` a function of the generator alone.
    """

    def __init__(self, device: torch.device, pool: int = 96, seed: int = 0) -> None:
        self._device = device
        self._count = pool
        self._seed = seed
        self._pool = torch.empty(0, 3, 0, 0, dtype=torch.uint8, device=device)

    def sample(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """See `TextureSource`. The pool is made anew when `size` changes."""
        side = size + size // 4
        if self._pool.shape[-1] != side:
            self._pool = self._make(side)
        return _crops(self._pool, n, size, generator)

    @torch.no_grad()
    def _make(self, side: int) -> Tensor:
        generator = torch.Generator(self._device).manual_seed(self._seed)
        parts = []
        for start in range(0, self._count, 12):  # in parts, so that a large side needs little memory
            count = min(12, self._count - start)
            made = make_textures(count, side, generator, self._device, camera=False).images
            parts.append((made * 255).round_().to(torch.uint8))
        return torch.cat(parts)


def _pictures_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _spread(paths: list[Path], limit: int) -> list[Path]:
    return paths if len(paths) <= limit else [paths[i * len(paths) // limit] for i in range(limit)]


def _read(path: Path, side: int) -> Picture | None:
    """Return the middle square of the picture as (side, side, 3) uint8, None if it cannot be read."""
    try:
        picture = read_picture(path)
    except StationError:
        return None
    height, width = picture.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = np.ascontiguousarray(picture[top : top + short, left : left + short])
    how = cv2.INTER_AREA if short > side else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(square, (side, side), interpolation=how), dtype=np.uint8)
    return resized if resized.ndim == 3 else np.repeat(resized[:, :, None], 3, axis=2)


def _crops(pool: Tensor, n: int, size: int, generator: torch.Generator) -> Tensor:
    """Return random pieces (n, 3, size, size) of a uint8 pool, mirrored and transposed at random."""
    count, _, _, side = pool.shape
    window = min(size, side)
    dice = Dice(n, generator)
    line = torch.arange(window, device=pool.device)
    line = torch.where(dice.rand(2, 1) < 0.5, window - 1 - line, line)  # (n, 2, window)
    index = line + torch.randint(side - window + 1, (n, 2, 1), generator=generator, device=pool.device)
    row, column = index[:, 0, None, :, None], index[:, 1, None, None, :]
    turn = dice.chance(0.5)
    place = torch.where(turn, row.mT * side + column.mT, row * side + column)  # (n, 1, window, window)
    channel = torch.arange(3, device=pool.device).view(1, 3, 1, 1)
    place = place + (dice.choice(count).view(-1, 1, 1, 1) * 3 + channel) * (side * side)
    pieces = pool.view(-1)[place].float().div_(255)
    return pieces if window == size else F.interpolate(pieces, (size, size), mode="bilinear")
