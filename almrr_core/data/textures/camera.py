"""The camera that photographs a texture: uneven light, soft optics, sensor noise, JPEG-like compression."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.data.fields import Dice, is_gray
from almrr_core.data.textures.canvas import Canvas

TAPS = 3  # of the blur to each side; sigma stays under 1.2 pixels
BLOCK = 8  # of the compression
DARKEST, BRIGHTEST = 0.2, 0.72  # mean levels that the exposure leaves alone


def photograph(images: Tensor, style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Return pictures (n, 3, H, W) in 0..1 as a camera sees them: `style` holds its settings.

    A gray picture stays gray: its camera has one channel.
    """
    gray = is_gray(images)
    images = images * _light(style, dice, canvas)
    images = _soften(images, style)
    noise = dice.normal(*images.shape[1:])
    noise = torch.where(gray, noise[:, :1], noise)
    variance = style.levels(0.3, 3.0).square() + style.levels(0.3, 5.0).square() * images.clamp(min=0)
    images = (images + variance.sqrt() * noise).clamp_(0, 1)
    return torch.where(style.chance(0.35), compress(images, style.log_uniform(0.1, 0.9)), images)


def expose(images: Tensor, style: Dice) -> Tensor:
    """Return pictures (n, 3, H, W) in 0..1 that are neither very dark nor very bright on average.

    Pieces of one surface (a single style) get one exposure.
    """
    level = images.mean((1, 2, 3), keepdim=True)
    level = level.mean(0, keepdim=True) if style.n == 1 else level
    return (images * (level.clamp(DARKEST, BRIGHTEST) / level.clamp(min=1e-3))).clamp(0, 1)


def _light(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Return the exposure (n, 1, H, W): a slope across the picture, darker corners, a little flicker."""
    y, x = canvas.axes(dice.device)
    y, x = 2 * canvas.unit * y / canvas.height - 1, 2 * canvas.unit * x / canvas.width - 1
    angle = style.uniform(-math.pi, math.pi)
    slope = style.uniform(0.0, 0.2) * (x * angle.cos() + y * angle.sin())
    corners = style.uniform(-0.02, 0.12) * (x.square() + y.square())
    return (1 + slope - corners) * (1 + 0.01 * dice.normal(1, 1, 1))


def _soften(images: Tensor, style: Dice) -> Tensor:
    """Blur with a Gaussian of the style's sigma, in real pixels, mirrored at the border."""
    n, c, height, width = images.shape
    at = torch.arange(-TAPS, TAPS + 1, device=images.device, dtype=torch.float32)
    kernel = (at.square() / (-2 * style.log_uniform(0.25, 1.2).view(-1, 1).square())).exp()
    kernel = (kernel / kernel.sum(1, keepdim=True)).expand(n, -1).repeat_interleave(c, 0)
    flat = F.pad(images.reshape(1, n * c, height, width), (TAPS, TAPS, TAPS, TAPS), mode="reflect")
    flat = F.conv2d(flat, kernel.view(n * c, 1, 1, -1), groups=n * c)
    return F.conv2d(flat, kernel.view(n * c, 1, -1, 1), groups=n * c).view(n, c, height, width)


def compress(images: Tensor, strength: Tensor) -> Tensor:
    """Quantise the 8×8 cosine transform of pictures (n, 3, H, W) as JPEG does; `strength` 1 is quality 50."""
    n, c, height, width = images.shape
    padded = F.pad(images, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")
    k = torch.arange(BLOCK, device=images.device, dtype=torch.float32)
    basis = ((2 * k + 1) * k.view(-1, 1) * (math.pi / (2 * BLOCK))).cos() * math.sqrt(2 / BLOCK)
    basis[0] = math.sqrt(1 / BLOCK)
    blocks = padded.view(n, c, padded.shape[2] // BLOCK, BLOCK, padded.shape[3] // BLOCK, BLOCK)
    blocks = blocks.transpose(3, 4)  # (n, c, rows, columns, 8, 8)
    step = (10 + 6 * (k + k.view(-1, 1))) / 255 * strength.view(-1, 1, 1, 1, 1, 1)
    values = basis @ (blocks - 0.5) @ basis.T
    blocks = basis.T @ ((values / step).round() * step) @ basis + 0.5
    return blocks.transpose(3, 4).reshape(padded.shape)[:, :, :height, :width].clamp(0, 1)
