"""Frozen feature extractors: ResNet-18, with local contrast `texture18`, ResNet-50 and ResNet-50 v2.

Parameters carry torchvision's names, so its weight files load as they are. Sources: He et al., "Deep
residual learning" (arXiv 1512.03385), with the stride in the 3×3 convolution (torchvision's "v1.5"), and
"Identity mappings" (arXiv 1603.05027) in the form of the ONNX Model Zoo's `resnet50-v2-7` (Apache-2.0).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from almrr_core.errors import ErrorCode, StationError
from almrr_core.models.contrast import local_contrast

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB, of pictures in 0..1
IMAGENET_STD = (0.229, 0.224, 0.225)
LAST_STAGE = 4
SHADE, SHADE_STRIDE = 0, 8  # stage 0 is the picture itself, averaged over squares of so many pixels

Ints = tuple[int, ...]
Pairs = tuple[tuple[str, str], ...]


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class _Block(nn.Module):
    """What the three residual blocks share: (B, inputs, h, w) -> (B, width · expansion, h / stride, ...)."""

    expansion: ClassVar[int]
    folds: ClassVar[Pairs]  # (convolution, the batch norm that directly follows it)
    downsample: nn.Sequential  # empty where the shortcut is the identity

    def __init__(self, inputs: int, width: int, stride: int, norm: bool = True) -> None:
        super().__init__()
        outputs = width * self.expansion
        shortcut: list[nn.Module] = []
        if stride != 1 or inputs != outputs:
            shortcut = [_conv(inputs, outputs, 1, stride), *([nn.BatchNorm2d(outputs)] if norm else [])]
        self.downsample = nn.Sequential(*shortcut)


class BasicBlock(_Block):
    """ResNet-18's block: relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))."""

    expansion = 1
    folds = (("conv1", "bn1"), ("conv2", "bn2"), ("downsample.0", "downsample.1"))

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__(inputs, width, stride)
        self.conv1 = _conv(inputs, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activated sum."""
        out = torch.relu_(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return torch.relu_(out + self.downsample(x))


class Bottleneck(_Block):
    """ResNet-50's block: 1×1, 3×3 with the stride, 1×1, a norm after each; relu(out + shortcut(x))."""

    expansion = 4
    folds = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"), ("downsample.0", "downsample.1"))

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__(inputs, width, stride)
        self.conv1 = _conv(inputs, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _conv(width, width * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activated sum."""
        out = torch.relu_(self.bn1(self.conv1(x)))
        out = torch.relu_(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return torch.relu_(out + self.downsample(x))


class PreActBottleneck(_Block):
    """ResNet-50 v2's block: a = relu(bn1(x)); conv3(relu(bn3(conv2(relu(bn2(conv1(a))))))) + shortcut.

    The shortcut is `downsample.0(a)` where there is one, else `x`.
    """

    expansion = 4
    folds = (("conv1", "bn2"), ("conv2", "bn3"))  # bn1 stands before a ReLU, after a sum: it stays

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__(inputs, width, stride, norm=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = _conv(inputs, width, 1)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = _conv(width, width, 3, stride)
        self.bn3 = nn.BatchNorm2d(width)
        self.conv3 = _conv(width, width * self.expansion, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum, not activated: the next block's bn1 and ReLU do that."""
        activated = torch.relu_(self.bn1(x))
        out = torch.relu_(self.bn2(self.conv1(activated)))
        out = torch.relu_(self.bn3(self.conv2(out)))
        shortcut = self.downsample(activated) if len(self.downsample) else x
        return torch.add(self.conv3(out), shortcut)


class Backbone(nn.Module):
    """A frozen ResNet cut off after the last used stage; `channels` and `strides` follow `stages` in order.

    Stage SHADE is no stage of the network but the picture's own colour, which `texture18`, made to look past
    the light, hardly knows. Frozen means: always in eval mode (`train()` is without effect) and no
    parameter asks for a gradient; gradients still flow to the input where that asks for one.
    """

    folds: ClassVar[Pairs] = (("conv1", "bn1"),)
    sees: ClassVar[str] = ""  # what it is shown instead of the picture; counts in `weights_hash`
    mean: Tensor
    std: Tensor

    def __init__(self, name: str, stages: Ints, block: type[_Block], depths: Ints) -> None:
        super().__init__()
        self.name = name
        self.stages = stages
        self.channels = tuple(64 * 2 ** (k - 1) * block.expansion if k else 3 for k in stages)
        self.strides = tuple(2 ** (k + 1) if k else SHADE_STRIDE for k in stages)
        # not in the state: a weight file holds torchvision's names and nothing else
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)
        self.conv1 = _conv(3, 64, 7, stride=2)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = 64
        for k, depth in enumerate(depths[: stages[-1]], start=1):
            width, stride = 64 * 2 ** (k - 1), 1 if k == 1 else 2
            first, inputs = block(inputs, width, stride), width * block.expansion
            rest = (block(inputs, width, 1) for _ in range(1, depth))
            self.add_module(f"layer{k}", nn.Sequential(first, *rest))

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode, whatever a surrounding model does."""
        return super().train(False)

    def normalised(self, images: Tensor) -> Tensor:
        """Return RGB in 0..1 with ImageNet's mean and standard deviation taken out."""
        return (images - self.mean) / self.std

    def output(self, k: int, x: Tensor) -> Tensor:
        """Return what stage `k` shows to the outside, given its last sum."""
        return x

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map (B, 3, H, W) float RGB in 0..1 to one (B, C_k, H / stride_k, W / stride_k) per used stage k.

        All values are ≥ 0 (after a ReLU); sides that do not divide are rounded up.
        """
        x = self.maxpool(torch.relu_(self.bn1(self.conv1(self.normalised(images)))))  # (B, 64, H/4, W/4)
        outputs = [F.avg_pool2d(images, SHADE_STRIDE, ceil_mode=True)] if SHADE in self.stages else []
        for k in range(1, self.stages[-1] + 1):
            x = self.get_submodule(f"layer{k}")(x)
            if k in self.stages:
                outputs.append(self.output(k, x))
        return outputs


class ResNet(Backbone):
    """torchvision's ResNet-18 or ResNet-50 (v1.5): activation after the sum."""


class TextureResNet(ResNet):
    """ResNet-18 behind `local_contrast`: what the light does is taken out before, not learned."""

    sees = "local contrast 1"

    def normalised(self, images: Tensor) -> Tensor:
        """Return the normalised local contrast."""
        return super().normalised(local_contrast(images))


class PreActResNet(Backbone):
    """ResNet v2: a batch norm on the input, blocks that activate their own input.

    Stage k is shown as relu(layer{k+1}.0.bn1(sum)), so that one norm of the first unused stage is held too
    (after stage 4 the network's final norm, under the name `layer5.0.bn1`).
    """

    def __init__(self, name: str, stages: Ints, block: type[_Block], depths: Ints) -> None:
        super().__init__(name, stages, block, depths)
        self.bn_data = nn.BatchNorm2d(3)
        # only a name to load into: output() calls the norm, nothing calls this stage
        opening = nn.ModuleDict({"bn1": nn.BatchNorm2d(self.channels[-1])})
        self.add_module(f"layer{stages[-1] + 1}", nn.Sequential(opening))

    def normalised(self, images: Tensor) -> Tensor:
        """Return the input norm's output; it cannot be folded because conv1 pads with zeros after it."""
        out: Tensor = self.bn_data(super().normalised(images))
        return out

    def output(self, k: int, x: Tensor) -> Tensor:
        """Return the activated sum of stage `k`."""
        return torch.relu_(self.get_submodule(f"layer{k + 1}.0.bn1")(x))


_KINDS: dict[str, tuple[type[Backbone], type[_Block], Ints]] = {
    "resnet18": (ResNet, BasicBlock, (2, 2, 2, 2)),
    "texture18": (TextureResNet, BasicBlock, (2, 2, 2, 2)),  # with the weights we ship
    "resnet50": (ResNet, Bottleneck, (3, 4, 6, 3)),
    "resnet50v2": (PreActResNet, PreActBottleneck, (3, 4, 6, 3)),
}
_FORMER: dict[str, type[Backbone]] = {"texture18": ResNet}  # before 0.4 it was shown the plain picture
BACKBONES = tuple(_KINDS)


def stages_exist(stages: Ints) -> bool:
    """Return whether a backbone can have these stages, in this order."""
    in_order = stages == tuple(sorted(set(stages)))
    return any(stages) and in_order and set(stages) <= set(range(LAST_STAGE + 1))


def build_backbone(
    name: str, stages: Iterable[int] = (1, 2, 3), seed: int = 0, former: bool = False
) -> Backbone:
    """Return a frozen backbone with random weights (Kaiming, as torchvision's) that `seed` alone decides.

    `name` is one of `BACKBONES`, `stages` any non-empty subset of 1..4, perhaps with SHADE. `former`: the one
    that had this name before (`has_former`). torch's global generator is left as it was. Raises BAD_ARGUMENT.
    """
    used = tuple(sorted(set(stages)))
    if name not in _KINDS or not stages_exist(used):
        raise StationError(
            ErrorCode.BAD_ARGUMENT,
            f"There is no backbone {name!r} with stages {list(used)}.",
            f"Choose one of {', '.join(BACKBONES)} and at least one of the stages 1 to {LAST_STAGE}.",
        )
    kind, block, depths = _KINDS[name]
    kind = _FORMER.get(name, kind) if former else kind
    with torch.random.fork_rng(devices=[]):
        backbone = kind(name, used, block, depths)
    generator = torch.Generator().manual_seed(seed)
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
    return backbone.requires_grad_(False).eval()


def has_former(name: str) -> bool:
    """Return whether an earlier program meant another network by this name; a bundle's hash tells which."""
    return name in _FORMER


def restaged(backbone: Backbone, stages: Ints) -> Backbone:
    """Return a twin with the same weights that shows other stages, as deep as `backbone` goes.

    SHADE alone may come or go: it has no weights. Raises BAD_ARGUMENT as `build_backbone`.
    """
    former = type(backbone) is not _KINDS[backbone.name][0]
    twin = build_backbone(backbone.name, stages, former=former)
    twin.load_state_dict(backbone.state_dict())
    return twin


def folded(backbone: Backbone) -> Backbone:
    """Return a twin with each batch norm that directly follows a convolution folded into it (exact in eval).

    The twin is for inference: its state has biases in place of those norms, so weight files no longer load
    into it. resnet50v2 keeps `bn_data`, each block's `bn1` and the outputs' norms. `backbone` is not changed.
    """
    twin = copy.deepcopy(backbone)
    for module in list(twin.modules()):
        _fold_pairs(module, getattr(module, "folds", ()))
    return twin.requires_grad_(False).eval()


def _fold_pairs(module: nn.Module, pairs: Pairs) -> None:
    inside = dict(module.named_modules())
    for conv_name, norm_name in pairs:
        conv, norm = inside.get(conv_name), inside.get(norm_name)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            module.set_submodule(conv_name, fuse_conv_bn_eval(conv, norm))
            module.set_submodule(norm_name, nn.Identity())
