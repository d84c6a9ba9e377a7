"""Everything one training works with: model, normals, textures and randomness, built from a job."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from almrr_core.data.folders import find_normals
from almrr_core.data.sampler import NormalPool
from almrr_core.data.samples import Split, sample_inputs, split_normals
from almrr_core.data.textures import FolderTextures, ProceduralTextures, TextureSource
from almrr_core.models.almrr import WIDTHS, Almrr
from almrr_core.models.backbone import Backbone, build_backbone, folded
from almrr_core.models.bundle import round_backbone
from almrr_core.models.weights import find_weights, load_weights, weights_hash
from almrr_core.runtime.engine import resolve_device
from almrr_core.train.job import Progress, Stage, TrainJob


@dataclass(slots=True, eq=False)
class Session:
    """One training's long-lived objects; `held_out` are the frames' tiles, uint8 (n, 3, S, S)
    each; `frozen` is the model's backbone in the form that is fastest to run."""

    job: TrainJob
    device: torch.device
    split: Split
    pool: NormalPool
    held_out: list[Tensor]
    textures: TextureSource
    model: Almrr
    generator: torch.Generator
    frozen: nn.Module
    started: float = field(default_factory=time.monotonic)

    @torch.no_grad()
    def stages(self, images: Tensor) -> list[Tensor]:
        """Return the backbone's stages of images (B, 3, S, S), by its folded form: exact, and faster."""
        found: list[Tensor] = self.frozen(images.contiguous(memory_format=torch.channels_last))
        return [stage.contiguous() for stage in found]

    @property
    def backbone_hash(self) -> str:
        """Return the hash of the frozen backbone's weights."""
        return weights_hash(self.model.backbone)

    @property
    def elapsed(self) -> float:
        """Return the seconds spent, reading the normals and earlier runs of a resumed training included."""
        return time.monotonic() - self.started


def prepare(job: TrainJob, report: Callable[[Progress], None]) -> Session:
    """Read the normals, split them, and build the model on its device.

    Raises what reading, weights and device raise: FOLDER_UNUSABLE, PICTURE_UNREADABLE, TOO_FEW_NORMALS,
    WEIGHTS_MISSING, WEIGHTS_WRONG, DEVICE_MISSING.
    """
    started = time.monotonic()
    device = resolve_device(job.device)
    if device.type == "cuda":  # normals' scores must be those of the CPU; the trained parts use bf16
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    split = split_normals(find_normals(job.data), geometry=job.geometry)
    backbone = _backbone(job, report)
    report(Progress(Stage.READING))
    textures: TextureSource = (
        FolderTextures(job.textures, device) if job.textures else ProceduralTextures(device)
    )
    torch.manual_seed(job.seed)
    model = Almrr(backbone, job.chosen_form, WIDTHS[job.profile], job.geometry.input_size).to(device)
    generator = torch.Generator(device)
    generator.manual_seed(job.seed)
    return Session(
        job,
        device,
        split,
        NormalPool(split.train, job.geometry, device),
        [_channels_first(sample_inputs(sample, job.geometry)) for sample in split.held_out],
        textures,
        model,
        generator,
        folded(model.backbone).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        started,
    )


def _backbone(job: TrainJob, report: Callable[[Progress], None]) -> Backbone:
    def downloaded(done: int, total: int) -> None:
        report(Progress(Stage.DOWNLOADING, fraction=done / total if total else 0.0))

    if job.backbone_seed is not None:
        backbone = build_backbone(job.chosen_backbone, seed=job.backbone_seed)
    else:
        backbone = build_backbone(job.chosen_backbone)
        load_weights(backbone, find_weights(job.chosen_backbone, job.weights, downloaded))
    round_backbone(backbone)  # what is judged with later is what is trained with
    return backbone


def packs(job: TrainJob) -> bool:
    """Return whether the bundle carries its backbone: asked for, or it exists nowhere else."""
    return job.pack_backbone or job.backbone_seed is not None


def _channels_first(inputs: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    return torch.from_numpy(inputs).permute(0, 3, 1, 2).contiguous()
