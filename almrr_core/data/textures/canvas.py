"""What all texture families share: the canvas, the family itself, colours, numbers by index, relief.

A family paints with two sets of dice. `style` (one sample, or as many as pieces) draws what makes a
surface: periods, colours, contrasts. `dice` draws what differs from piece to piece: yarns, grains, noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.data.fields import Dice

TABLE, TWIST = 128, 49  # side of the table behind `noise`, three entries a bump; its repeats are shifted
BLURRED = 70 / 256  # standard deviation left of white noise by the binomial kernel below, in two dimensions


@dataclass(frozen=True, slots=True)
class Canvas:
    """What to paint on: pixels (height, width), where a "pixel at 256" is `unit` pixels long."""

    height: int
    width: int
    unit: float

    def axes(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the coordinates y (1, 1, height, 1) and x (1, 1, 1, width), in pixels at 256."""
        y = torch.arange(self.height, device=device, dtype=torch.float32) / self.unit
        x = torch.arange(self.width, device=device, dtype=torch.float32) / self.unit
        return y.view(1, 1, -1, 1), x.view(1, 1, 1, -1)

    def turned(self, angle: Tensor) -> tuple[Tensor, Tensor]:
        """Return coordinates (u, v), each (n, 1, height, width), in pixels at 256, turned by `angle`."""
        y, x = self.axes(angle.device)
        cos, sin = angle.cos(), angle.sin()
        return x * cos + y * sin, y * cos - x * sin

    def field(self, dice: Dice, period: float) -> Tensor:
        """Return smooth noise (n, 1, height, width), about standard normal, bumps of `period` at 256."""
        size = (self.height, self.width)
        cells = [min(side, max(2, round(side / (period * self.unit)))) for side in size]
        return F.interpolate(dice.normal(1, *cells), size, mode="bicubic", align_corners=False).mul_(1.25)

    def grain(self, dice: Dice) -> Tensor:
        """Return white noise (n, 1, height, width), standard normal."""
        return dice.normal(1, self.height, self.width)

    def lit(self, height: Tensor, angle: Tensor) -> Tensor:
        """Return the slope of a relief (n, 1, height, width) towards a light at `angle`, per pixel at 256."""
        down = F.pad(height[:, :, 2:] - height[:, :, :-2], (0, 0, 1, 1), mode="replicate")
        right = F.pad(height[..., 2:] - height[..., :-2], (1, 1, 0, 0), mode="replicate")
        return (right * angle.cos() + down * angle.sin()) * (0.5 * self.unit)


Paint = Callable[[Dice, Dice, Canvas], Tensor]


@dataclass(frozen=True, slots=True)
class TextureFamily:
    """One kind of material. `paint(style, dice, canvas)` returns (dice.n, 3, height, width), about 0..1."""

    name: str
    paint: Paint


def colours(style: Dice, k: int) -> Tensor:
    """Return k colours (n, k, 3, 1, 1) in 0..1; two of five textures are gray."""
    gray = style.rand(k, 1, 1, 1) * 0.8 + 0.1
    tint = (style.rand(1, 3, 1, 1) - 0.5) * 0.3 + (style.rand(k, 3, 1, 1) - 0.5) * 0.28
    tint = torch.where(style.chance(0.4).unsqueeze(1), 0.0, tint)
    return (gray + tint).clamp(0, 1)


def shades(style: Dice, k: int, spread: float) -> Tensor:
    """Return k colours (n, k, 3, 1, 1) around one base colour: shades of one material, none like another."""
    step = (
        torch.arange(k, device=style.device).view(1, k, 1, 1, 1) + 0.25 + 0.5 * style.rand(k, 1, 1, 1)
    ) / k
    step = (step - 0.5) * torch.where(style.chance(0.5), 1.0, -1.0).unsqueeze(1)
    gray = style.rand(1, 1, 1, 1) * 0.6 + 0.2 + step * spread
    tint = (style.rand(1, 3, 1, 1) - 0.5) * 0.26 + (style.rand(k, 3, 1, 1) - 0.5) * 0.16 * spread
    tint = torch.where(style.chance(0.4).unsqueeze(1), 0.0, tint)
    return (gray + tint).clamp(0.02, 0.98)


def natural(style: Dice, dark: tuple[float, float, float], light: tuple[float, float, float]) -> Tensor:
    """Return a colour (n, 3, 1, 1) between two, given as RGB in 0..1; one of four is gray."""
    low, high = (torch.tensor(rgb, device=style.device).view(1, 3, 1, 1) for rgb in (dark, light))
    colour = torch.lerp(low, high, style.uniform(0, 1)) + 0.012 * style.normal(3, 1, 1)
    gray = colour.mean(1, keepdim=True).expand_as(colour)
    return torch.where(style.chance(0.25), gray, colour).clamp(0.02, 0.98)


def mix(first: Tensor | float, second: Tensor | float, amount: Tensor) -> Tensor:
    """Return first + amount · (second − first), broadcast: `torch.lerp` that takes plain numbers."""
    return amount * (second - first) + first


def by_index(dice: Dice, index: Tensor, entries: int = 512) -> Tensor:
    """Return a standard normal number per integer index (n, 1, H, W), the same for the same index."""
    table = dice.normal(entries).clamp_(-2, 2)
    return table.gather(1, index.long().remainder(entries).flatten(1)).view(index.shape)


def direction(style: Dice) -> Tensor:
    """Return an angle (n, 1, 1, 1) of a material's grain: near an axis of the picture, or any."""
    near = style.normal(1, 1, 1) * 0.06 + style.choice(2).view(-1, 1, 1, 1) * (math.pi / 2)
    return torch.where(style.chance(0.6), near, style.uniform(-math.pi / 2, math.pi / 2))


def noise(dice: Dice, u: Tensor, v: Tensor, octaves: int = 1, gain: float = 0.5) -> Tensor:
    """Return smooth noise at coordinates (n, 1, H, W): standard normal, one bump per unit of u and v.

    Unlike `Canvas.field` it may be turned, stretched and warped, differently in each sample. With more
    `octaves` each has bumps half as wide and `gain` times as high.
    """
    u, v = (one.expand(dice.n, -1, -1, -1) for one in torch.broadcast_tensors(u, v))
    table, shift = _table(dice), dice.uniform(0, TABLE, 2)
    total = torch.zeros_like(u)
    for octave in range(octaves):
        step = 3.0 * 2**octave
        row = v * step + shift[:, 1:]
        turn = (row / TABLE).floor()
        column = (u * step + (shift[:, :1] - TWIST * turn)).remainder_(TABLE)
        grid = torch.stack([column[:, 0], row[:, 0] - TABLE * turn[:, 0]], 3).mul_(2 / TABLE).sub_(1)
        total += gain**octave * F.grid_sample(table, grid, align_corners=True)
    return total / math.sqrt(sum(gain ** (2 * octave) for octave in range(octaves)))


def _table(dice: Dice) -> Tensor:
    """Return smooth noise (n, 1, TABLE + 1, TABLE + 1): the last column repeats the first, the last row
    the first shifted by TWIST, so that long thin bumps don't show the table's size."""
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=dice.device) / (16 * math.sqrt(BLURRED))
    table = dice.normal(1, TABLE, TABLE)
    rows = [table[:, :, -2:].roll(-TWIST, 3), table, table[:, :, :3].roll(TWIST, 3)]
    table = F.pad(torch.cat(rows, 2), (2, 3, 0, 0), mode="circular")
    return F.conv2d(F.conv2d(table, kernel.view(1, 1, 1, 5)), kernel.view(1, 1, 5, 1))
