"""The exact inference form of ALMRR (`shared/method.md` §3): fewer operations, the same logits.

The twin is an `Almrr` whose parts are replaced by cheaper equals; `model(images)` is its readable form.
"""

from __future__ import annotations

import copy
import itertools

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from almrr_core.models.almrr import Almrr, Form
from almrr_core.models.backbone import folded
from almrr_core.models.reconstruction import Reconstruction

TOKEN = 4  # side and step of the token convolution


class Fused(nn.Module):
    """Images (B, 3, S, S) float32 RGB in 0..1 → raw logit difference (B, 1, S/4, S/4), for inference only."""

    def __init__(self, twin: Almrr) -> None:
        super().__init__()
        self.twin = twin

    def forward(self, images: Tensor) -> Tensor:
        """Return the raw logit difference."""
        # channels last: its pooling and convolutions are a fifth faster, and the stages inherit it
        stages = self.twin.backbone(images.contiguous(memory_format=torch.channels_last))
        return self.twin.whole_logit(self.twin.judge([stage.contiguous() for stage in stages]))


@torch.no_grad()
def fuse(model: Almrr) -> nn.Module:
    """Return an inference twin of `model`, equal to about 1e-5; `model` is not changed.

    Batch norms go into the convolutions before them, the reduction and the token convolution become one, and
    in the paper's form the expansion becomes the channel mean that alone is used of it.
    """
    twin = copy.deepcopy(model).requires_grad_(False).eval()
    twin.backbone = folded(twin.backbone)
    convert_conv2d_weight_memory_format(twin.backbone, torch.channels_last)
    _fold_sequences(twin.refinement)
    _merge_reduction(twin.reconstruction)
    if twin.form is Form.PAPER:
        twin.reconstruction.expansion = _channel_mean(twin.reconstruction.expansion)
    return Fused(twin).eval()


def _fold_sequences(module: nn.Module) -> None:
    """Fold every batch norm that follows a convolution within a Sequential."""
    for sequence in [m for m in module.modules() if isinstance(m, nn.Sequential)]:
        for index, (conv, norm) in enumerate(itertools.pairwise(sequence.children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[index] = fuse_conv_bn_eval(conv, norm)
                sequence[index + 1] = nn.Identity()


def _merge_reduction(part: Reconstruction) -> None:
    """Make the 1×1 reduction and the unpadded 4×4/4 token convolution one convolution."""
    reduction, tokens = part.reduction, part.tokens
    if not isinstance(reduction, nn.Conv2d):
        return
    assert reduction.bias is not None
    assert tokens.bias is not None
    merged = nn.Conv2d(reduction.in_channels, tokens.out_channels, TOKEN, TOKEN).to(tokens.weight)
    assert merged.bias is not None
    inner = reduction.weight[:, :, 0, 0]
    merged.weight.copy_(torch.einsum("orhw,rc->ochw", tokens.weight, inner))
    merged.bias.copy_(tokens.bias + tokens.weight.sum((2, 3)) @ reduction.bias)
    part.reduction, part.tokens = nn.Identity(), merged.requires_grad_(False)


def _channel_mean(expansion: nn.Conv2d) -> nn.Conv2d:
    """Return the convolution to one channel that gives the mean over the expansion's channels."""
    assert expansion.bias is not None
    mean = nn.Conv2d(expansion.in_channels, 1, 1).to(expansion.weight)
    assert mean.bias is not None
    mean.weight.copy_(expansion.weight.mean(0, keepdim=True))
    mean.bias.copy_(expansion.bias.mean(0, keepdim=True))
    return mean.requires_grad_(False)
