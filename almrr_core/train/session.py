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
from almrr_core.data.samples import Sample, Split, sample_inputs, split_normals
from almrr_core.data.textures import FolderTextures, ProceduralTextures, TextureSource
from almrr_core.errors import ErrorCode, StationError
from almrr_core.models.almrr import WIDTHS, Almrr
from almrr_core.models.backbone import SHADE, Backbone, build_backbone, folded, restaged
from almrr_core.models.bundle import BACKBONE, Card, build_model, read_bundle, round_backbone
from almrr_core.models.weights import find_weights, load_weights, weights_hash
from almrr_core.runtime.engine import resolve_device
from almrr_core.train.job import Progress, Stage, TrainJob

STAGES = (1, 2, 3)  # of the backbone that are used
NEW_SHARE = 0.5  # of what a warm start draws, at least: pictures that its parent was not trained on


@dataclass(slots=True, eq=False)
class Session:
    """One training's long-lived objects; `held_out` are the frames' tiles, uint8 (n, 3, S, S)
    each; `frozen` is the model's backbone in the form that is fastest to run; `parent` the card of the bundle
    that the job names."""

    job: TrainJob
    device: torch.device
    split: Split
    pool: NormalPool
    held_out: list[Tensor]
    textures: TextureSource
    model: Almrr
    generator: torch.Generator
    frozen: nn.Module
    parent: Card | None = None
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
    def packs(self) -> bool:
        """Return whether the bundle carries its backbone: as its parent does, or as the job says."""
        inherited = self.parent is not None and BACKBONE in self.parent.files
        return inherited or self.job.packs(self.model.backbone.name)

    @property
    def elapsed(self) -> float:
        """Return the seconds spent, reading the normals and earlier runs of a resumed training included."""
        return time.monotonic() - self.started


def prepare(job: TrainJob, report: Callable[[Progress], None]) -> Session:
    """Read the normals, split them, and build the model on its device.

    Raises what reading, weights and device raise: FOLDER_UNUSABLE, PICTURE_UNREADABLE, TOO_FEW_NORMALS,
    WEIGHTS_MISSING, WEIGHTS_WRONG, DEVICE_MISSING; of a parent what `read_bundle` does, GEOMETRY_MISMATCH and
    BAD_ARGUMENT.
    """
    started = time.monotonic()
    device = resolve_device(job.device)
    if device.type == "cuda":  # normals' scores must be those of the CPU; the trained parts use bf16
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    report(Progress(Stage.READING))
    split = _split(job)
    before, parent = _parent(job)
    stages = _stages(job, parent)
    if before is None:
        backbone = _backbone(job, stages, report)
    else:
        backbone = before.backbone if job.warm else restaged(before.backbone, stages)
    report(Progress(Stage.READING))
    textures: TextureSource = (
        FolderTextures(job.textures, device) if job.textures else ProceduralTextures(device)
    )
    torch.manual_seed(job.seed)
    if before is None or not job.warm:
        widths = WIDTHS[job.profile] if before is None else before.widths
        before = Almrr(backbone, job.chosen_form, widths, job.geometry.input_size)
    model = before.to(device)
    generator = torch.Generator(device)
    generator.manual_seed(job.seed)
    return Session(
        job,
        device,
        split,
        NormalPool(
            split.train, job.geometry, device, _replay_weights(split.train, parent if job.warm else None)
        ),
        [_channels_first(sample_inputs(sample, job.geometry)) for sample in split.held_out],
        textures,
        model,
        generator,
        folded(model.backbone).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        parent,
        started,
    )


def _split(job: TrainJob) -> Split:
    if job.normals:
        return Split(job.normals, job.held_out)
    return split_normals(find_normals(job.data), geometry=job.geometry, bit_depth=job.bit_depth)


def _parent(job: TrainJob) -> tuple[Almrr | None, Card | None]:
    """Return the model and the card of the bundle to go on from, None where the job names none."""
    if job.parent is None:
        return None, None
    stored = read_bundle(job.parent)
    unlike = job.warm and job.shade not in (None, stored.card.shade)
    other = unlike or stored.card.form is not job.chosen_form
    if other or stored.card.geometry.input_size != job.geometry.input_size:
        raise StationError(
            ErrorCode.GEOMETRY_MISMATCH,
            f"The training cannot go on from {job.parent}: it differs in form, input size or shade.",
            "Train without a parent, or name a model of the same kind.",
        )
    return build_model(stored, job.weights), stored.card


def _stages(job: TrainJob, parent: Card | None) -> tuple[int, ...]:
    """Return the stages of the new model: its parent's, but that SHADE comes or goes as the job says."""
    if parent is None:
        return (SHADE,) * job.chosen_shade + STAGES
    shade = parent.shade if job.shade is None else job.shade
    return (SHADE,) * shade + tuple(stage for stage in parent.stages if stage != SHADE)


def _replay_weights(samples: tuple[Sample, ...], parent: Card | None) -> list[float] | None:
    """Return how often each sample is drawn, so that new ones make up NEW_SHARE; None: all alike."""
    known = set(parent.training_files) if parent is not None else set()
    old = [sample.sha256 in known for sample in samples]
    share = 1 - sum(old) / len(old)
    if share in (0.0, 1.0) or share >= NEW_SHARE:
        return None
    return [(1 - NEW_SHARE) / sum(old) if was else NEW_SHARE / (len(old) - sum(old)) for was in old]


def _backbone(job: TrainJob, stages: tuple[int, ...], report: Callable[[Progress], None]) -> Backbone:
    def downloaded(done: int, total: int) -> None:
        report(Progress(Stage.DOWNLOADING, fraction=done / total if total else 0.0))

    if job.backbone_seed is not None:
        backbone = build_backbone(job.chosen_backbone, stages, job.backbone_seed)
    else:
        backbone = build_backbone(job.chosen_backbone, stages)
        load_weights(backbone, find_weights(job.chosen_backbone, job.weights, downloaded))
    round_backbone(backbone)  # what is judged with later is what is trained with
    return backbone


def _channels_first(inputs: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    return torch.from_numpy(inputs).permute(0, 3, 1, 2).contiguous()
