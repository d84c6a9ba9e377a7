"""ALMRR: frozen features, Mamba reconstruction, U-Net refinement (arXiv 2407.17705), and our hybrid form.

The `paper` form feeds the refinement the channel means of F̂ and F. The `hybrid` form (ours) adds a closed-form
model of normal features (`closed_form`): its evidence maps and the per-stage cosine distances between F and F̂
go into the refinement, and its own logit is the refinement's starting point, so that the model is usable before
the first gradient step and training only adds to it. The closed form's level of the whole picture is added to
the map last, with an equal say (`balance`): a faint or wide defect moves every feature a little, which no
single place shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from almrr_core.errors import ErrorCode, StationError
from almrr_core.models.aggregation import POOL, Aggregation
from almrr_core.models.backbone import SHADE, Backbone
from almrr_core.models.closed_form import ClosedForm
from almrr_core.models.reconstruction import Reconstruction
from almrr_core.models.refinement import Refinement


class Form(StrEnum):
    """What the refinement sees."""

    PAPER = "paper"
    HYBRID = "hybrid"


class Profile(StrEnum):
    """Which sizes the trained parts have: the paper's table, or small enough for a CPU station."""

    COMPACT = "compact"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class Widths:
    """Sizes of the trained parts; the defaults are the paper's table (method.md §1)."""

    reduced: int | None = 1024
    dim: int = 192
    depth: int = 8
    decoder: tuple[int, int, int] = (256, 512, 1024)
    refinement: int = 64
    feature_maps: int = 16


PAPER = Widths()
COMPACT = Widths(reduced=None, dim=128, depth=4, decoder=(96, 128, 160), refinement=12)
SMALLEST = 128  # the refinement halves its 32×32 map five times
WIDTHS = {Profile.PAPER: PAPER, Profile.COMPACT: COMPACT}


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """Logit difference (B, 1, M, M), higher is worse; features F and reconstructed F̂ (B, C, M, M).

    The hybrid form's `level` (B, 1, 1, 1) is not in the logit yet: training works without it.
    """

    logit: Tensor
    features: Tensor
    repaired: Tensor
    level: Tensor | None = None


class Almrr(nn.Module):
    """The whole model: pictures (B, 3, S, S) float32 RGB in 0..1 → raw logit difference (B, 1, S/4, S/4).

    S is a multiple of 32 from SMALLEST up, else BAD_ARGUMENT is raised.
    """

    gain: Tensor

    def __init__(self, backbone: Backbone, form: Form, widths: Widths, input_size: int = 256) -> None:
        super().__init__()
        if input_size < SMALLEST or input_size % 32:
            raise StationError(
                ErrorCode.BAD_ARGUMENT,
                f"ALMRR cannot work at an input size of {input_size} pixels.",
                f"Choose a multiple of 32 from {SMALLEST} up.",
            )
        self.form, self.widths, self.input_size = form, widths, input_size
        self.backbone = backbone
        channels = backbone.channels
        heights = tuple(input_size // stride for stride in backbone.strides)
        self.aggregation = Aggregation(input_size, heights)
        self.parts, inputs = channels, 2
        if form is Form.HYBRID:
            shade = backbone.stages[0] == SHADE
            self.closed_form = ClosedForm(channels, heights, self.aggregation, shade)
            self.register_buffer("gain", torch.zeros(()))  # of the level, see `balance`
            self.parts = self.closed_form.codes
            self.feature_maps = nn.Conv2d(sum(self.parts), widths.feature_maps, 1)
            inputs += len(channels) + self.closed_form.maps + widths.feature_maps
        self.reconstruction = Reconstruction(
            sum(self.parts), input_size // POOL, widths.reduced, widths.dim, widths.depth, widths.decoder
        )
        self.refinement = Refinement(inputs, widths.refinement, zero_start=form is Form.HYBRID)

    def forward(self, images: Tensor) -> Tensor:
        """Return the raw logit difference (B, 1, S/4, S/4)."""
        return self.whole_logit(self.judge(self.backbone(images)))

    def whole_logit(self, output: Output) -> Tensor:
        """Return the raw logit difference (B, 1, M, M) that is judged by: the output's with its level."""
        return output.logit if output.level is None else output.logit + self.gain * output.level

    @torch.no_grad()
    def balance(self, scores: Tensor, levels: Tensor) -> None:
        """Give the level an equal say: held-out normals' scores without it (n,) and levels (n,) set the gain.

        Both then vary alike among normals, so that their sum is the sum of two standard scores.
        """
        spread = levels.std(correction=0)
        self.gain.copy_(scores.std(correction=0) / spread if spread > 0 else torch.zeros(()))

    def judge(self, stages: list[Tensor], folds: Tensor | None = None) -> Output:
        """Return logit, F and F̂ from the backbone's stages.

        `folds` (B,) int64 is given in training only: see `closed_form`.
        """
        if self.form is Form.PAPER:
            features = self.aggregation(stages)
            repaired = self.reconstruction(features)
            return Output(self._refine(_means(features, repaired)), features, repaired)
        white = self.closed_form.whiten(stages)
        features = self.closed_form.features(white)
        repaired = self.reconstruction(features)
        closed, level = self.closed_form(white, folds)
        evidence = [
            *_means(features, repaired),
            self._distances(features, repaired),
            closed,
            self.feature_maps(features),
        ]
        logit = self.closed_form.logit(closed) + self._refine(evidence)
        return Output(logit, features, repaired, level)

    def features(self, stages: list[Tensor]) -> Tensor:
        """Return F (B, C, M, M): what the reconstruction takes in and, of normal pictures, should give."""
        if self.form is Form.PAPER:
            joined: Tensor = self.aggregation(stages)
            return joined
        return self.closed_form.features(self.closed_form.whiten(stages))

    def closed_logit(self, images: Tensor) -> Tensor:
        """Return the closed form's own logit difference (B, 1, S/4, S/4), level included; hybrid form only."""
        evidence, level = self.closed_form(self.closed_form.whiten(self.backbone(images)))
        logit: Tensor = self.closed_form.logit(evidence) + self.gain * level
        return logit

    def _refine(self, evidence: list[Tensor]) -> Tensor:
        logits: Tensor = self.refinement(torch.cat(evidence, dim=1))  # (B, 2, M, M): normal, anomaly
        return logits[:, 1:] - logits[:, :1]

    def _distances(self, features: Tensor, repaired: Tensor) -> Tensor:
        """Return 1 − cosine similarity per stage, (B, stages, M, M)."""
        pairs = zip(features.split(self.parts, 1), repaired.split(self.parts, 1), strict=True)
        return torch.cat([1 - _cosine(a, b) for a, b in pairs], dim=1)

    def trained_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that training changes (not the frozen backbone's)."""
        return [p for p in self.parameters() if p.requires_grad]


def paper(backbone: Backbone, form: Form = Form.PAPER, input_size: int = 256) -> Almrr:
    """Return the paper's sizes (method.md §1), made for ResNet-50: 15.5 M and 28.4 M trained parameters."""
    return Almrr(backbone, form, PAPER, input_size)


def compact(backbone: Backbone, form: Form = Form.HYBRID, input_size: int = 256) -> Almrr:
    """Return the sizes for CPU stations, made for ResNet-18: under 4 M trained parameters."""
    return Almrr(backbone, form, COMPACT, input_size)


def _means(features: Tensor, repaired: Tensor) -> list[Tensor]:
    """Return the paper's evidence: channel means of F̂ and F."""
    return [repaired.mean(1, keepdim=True), features.mean(1, keepdim=True)]


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    """Return the cosine similarity over channels, (B, 1, M, M); three passes, half of torch's own."""
    norms = (a.square().sum(1, keepdim=True) * b.square().sum(1, keepdim=True)).add(1e-8).sqrt()
    return (a * b).sum(1, keepdim=True) / norms


def upsample(logit: Tensor, size: int) -> Tensor:
    """Bring a map (B, 1, M, M) bilinearly to (B, 1, size, size)."""
    return F.interpolate(logit, size=(size, size), mode="bilinear", align_corners=False)


def anomaly_probability(logit: Tensor, size: int) -> Tensor:
    """Return the paper's map: softmax of the anomaly channel in [0, 1], bilinear to (B, 1, size, size)."""
    return upsample(torch.sigmoid(logit), size)
