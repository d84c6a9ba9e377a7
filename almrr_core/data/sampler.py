"""Normal pictures as training batches: whole pictures, or crops drawn anywhere in the scaled pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from almrr_core.data.samples import Sample, sample_inputs
from almrr_core.data.tiling import layout_of, pad_to
from almrr_core.imaging import crop, read_picture, resize, to_rgb
from almrr_core.types import Geometry, Picture


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Normal model inputs (n, 3, S, S) float32 RGB in 0..1, and the number (n,) int64 of each one's sample."""

    images: Tensor
    owners: Tensor


class NormalPool:
    """All training samples in memory, drawn from with an explicit generator.

    With whole pictures a draw is one of them; with tiles it is a crop of the tile's size at any place of a
    scaled picture (inside the sample's block), so that far more than the grid's tiles are seen. Memory: the
    scaled pictures' bytes, 3·S² each with whole pictures. `weights` say how often samples are drawn (None: with
    whole pictures all alike, with tiles by their area).
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        geometry: Geometry,
        device: torch.device,
        weights: Sequence[float] | None = None,
    ) -> None:
        self.geometry, self.device = geometry, device
        self._chances: Tensor | None = None  # per whole picture
        if geometry.tile is None:
            inputs = [sample_inputs(sample, geometry) for sample in samples]
            self._owners = torch.tensor([i for i, part in enumerate(inputs) for _ in part], device=device)
            self._whole = torch.from_numpy(np.concatenate(inputs)).permute(0, 3, 1, 2).contiguous().to(device)
            if weights is not None:
                self._chances = torch.tensor(weights, dtype=torch.float32, device=device)[self._owners]
        else:
            self._scaled = [_scaled(sample, geometry) for sample in samples]
            areas = [float(picture.shape[0] * picture.shape[1]) for picture in self._scaled]
            self._weights = torch.tensor(areas, device=device)
            if weights is not None:
                self._weights *= torch.tensor(weights, dtype=torch.float32, device=device)

    def sample(self, count: int, generator: torch.Generator) -> Batch:
        """Draw `count` inputs; the generator must be on the pool's device."""
        if self.geometry.tile is None:
            picked = self._picked(count, generator)
            return Batch(self._whole[picked].float().div_(255), self._owners[picked])
        owners = torch.multinomial(self._weights, count, replacement=True, generator=generator)
        places = torch.rand((count, 2), generator=generator, device=self.device).tolist()
        crops = [
            self._crop(self._scaled[owner], *place)
            for owner, place in zip(owners.tolist(), places, strict=True)
        ]
        images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).to(self.device)
        return Batch(images.float().div_(255), owners)

    def _picked(self, count: int, generator: torch.Generator) -> Tensor:
        if self._chances is None:
            return torch.randint(len(self._whole), (count,), generator=generator, device=self.device)
        return torch.multinomial(self._chances, count, replacement=True, generator=generator)

    def survey(self, limit: int, generator: torch.Generator) -> Batch:
        """Return up to `limit` inputs for statistics: every whole picture once, or that many crops."""
        if self.geometry.tile is not None or len(self._whole) > limit:
            return self.sample(limit, generator)
        return Batch(self._whole.float().div_(255), self._owners)

    def _crop(self, picture: Picture, down: float, right: float) -> Picture:
        tile, side = self.geometry.tile or 0, self.geometry.input_size
        top = round(down * (picture.shape[0] - tile))
        left = round(right * (picture.shape[1] - tile))
        part = picture[top : top + tile, left : left + tile]
        return to_rgb(part if tile == side else resize(part, side, side))


def _scaled(sample: Sample, geometry: Geometry) -> Picture:
    """Return the sample's part of its picture, scaled and at least one tile large."""
    inside = replace(geometry, roi=sample.box or geometry.roi)
    picture = crop(read_picture(sample.path, sample.bit_depth), inside.roi)
    layout = layout_of(picture.shape[:2], inside)
    if layout.scaled != layout.size:
        picture = resize(picture, *layout.scaled)
    return pad_to(picture, *layout.tile)
