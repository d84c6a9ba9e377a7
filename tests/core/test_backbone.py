import random
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from almrr_core.errors import ErrorCode, StationError
from almrr_core.models.backbone import (
    BACKBONES,
    IMAGENET_MEAN,
    IMAGENET_STD,
    SHADE,
    Backbone,
    build_backbone,
    folded,
    restaged,
)
from almrr_core.models.contrast import local_contrast
from almrr_core.models.weights import find_weights, load_weights

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


@pytest.fixture
def seed() -> int:
    return random.SystemRandom().randrange(2**31)


def lively(name: str, seed: int, stages: Iterable[int] = (1, 2, 3)) -> Backbone:
    """A backbone whose norms all do something, so that a forgotten or misplaced one shows."""
    backbone = build_backbone(name, stages, seed)
    generator = torch.Generator().manual_seed(seed)
    for norm in (m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.weight.uniform_(0.5, 1.0, generator=generator)
        norm.bias.normal_(0, 0.3, generator=generator)
        norm.running_mean.normal_(0, 0.3, generator=generator)
        norm.running_var.uniform_(0.5, 2.0, generator=generator)
    return backbone


def pictures(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def assert_alike(ours: Tensor, theirs: Tensor, seed: int) -> None:
    difference, scale = float((ours - theirs).abs().max()), float(theirs.abs().max())
    assert difference <= 1e-4 * max(1.0, scale), f"{difference} of {scale}, seed {seed}"


class Twin:
    """ResNets as the papers and shared/weights/README.md say them, block by block from the state alone."""

    def __init__(self, backbone: Backbone) -> None:
        self.w = backbone.state_dict()

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.w[f"{name}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias, mean, var = (self.w[f"{name}.{part}"].view(-1, 1, 1) for part in NORM[:4])
        return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias

    def basic(self, at: str, x: Tensor, stride: int) -> Tensor:
        out = F.relu(self.norm(f"{at}.bn1", self.conv(f"{at}.conv1", x, stride)))
        return F.relu(self.norm(f"{at}.bn2", self.conv(f"{at}.conv2", out)) + self.shortcut(at, x, stride))

    def bottleneck(self, at: str, x: Tensor, stride: int) -> Tensor:
        out = F.relu(self.norm(f"{at}.bn1", self.conv(f"{at}.conv1", x)))
        out = F.relu(self.norm(f"{at}.bn2", self.conv(f"{at}.conv2", out, stride)))
        return F.relu(self.norm(f"{at}.bn3", self.conv(f"{at}.conv3", out)) + self.shortcut(at, x, stride))

    def shortcut(self, at: str, x: Tensor, stride: int) -> Tensor:
        if f"{at}.downsample.0.weight" not in self.w:
            return x
        return self.norm(f"{at}.downsample.1", self.conv(f"{at}.downsample.0", x, stride))

    def preact(self, at: str, x: Tensor, stride: int) -> Tensor:
        a = F.relu(self.norm(f"{at}.bn1", x))
        r = self.conv(f"{at}.downsample.0", a, stride) if f"{at}.downsample.0.weight" in self.w else x
        out = F.relu(self.norm(f"{at}.bn2", self.conv(f"{at}.conv1", a)))
        out = F.relu(self.norm(f"{at}.bn3", self.conv(f"{at}.conv2", out, stride)))
        return self.conv(f"{at}.conv3", out) + r

    def __call__(self, name: str, images: Tensor, last: int) -> list[Tensor]:
        block = {
            "resnet18": self.basic,
            "texture18": self.basic,
            "resnet50": self.bottleneck,
            "resnet50v2": self.preact,
        }[name]
        depths = (2, 2, 2, 2) if name.endswith("18") else (3, 4, 6, 3)
        images = local_contrast(images) if name == "texture18" else images
        x = (images - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
        x = self.norm("bn_data", x) if name == "resnet50v2" else x
        x = F.max_pool2d(F.relu(self.norm("bn1", self.conv("conv1", x, 2))), 3, 2, 1)
        outputs = []
        for k in range(1, last + 1):
            for i in range(depths[k - 1]):
                x = block(f"layer{k}.{i}", x, 2 if k > 1 and i == 0 else 1)
            outputs.append(F.relu(self.norm(f"layer{k + 1}.0.bn1", x)) if name == "resnet50v2" else x)
        return outputs


@pytest.mark.parametrize("name", BACKBONES)
def test_equals_the_network_written_from_the_papers(name: str, seed: int) -> None:
    backbone = lively(name, seed, (1, 2, 3, 4))
    images = pictures(seed, 2, 3, 64, 96)
    expected = Twin(backbone)(name, images, 4)
    for ours, theirs in zip(backbone(images), expected, strict=True):
        assert_alike(ours, theirs, seed)


def torchvision_names(conv_count: int, depths: tuple[int, ...], all_stages_widen: bool) -> set[str]:
    names = {"conv1.weight", *(f"bn1.{part}" for part in NORM)}
    for k, depth in enumerate(depths, start=1):
        for i in range(depth):
            for j in range(1, conv_count + 1):
                names |= {f"layer{k}.{i}.conv{j}.weight", *(f"layer{k}.{i}.bn{j}.{part}" for part in NORM)}
        if k > 1 or all_stages_widen:
            names |= {f"layer{k}.0.downsample.0.weight"}
            names |= {f"layer{k}.0.downsample.1.{part}" for part in NORM}
    return names


@pytest.mark.parametrize(
    ("name", "stages", "convs", "depths", "parameters"),
    [  # the counts are torchvision's own for the same children
        ("resnet18", (1, 2, 3), 2, (2, 2, 2), 2_782_784),
        ("resnet18", (1, 2, 3, 4), 2, (2, 2, 2, 2), 11_176_512),
        ("resnet50", (1, 2, 3), 3, (3, 4, 6), 8_543_296),
        ("resnet50", (4,), 3, (3, 4, 6, 3), 23_508_032),
    ],
)
def test_names_and_counts_are_torchvisions(
    name: str, stages: tuple[int, ...], convs: int, depths: tuple[int, ...], parameters: int
) -> None:
    backbone = build_backbone(name, stages)
    assert set(backbone.state_dict()) == torchvision_names(convs, depths, all_stages_widen=convs == 3)
    assert sum(p.numel() for p in backbone.parameters()) == parameters


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("stages", [(1,), (2, 4), (3, 1)])
def test_shapes_of_any_stages(name: str, stages: tuple[int, ...]) -> None:
    backbone = build_backbone(name, stages)
    widths = [64, 128, 256, 512] if name.endswith("18") else [256, 512, 1024, 2048]
    assert backbone.stages == tuple(sorted(stages))
    assert backbone.channels == tuple(widths[k - 1] for k in sorted(stages))
    outputs = backbone(torch.rand(2, 3, 64, 128))
    expected = [(2, widths[k - 1], 128 >> (k + 2), 256 >> (k + 2)) for k in sorted(stages)]
    assert [tuple(out.shape) for out in outputs] == expected
    assert f"layer{max(stages)}.0.conv1.weight" in backbone.state_dict()
    assert f"layer{max(stages) + 1}.0.conv1.weight" not in backbone.state_dict()


def test_the_shade_is_the_pictures_own_colour_beside_the_same_stages(seed: int) -> None:
    backbone = lively("resnet18", seed, (1, 2))
    images = pictures(seed, 2, 3, 64, 100)
    shade, *others = restaged(backbone, (SHADE, 1, 2))(images)
    for ours, theirs in zip(others, backbone(images), strict=True):
        torch.testing.assert_close(ours, theirs, msg=f"seed {seed}")
    assert shade.shape == (2, 3, 8, 13)
    torch.testing.assert_close(shade[1, 2, 3, 5], images[1, 2, 24:32, 40:48].mean())
    torch.testing.assert_close(shade[0, 0, 0, 12], images[0, 0, :8, 96:].mean())  # what is left at the border
    assert restaged(backbone, (SHADE, 1, 2)).channels == (3, 64, 128)
    assert restaged(restaged(backbone, (SHADE, 1, 2)), (1, 2)).stages == (1, 2)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_stage_does_not_depend_on_the_stages_beside_it(name: str, seed: int) -> None:
    whole = lively(name, seed, (1, 2))
    images = pictures(seed, 1, 3, 64, 64)
    first = build_backbone(name, (2,))
    first.load_state_dict({key: whole.state_dict()[key] for key in first.state_dict()})
    torch.testing.assert_close(first(images)[0], whole(images)[1], msg=f"seed {seed}")


@pytest.mark.parametrize("name", BACKBONES)
def test_frozen_whatever_surrounds_it(name: str, seed: int) -> None:
    model = nn.Sequential(lively(name, seed, (1, 2)))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    images = pictures(seed, 2, 3, 64, 64)
    outputs = model(images)
    model.train()
    again = model(images)
    assert not any(p.requires_grad for p in model.parameters())
    assert not any(out.requires_grad for out in again)
    assert all(torch.equal(a, b) for a, b in zip(outputs, again, strict=True)), f"seed {seed}"
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(float(out.min()) >= 0 for out in outputs)


@pytest.mark.parametrize("name", BACKBONES)
def test_seed_alone_decides_the_random_weights(name: str) -> None:
    torch.manual_seed(1)
    first = build_backbone(name, (1,), seed=5)
    drawn = torch.rand(3)
    second = build_backbone(name, (1,), seed=5)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), drawn), "the global generator moved"
    assert torch.equal(first.conv1.weight, second.conv1.weight)
    assert not torch.equal(first.conv1.weight, build_backbone(name, (1,), seed=6).conv1.weight)
    assert float(first.conv1.weight.std()) == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.05)  # He, fan out


@pytest.mark.parametrize("name", BACKBONES)
def test_folded_is_the_same_function_with_fewer_norms(name: str, seed: int) -> None:
    backbone = lively(name, seed, (1, 2))
    twin = folded(backbone)
    images = pictures(seed, 2, 3, 96, 64)
    for ours, theirs in zip(twin(images), backbone(images), strict=True):
        assert_alike(ours, theirs, seed)
    left = {at for at, module in twin.named_modules() if isinstance(module, nn.BatchNorm2d)}
    kept = {"bn_data", *(at for at, _ in backbone.named_modules() if at.endswith(".bn1"))}
    assert left == (kept if name == "resnet50v2" else set())
    assert any(isinstance(m, nn.BatchNorm2d) and at == "bn1" for at, m in backbone.named_modules())


@pytest.mark.parametrize("name", BACKBONES)
def test_channels_last_stays_and_changes_nothing(name: str, seed: int) -> None:
    backbone = lively(name, seed, (1, 2))
    images = pictures(seed, 2, 3, 64, 64)
    expected = backbone(images)
    backbone = backbone.to(memory_format=torch.channels_last)
    outputs = backbone(images.to(memory_format=torch.channels_last))
    for ours, theirs in zip(outputs, expected, strict=True):
        assert ours.is_contiguous(memory_format=torch.channels_last)
        assert_alike(ours, theirs, seed)


@pytest.mark.parametrize(
    ("name", "stages"), [("vgg16", (1,)), ("resnet18", ()), ("resnet18", (0,)), ("resnet50", (0, 5))]
)
def test_unknown_names_and_stages_are_refused(name: str, stages: tuple[int, ...]) -> None:
    with pytest.raises(StationError) as caught:
        build_backbone(name, stages)
    assert caught.value.code is ErrorCode.BAD_ARGUMENT
    assert name in caught.value.sentence


@pytest.mark.parametrize("name", ["resnet18", "resnet50v2"])
def test_real_weights_fold_and_tell_textures_apart(name: str, shared: Path, seed: int) -> None:
    backbone = build_backbone(name)
    load_weights(backbone, find_weights(name, shared / "weights"))
    columns = torch.arange(128.0)
    stripes = (0.5 + 0.4 * torch.sin(columns / 3)).expand(3, 128, 128)
    noise = pictures(seed, 2, 3, 128, 128)
    images = torch.stack([stripes, stripes.roll(4, -1), *noise])
    outputs = backbone(images)
    for ours, theirs in zip(folded(backbone)(images), outputs, strict=True):
        assert float((ours - theirs).abs().max()) <= 1e-4, f"seed {seed}"
    kinds = F.normalize(outputs[2].mean((2, 3)), dim=1)
    likeness = kinds @ kinds.T
    assert min(likeness[0, 1], likeness[2, 3]) > likeness[:2, 2:].max() + 0.1, f"seed {seed}"


def test_real_preactivation_sums_have_the_means_their_norms_expect(shared: Path) -> None:
    """Wrong input scaling, order or stride would lose the statistics that training stored."""
    cv2 = pytest.importorskip("cv2")
    folder = shared / "data"
    files = sorted(p for p in folder.rglob("*.jpg") if "ground_truth" not in p.parts)
    if not files:
        pytest.skip(f"no pictures in {folder}")
    chosen = [cv2.imread(str(p)) for p in files[:: max(1, len(files) // 6)]]
    images = torch.stack([torch.from_numpy(cv2.resize(p, (192, 192))[..., ::-1].copy()) for p in chosen])
    backbone = build_backbone("resnet50v2")
    load_weights(backbone, find_weights("resnet50v2", shared / "weights"))
    x = backbone.conv1(backbone.normalised(images.permute(0, 3, 1, 2) / 255))
    x = backbone.maxpool(F.relu(backbone.bn1(x)))
    for k in (1, 2, 3):
        x = backbone.get_submodule(f"layer{k}")(x)
        stored = backbone.get_submodule(f"layer{k + 1}.0.bn1").running_mean
        assert float(torch.corrcoef(torch.stack([x.mean((0, 2, 3)), stored]))[0, 1]) > 0.75, k
