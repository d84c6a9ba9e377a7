"""Textures: sources of simulated anomalies, from a folder of pictures or made by three procedures.

A plant has no texture data set, so the procedural families are always there; they also serve as
surfaces for demonstrations and tests (`alike`: one surface, many pieces).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.data.fields import Dice, axes, smoothstep, turned_axes, unit
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

    def __init__(self, device: torch.device, pool: int = 60, seed: int = 0) -> None:
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
            made = procedural_textures(count, side, generator, self._device)
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


@torch.no_grad()
def procedural_textures(
    n: int,
    size: int,
    generator: torch.Generator,
    device: torch.device,
    family: str | None = None,
    *,
    alike: bool = False,
) -> Tensor:
    """Return `n` generated textures (n, 3, size, size) float32 in 0..1, gray or coloured.

    `family` is "weave", "granite" or "cells"; None mixes them. With `alike` all are pieces of one
    surface: the same parameters, other yarns, grains or cells. Raises BAD_ARGUMENT for another name.
    """
    if family is not None and family not in TEXTURES:
        raise StationError(
            ErrorCode.BAD_ARGUMENT,
            f"There is no texture family {family!r}.",
            f"Use one of {', '.join(TEXTURES)}.",
        )
    kinds = [TEXTURES[family]] if family else list(TEXTURES.values())
    if alike and family is None:
        kinds = [kinds[int(torch.randint(len(kinds), (1,), generator=generator, device=device))]]
    result = torch.empty(n, 3, size, size, device=device)
    chosen = Dice(n, generator).choice(len(kinds))
    for number, kind in enumerate(kinds):
        where = (chosen == number).nonzero().squeeze(1)
        if len(where):
            style = Dice(1 if alike else len(where), generator)
            result[where] = kind(style, Dice(len(where), generator), size).clamp_(0, 1)
    return result


def _colours(style: Dice, k: int) -> Tensor:
    """Return k colours (n, k, 3, 1, 1) in 0..1; two of five textures are gray."""
    gray = style.rand(k, 1, 1, 1) * 0.8 + 0.1
    tint = (style.rand(1, 3, 1, 1) - 0.5) * 0.6 + (style.rand(k, 3, 1, 1) - 0.5) * 0.5
    tint = torch.where(style.chance(0.4).unsqueeze(1), 0.0, tint)
    return (gray + tint).clamp(0, 1)


def _by_index(dice: Dice, index: Tensor, entries: int) -> Tensor:
    """Return a standard normal number per integer index (n, 1, S, S), the same for the same index."""
    table = dice.normal(entries).clamp_(-2, 2)
    return table.gather(1, index.long().remainder(entries).flatten(1)).view(index.shape)


def _weave(style: Dice, dice: Dice, size: int) -> Tensor:
    """Two thread directions, plain or twill; warped, with yarns of uneven thickness and tone."""
    period = style.log_uniform(5, 26) * unit(size)
    u, v = turned_axes(size, style.uniform(-math.pi / 2, math.pi / 2), 0.0, 0.0)
    bend = style.uniform(0.0, 0.25)
    u = u / period + bend * dice.field(size, 10) + dice.uniform(0, 8)
    v = v / (period * style.uniform(0.8, 1.25)) + bend * dice.field(size, 10) + dice.uniform(0, 8)
    i, j = u.floor(), v.floor()
    fu, fv = 2 * (u - i) - 1, 2 * (v - j) - 1  # −1..1 across a yarn
    repeat = style.choice(3).view(-1, 1, 1, 1) + 2.0  # 2: plain, 3 and 4: twill
    over = (i + j).remainder(repeat) < 1
    across = torch.where(over, fu, fv)
    along = torch.where(over, fv, fu)
    shade = (1 - across.square() * style.uniform(0.5, 1.0)) * (1 - along.square() * style.uniform(0.1, 0.5))
    yarn = torch.where(over, _by_index(dice, i, 512), _by_index(dice, j, 512))
    shade = shade * (1 + style.uniform(0.02, 0.12) * yarn) + style.levels(2, 14) * dice.normal(1, size, size)
    dark, warp, weft = _colours(style, 3).unbind(1)
    weft = torch.where(style.chance(0.5), warp, weft)
    return torch.lerp(0.35 * dark, torch.where(over, warp, weft), shade)


def _granite(style: Dice, dice: Dice, size: int) -> Tensor:
    """Octaves of smooth noise between two tones, grains of a third and fourth cut from finer noise."""
    ground = torch.zeros(dice.n, 1, size, size, device=dice.device)
    for octave in range(2, 8):
        ground += style.uniform(0.0, 1.0) * dice.field(size, min(2**octave, size))
    ground = ground / ground.std((2, 3), keepdim=True)
    first, second, third, fourth = _colours(style, 4).unbind(1)
    contrast = style.log_uniform(0.05, 0.5)
    result = torch.lerp(first, second, smoothstep(0.5 + contrast * ground))
    for colour, cells in ((third, 48), (fourth, 90)):
        grain = dice.field(size, min(cells, size)) + 0.5 * dice.field(size, min(cells * 2, size))
        amount = smoothstep((grain - style.uniform(0.8, 2.5)) * 3) * style.uniform(0.2, 0.9)
        result = torch.lerp(result, colour, amount)
    return result + style.levels(1, 10) * dice.normal(1, size, size)


def _cells(style: Dice, dice: Dice, size: int) -> Tensor:
    """Voronoi cells: tinted stones or grains with a joint between them (Worley noise, F2 − F1)."""
    width = style.log_uniform(8, 48) * unit(size)
    y, x = axes(size, dice.device)
    x = x / (width * style.uniform(0.7, 1.6)) + 0.15 * dice.field(size, 12) + 2
    y = y / width + 0.15 * dice.field(size, 12) + 2
    near, second, tone = _nearest_cells(dice, x, y, style.uniform(0.5, 1.0))
    joint = smoothstep((second - near) / style.uniform(0.06, 0.5))
    stone = 1 + style.uniform(0.03, 0.3) * tone - style.uniform(0.0, 0.4) * near
    ground, mortar = _colours(style, 2).unbind(1)
    result = torch.lerp(mortar, ground * stone, joint * style.uniform(0.4, 1.0))
    return result + style.levels(1, 10) * (dice.normal(1, size, size) + dice.field(size, min(64, size)))


def _nearest_cells(dice: Dice, x: Tensor, y: Tensor, jitter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the distances to the nearest and second cell point and the nearest one's random tone."""
    lattice = 64
    table = dice.rand(3, lattice * lattice)
    nearest = torch.full_like(x, 9.0)
    second = torch.full_like(x, 9.0)
    tone = torch.zeros_like(x)
    for step in range(9):
        column, row = x.floor() + step % 3 - 1, y.floor() + step // 3 - 1
        index = (row.long() % lattice * lattice + column.long() % lattice).flatten(1)
        dx, dy, value = (table[:, k].gather(1, index).view(x.shape) for k in range(3))
        distance = torch.hypot(column + 0.5 + jitter * (dx - 0.5) - x, row + 0.5 + jitter * (dy - 0.5) - y)
        second = torch.minimum(second, torch.maximum(nearest, distance))
        tone = torch.where(distance < nearest, 2 * value - 1, tone)
        nearest = torch.minimum(nearest, distance)
    return nearest, second, tone


TEXTURES: dict[str, Callable[[Dice, Dice, int], Tensor]] = {
    "weave": _weave,
    "granite": _granite,
    "cells": _cells,
}
