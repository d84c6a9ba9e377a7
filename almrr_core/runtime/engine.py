"""What the line calls: THE border between numpy and torch.

In: pictures as numpy uint8 in [0, 255], gray (H, W) or RGB (H, W, 3), and tiles (n, S, S, 3) RGB. Out: raw
logit differences as numpy float32, higher is worse, never clamped. No tensor leaves this module.
"""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from almrr_core.data.tiling import blend, cut
from almrr_core.errors import ErrorCode, StationError
from almrr_core.judge import frame_score
from almrr_core.models.almrr import Almrr, upsample
from almrr_core.models.bundle import Golden, build_model, read_bundle
from almrr_core.models.card import Card, damaged
from almrr_core.runtime.fused import fuse
from almrr_core.types import Geometry, Inspection, Limits, Picture, ScoreMap

STRIDE = 4  # picture pixels of the model's input per pixel of its logits
CHUNK = 8  # tiles at a time: bounds the memory of the model's intermediate values
TOLERANCE = 1e-3  # absolute plus relative, in logits (design.md §6.6)


class Engine:
    """One loaded bundle. After `load` it is only read, so several threads may inspect at once."""

    def __init__(
        self,
        card: Card,
        network: nn.Module,
        golden: Golden,
        device: torch.device,
        geometry: Geometry | None = None,
    ) -> None:
        self.card, self.geometry = card, geometry or card.geometry
        self._network, self._golden, self._device = network, golden, device

    @classmethod
    def load(
        cls, folder: Path, device: str = "auto", weights: Path | None = None, verify: bool = True
    ) -> Engine:
        """Load a bundle in its fused form; with `verify` it must reproduce its golden logits.

        `device`: auto, cpu or cuda; `weights`: where an unpacked backbone's weights are. Raises
        BUNDLE_DAMAGED naming the largest difference, DEVICE_MISSING, what `read_bundle` and `build_model`
        raise. On CUDA it turns TF32 off for the process: scores must be those of the CPU.
        """
        place = resolve_device(device)
        stored = read_bundle(folder)
        network = fuse(build_model(stored, weights)).to(place)
        if place.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        engine = cls(stored.card, network, stored.golden, place)
        if verify:
            engine._verify(folder)
        return engine

    @property
    def limits(self) -> Limits:
        """The limits the bundle was calibrated to; a recipe may hold others."""
        return self.card.limits

    @property
    def seal(self) -> str:
        """The SHA-256 that names the bundle, for the log."""
        return self.card.seal

    def fitted(self, geometry: Geometry) -> Engine:
        """Return the same model for a recipe's geometry; only the region of interest may be another.

        Both share the network. Raises GEOMETRY_MISMATCH for anything else that differs from the bundle's.
        """
        if replace(geometry, roi=None) != replace(self.card.geometry, roi=None):
            raise StationError(
                ErrorCode.GEOMETRY_MISMATCH,
                "The recipe's geometry is not the one the model was trained and calibrated with.",
                "Choose a model that was trained for this recipe, or make a new recipe from the model.",
            )
        return Engine(self.card, self._network, self._golden, self._device, geometry)

    @property
    def device(self) -> str:
        """Where it runs: cpu or cuda."""
        return self._device.type

    def maps(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the raw logit differences (n, S, S) float32 of tiles (n, S, S, 3) uint8 RGB.

        S is the card's input size; bilinear from the model's S/4. Raises BAD_ARGUMENT and OUT_OF_MEMORY.
        """
        side = self.card.geometry.input_size
        if tiles.dtype != np.uint8 or tiles.shape[1:] != (side, side, 3):
            raise _refused(tiles, f"tiles of {side} x {side} RGB pixels in 8 bits")
        out = np.empty(tiles.shape[:3], np.float32)
        for start in range(0, len(tiles), CHUNK):
            chunk = slice(start, start + CHUNK)
            (out[chunk],) = self._run(tiles[chunk], side)
        return out

    def inspect(self, picture: Picture) -> Inspection:
        """Return maps (`score_map` at the size of the picture or its region of interest), score and time.

        `picture`: (H, W) gray or (H, W, 3) RGB uint8 of any size. The score is the largest over its tiles.
        Raises BAD_ARGUMENT, GEOMETRY_MISMATCH, SCORE_INVALID, OUT_OF_MEMORY.
        """
        start = time.perf_counter()
        wrong = picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3)
        if picture.dtype != np.uint8 or wrong or picture.size == 0:
            raise _refused(picture, "a gray or RGB picture in 8 bits")
        tiles, layout = cut(picture, self.geometry)
        if self.geometry.tile is None:
            logits, maps = self._run(tiles, None, self.geometry.input_size)
            score_map, model_map = blend(maps, layout), logits[0]
        else:
            maps = self.maps(tiles)
            score_map = blend(maps, layout)
            model_map = _reduced(score_map, self.geometry)
        score = max(frame_score(one) for one in maps)
        return Inspection(score_map, score, (time.perf_counter() - start) * 1e3, model_map)

    def golden_difference(self) -> float:
        """Return the largest absolute difference from the golden logits; NaN where a logit is NaN."""
        return float(np.abs(self._golden_logits() - self._golden.logits).max())

    def _golden_logits(self) -> NDArray[np.float32]:
        pictures = self._golden.pictures
        parts = [self._run(pictures[i : i + CHUNK], None) for i in range(0, len(pictures), CHUNK)]
        return np.concatenate([logits for (logits,) in parts])

    def _verify(self, folder: Path) -> None:
        wanted = self._golden.logits
        difference = np.abs(self._golden_logits() - wanted)
        if not (difference <= TOLERANCE * (1 + np.abs(wanted))).all():  # NaN fails too
            what = f"its golden pictures give other scores, by up to {difference.max():.3g}"
            raise damaged(folder, what)

    def _run(self, pictures: NDArray[np.uint8], *sides: int | None) -> list[NDArray[np.float32]]:
        """Return logit differences (n, side, side) for each of the sides; None is the model's own M."""
        try:
            with torch.inference_mode():
                logit = self._network(images_of(pictures, self._device))
                sized = [logit if side is None else upsample(logit, side) for side in sides]
                return [np.asarray(one[:, 0].cpu().numpy()) for one in sized]
        except torch.OutOfMemoryError as error:
            raise StationError(
                ErrorCode.OUT_OF_MEMORY,
                f"The memory of {self._device} is not enough for this model.",
                "Close other programs that use the GPU, or inspect on the CPU.",
            ) from error


def resolve_device(name: str) -> torch.device:
    """Return the device for auto, cpu or cuda; raises DEVICE_MISSING and BAD_ARGUMENT."""
    if name not in ("auto", "cpu", "cuda"):
        raise StationError(
            ErrorCode.BAD_ARGUMENT, f"There is no device {name!r}.", "Choose auto, cpu or cuda."
        )
    present = name != "cpu" and torch.cuda.is_available()
    if name == "cuda" and not present:
        raise StationError(
            ErrorCode.DEVICE_MISSING,
            "There is no CUDA device that torch can use here.",
            "Choose the device cpu, or install the NVIDIA driver and torch's CUDA build.",
        )
    return torch.device("cuda" if present else "cpu")


def images_of(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Return pictures (n, S, S, 3) uint8 RGB as the model's images (n, 3, S, S) float32 in 0..1."""
    writable = np.require(pictures, requirements=["C", "W"])  # torch warns of frames that are read-only
    return torch.from_numpy(writable).to(device).permute(0, 3, 1, 2).float() / 255


@torch.inference_mode()
def golden_of(model: Almrr, pictures: NDArray[np.uint8]) -> Golden:
    """Return the pictures (n, S, S, 3) uint8 RGB with the logits of the plain model, made on the CPU.

    The model is already rounded (`bundle.round_to_stored`); it is left as it was.
    """
    twin = copy.deepcopy(model).cpu().eval()  # on the CPU nothing rounds to TF32
    device = torch.device("cpu")
    chunks = [pictures[i : i + CHUNK] for i in range(0, len(pictures), CHUNK)]
    logits = [twin(images_of(chunk, device))[:, 0].numpy() for chunk in chunks]
    return Golden(pictures, np.concatenate(logits))


def _reduced(score_map: ScoreMap, geometry: Geometry) -> ScoreMap:
    """Return the blended map of tiles at the model's resolution, by area; as it is where that is finer."""
    step = STRIDE * (geometry.tile or geometry.input_size) / (geometry.input_size * geometry.scale)
    height, width = (max(1, round(length / max(step, 1))) for length in score_map.shape)
    return np.asarray(cv2.resize(score_map, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _refused(array: NDArray[np.generic], wanted: str) -> StationError:
    return StationError(
        ErrorCode.BAD_ARGUMENT,
        f"The engine got an array of shape {array.shape} and type {array.dtype}; it takes {wanted}.",
        "Convert the picture first.",
    )
