"""Local contrast: a picture without what the light does to it slowly, before a backbone sees it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CELL, REACH, SIGMA = 8, 4, 2.0  # pixels of a cell; cells to each side and standard deviation of the window
LEAST = 0.02  # of 1: where a surface varies less than that, its noise is not made larger any more
LEVEL, SPREAD = 0.45, 0.2  # what comes out has about this mean and spread, as photographs have


def local_contrast(images: Tensor) -> Tensor:
    """Return pictures (B, 3, H, W), float32 in 0..1, with their local mean taken out and their spread alike.

    What comes out is float32 of the same shape, about LEVEL ± SPREAD and without bounds. Mean (of each channel)
    and spread (of all three) are those of a Gaussian window of 16 pixels' standard deviation. So a brighter
    lamp, a shadow across the picture or less contrast change next to nothing; a change of tone much wider than
    the window is lost. Source: divisive normalisation (Jarrett et al., ICCV 2009).
    """
    with torch.autocast(images.device.type, enabled=False):
        detail = images - _blurred(images)
        spread = _blurred(detail.square().mean(1, keepdim=True)).add(LEAST**2).sqrt()
        return detail / spread * SPREAD + LEVEL


def _blurred(images: Tensor) -> Tensor:
    """Return the Gaussian mean around each pixel: computed on cells, then interpolated."""
    channels = images.shape[1]
    at = torch.arange(-REACH, REACH + 1, device=images.device, dtype=images.dtype)
    kernel = (at.square() / (-2 * SIGMA**2)).exp()
    kernel = (kernel / kernel.sum()).expand(channels, 1, 1, -1)
    height, width = images.shape[-2:]
    whole = F.pad(images, (0, -width % CELL, 0, -height % CELL), mode="replicate")
    cells = F.avg_pool2d(whole, CELL)
    cells = F.pad(cells, (REACH, REACH, REACH, REACH), mode="replicate")
    cells = F.conv2d(F.conv2d(cells, kernel, groups=channels), kernel.mT, groups=channels)
    smooth = F.interpolate(cells, size=whole.shape[-2:], mode="bilinear", align_corners=False)
    return smooth[..., :height, :width]
