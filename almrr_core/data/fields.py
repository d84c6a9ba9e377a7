"""Random numbers, smooth fields, shapes and warps for whole batches at once, on any device.

Parameters of a batch have the shape (n, k, 1, 1) and broadcast against pictures (n, c, size, size).
Lengths named "pixels" are meant at a side of 256 and grow with the picture (`unit`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
Pair = tuple[Tensor, Tensor]


class Dice:
    """Random numbers for `n` samples from one generator, float32 on the generator's device."""

    def __init__(self, n: int, generator: torch.Generator) -> None:
        self.n = n
        self.generator = generator
        self.device = generator.device

    def rand(self, *shape: int) -> Tensor:
        """Return uniform numbers in [0, 1) of shape (n, *shape)."""
        return torch.rand(self.n, *shape, generator=self.generator, device=self.device)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers of shape (n, *shape)."""
        return torch.randn(self.n, *shape, generator=self.generator, device=self.device)

    def uniform(self, low: float, high: float, k: int = 1) -> Tensor:
        """Return (n, k, 1, 1) numbers, uniform in [low, high)."""
        return self.rand(k, 1, 1) * (high - low) + low

    def log_uniform(self, low: float, high: float, k: int = 1) -> Tensor:
        """Return (n, k, 1, 1) numbers whose logarithm is uniform: small ones are as likely as large."""
        return self.uniform(math.log(low), math.log(high), k).exp()

    def chance(self, p: float, k: int = 1) -> Tensor:
        """Return (n, k, 1, 1) booleans that are true with probability `p`."""
        return self.rand(k, 1, 1) < p

    def choice(self, count: int) -> Tensor:
        """Return (n,) int64 numbers in 0..count-1, all equally likely."""
        return torch.randint(count, (self.n,), generator=self.generator, device=self.device)

    def levels(self, low: float, high: float, k: int = 1) -> Tensor:
        """Return (n, k, 1, 1) contrasts in 0..1, log-uniform between two numbers of gray levels of 255."""
        return self.log_uniform(low / 255, high / 255, k)

    def field(self, size: int, cells: int) -> Tensor:
        """Return smooth noise (n, 1, size, size), about standard normal, with `cells` bumps a side."""
        coarse = self.normal(1, cells, cells)
        return F.interpolate(coarse, (size, size), mode="bicubic", align_corners=False).mul_(1.25)

    def curve(self, points: int, knots: int, k: int = 1) -> Tensor:
        """Return (n, k, points) piecewise linear noise with `knots` standard normal knots."""
        return F.interpolate(self.normal(k, knots), points, mode="linear", align_corners=True)


def unit(size: int) -> float:
    """Return how many real pixels a "pixel at 256" has in a picture of side `size`."""
    return size / 256


def smoothstep(x: Tensor) -> Tensor:
    """Return 3x² − 2x³ on x clamped to 0..1: a ramp without corners."""
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


def luma(images: Tensor) -> Tensor:
    """Return the gray (n, 1, H, W) of RGB (n, 3, H, W), ITU-R BT.601."""
    red, green, blue = images.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue).unsqueeze(1)


def is_gray(images: Tensor) -> Tensor:
    """Return (n, 1, 1, 1) booleans: the three channels of that picture are equal everywhere."""
    red, green, blue = images.unbind(1)
    same = ((red - green).abs() + (green - blue).abs()).flatten(1).amax(1) < 1e-6
    return same.view(-1, 1, 1, 1)


def axes(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the pixel indices y (1, 1, size, 1) and x (1, 1, 1, size) as float32."""
    line = torch.arange(size, device=device, dtype=torch.float32)
    return line.view(1, 1, size, 1), line.view(1, 1, 1, size)


def turned_axes(size: int, angle: Tensor, x0: Tensor | float, y0: Tensor | float) -> tuple[Tensor, Tensor]:
    """Return coordinates (u, v), each (n, k, size, size) in pixels, about (x0, y0), turned by `angle`."""
    y, x = axes(size, angle.device)
    cos, sin = angle.cos(), angle.sin()
    return (x - x0) * cos + (y - y0) * sin, (y - y0) * cos - (x - x0) * sin


def ellipse(size: int, centre: Pair, half: Pair, angle: Tensor) -> Tensor:
    """Return (n, k, size, size) distances from k centres (x, y), 1 where `half` axes (pixels) end."""
    (x0, y0), (a, b) = centre, half
    y, x = axes(size, angle.device)
    cos, sin = angle.cos(), angle.sin()
    u = (x - x0) * (cos / a) + (y - y0) * (sin / a)
    v = (y - y0) * (cos / b) - (x - x0) * (sin / b)
    return torch.hypot(u, v)


def blur(pictures: Tensor, sigma: Tensor) -> Tensor:
    """Blur (n, c, S, S) with a Gaussian of `sigma` (n, 1, 1, 1) pixels, renormalised at the border.

    Two products with an S×S matrix: every sample has its own sigma, and a large one costs no more.
    """
    line = torch.arange(pictures.shape[-1], device=pictures.device, dtype=torch.float32)
    squared = (line.view(-1, 1) - line).square()
    kernel = (squared / (-2 * sigma.square())).exp()  # (n, 1, S, S), rows are output positions
    kernel = kernel / kernel.sum(-1, keepdim=True)
    return kernel @ pictures @ kernel.mT


def affine(
    pictures: Tensor,
    angle: Tensor,
    scale: Tensor | float = 1.0,
    shift: Tensor | None = None,
    zeros: bool = False,
) -> Tensor:
    """Turn (n, c, S, S) by `angle` (n, 1, 1, 1) radians about the centre, magnify by `scale`, shift.

    `shift` is (n, 2, 1, 1) in half sides. Outside the picture: mirrored, or 0 with `zeros`.
    """
    n = pictures.shape[0]
    cos, sin = (angle.cos() / scale).view(n), (angle.sin() / scale).view(n)
    offset = torch.zeros(n, 2, device=pictures.device) if shift is None else shift.view(n, 2)
    matrix = torch.stack([cos, -sin, offset[:, 0], sin, cos, offset[:, 1]], 1).view(n, 2, 3)
    grid = F.affine_grid(matrix, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="zeros" if zeros else "reflection", align_corners=False)


def displace(pictures: Tensor, dx: Tensor, dy: Tensor, mode: str = "bilinear") -> Tensor:
    """Return pictures (n, c, S, S) read at x + dx, y + dy; (n, 1, S, S) pixels, mirrored at the border."""
    size = pictures.shape[-1]
    y, x = axes(size, pictures.device)
    grid = torch.cat([x + dx, y + dy], 1).add_(0.5).mul_(2 / size).sub_(1)
    return F.grid_sample(
        pictures, grid.permute(0, 2, 3, 1), mode=mode, padding_mode="reflection", align_corners=False
    )


def strokes(x: Tensor, y: Tensor, width: Tensor, strength: Tensor, size: int) -> Tensor:
    """Draw k curves a sample, given as dense points: all four (n, k, points), width in real pixels.

    Returns (n, 1, size, size) in 0..1: the largest strength that covers a pixel. The width is filled by
    points beside the curve, so they must lie less than a pixel apart along it.
    """
    tx, ty = torch.gradient(x, dim=2)[0], torch.gradient(y, dim=2)[0]
    reach = width / torch.hypot(tx, ty).clamp(min=1e-6)
    aside = torch.linspace(-0.5, 0.5, 9, device=x.device)
    column = (x.unsqueeze(-1) - (ty * reach).unsqueeze(-1) * aside).round().long().flatten(1)
    row = (y.unsqueeze(-1) + (tx * reach).unsqueeze(-1) * aside).round().long().flatten(1)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    value = strength.unsqueeze(-1).expand(*strength.shape, len(aside)).flatten(1) * inside
    index = (row * size + column) * inside
    canvas = torch.zeros(x.shape[0], size * size, device=x.device)
    # The maximum does not depend on the order of writes: the same on every run, CUDA included.
    canvas.scatter_reduce_(1, index, value, "amax")
    return canvas.view(-1, 1, size, size)


def by_choice(
    pictures: Tensor,
    dice: Dice,
    kinds: Sequence[Callable[[Tensor, Dice], Tensor]],
    chosen: Tensor | None = None,
) -> Tensor:
    """Apply one of `kinds` to each picture, as `chosen` (n,) int64 says, else by an even draw.

    Each kind runs once, on the part of the batch that got it; a choice outside leaves a picture alone.
    """
    chosen = dice.choice(len(kinds)) if chosen is None else chosen
    result = pictures.clone()
    for number, kind in enumerate(kinds):
        where = (chosen == number).nonzero().squeeze(1)
        if len(where):
            result[where] = kind(pictures[where], Dice(len(where), dice.generator))
    return result
