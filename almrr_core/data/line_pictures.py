"""Endless pictures for a simulated camera over a moving line: a web of material, or tiles on a belt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from almrr_core.data.fields import Dice
from almrr_core.data.textures.camera import expose
from almrr_core.data.textures.canvas import Canvas
from almrr_core.data.textures.catalogue import TEXTURES
from almrr_core.data.textures.defects import DEFECTS, plant_defects
from almrr_core.errors import ErrorCode, StationError
from almrr_core.types import Picture

GOOD = "good"
STRETCHES = 8  # of the web that are kept; then it begins again, elsewhere and turned about
WANDER = 48  # pixels that a stretch is larger than a picture: no pass shows quite the same
PATCH = 320  # pixels: the largest square a defect is planted in
TRIES = 4
LEAST_AREA, LEAST_CHANGE = 60 / 256**2, 8 / 255  # share of the picture's short side squared; mean change
NOISE = 1.6  # gray levels of sensor noise
MARGIN = 32  # pixels that the noise is larger than the picture, so that it never repeats in place


@dataclass(frozen=True, slots=True)
class Surface:
    """A material for the line: a texture family, the seed of its style, how large it is seen, its defects.

    `zoom` 1 shows in the picture's short side what a 256×256 texture shows. `tile`: single pieces on a belt.
    """

    family: str
    style: int
    zoom: float
    kinds: tuple[str, ...]
    tile: bool = False


_SOLID = ("scratch", "stain", "hole", "crack", "dent", "stray_fibre", "foreign_texture", "tone")
_KNITTED = ("stain", "hole", "stray_fibre", "foreign_texture", "tone")
_WOVEN = (*_KNITTED, "missing_yarn", "double_yarn", "orientation")
SURFACES: dict[str, Surface] = {
    "weave": Surface("weave", 2, 0.7, _WOVEN),
    "twill": Surface("twill", 2, 0.7, _WOVEN),
    "herringbone": Surface("herringbone", 11, 0.8, _WOVEN[:-1]),
    "knit": Surface("knit", 4, 0.7, _KNITTED),
    "fleece": Surface("fleece", 2, 0.8, _KNITTED),
    "leather": Surface("leather", 10, 0.7, ("scratch", "stain", "hole", "crack", "dent", "tone")),
    "wood": Surface("wood", 2, 0.9, _SOLID),
    "brushed": Surface("brushed", 2, 0.9, (*_SOLID, "orientation")),
    "tile": Surface("terrazzo", 3, 0.6, _SOLID, tile=True),
}


class LinePictures:
    """The pictures of a simulated line: index → (picture (H, W, 3) RGB uint8 read-only, what is wrong).

    `surface` is a name in SURFACES, `size` (height, width) in pixels, `defect_rate` the share of parts with
    one defect, `kinds` the names of the defects (all that suit the surface when empty), `seed` another roll
    of the same material. The truth is "good" or the defect's name. The same index always gives the same
    picture. A picture takes 10 to 40 ms; each of the first STRETCHES also paints its stretch of material, up
    to a second or so (10 MB stay). Calls may come from any thread. Raises BAD_ARGUMENT for what cannot be made.
    """

    def __init__(
        self, surface: str, size: tuple[int, int], defect_rate: float, kinds: tuple[str, ...], seed: int
    ) -> None:
        known = {defect.name for defect in DEFECTS}
        if surface not in SURFACES or not known.issuperset(kinds):
            wanted = surface if surface not in SURFACES else ", ".join(sorted(set(kinds) - known))
            raise StationError(
                ErrorCode.BAD_ARGUMENT,
                f"The simulated line has no {wanted}.",
                f"Surfaces are {', '.join(SURFACES)}; defects are {', '.join(sorted(known))}.",
            )
        if not 0 <= defect_rate <= 1 or min(size) < 64:
            raise StationError(
                ErrorCode.BAD_ARGUMENT,
                f"The simulated line cannot make {size[1]}×{size[0]} pixels at a defect rate of {defect_rate}.",
                "Use at least 64×64 pixels and a rate in 0..1.",
            )
        self._surface = SURFACES[surface]
        self._height, self._width = size
        self._rate = defect_rate
        self._kinds = tuple(kinds) or self._surface.kinds
        self._seed = seed % 2**31
        self._lock = Lock()
        self._stock: _Stock | None = None

    def __call__(self, index: int) -> tuple[Picture, str]:
        """Return the picture of part `index` (0 and up) and its truth."""
        with self._lock:
            if self._stock is None:
                self._stock = _Stock.make(self._surface, self._height, self._width, self._seed)
            self._stock.paint_for(index)
        dice = np.random.default_rng((self._seed, index))
        truth = str(dice.choice(self._kinds)) if dice.random() < self._rate else GOOD
        piece = self._stock.piece(index, dice)
        if truth != GOOD:
            _plant(piece, truth, dice)
        picture = self._stock.photograph(piece, dice)
        picture.flags.writeable = False
        return picture, truth


@dataclass(frozen=True, slots=True, eq=False)
class _Stock:
    """What pictures are cut from: stretches of the web and, for tiles, the belt, all (H, W, 3) uint8.

    `web` grows from its first stretch to its last, so that the same seed gives the same web.

    `light` (H, W, 1) is the exposure of each pixel, `noise` (H + MARGIN, W + MARGIN, 1) is in gray levels.
    """

    height: int
    width: int
    paint: Callable[[], Picture]  # the next stretch
    web: list[Picture]
    belt: Picture | None
    light: NDArray[np.float32]
    noise: NDArray[np.int16]

    @classmethod
    def make(cls, surface: Surface, height: int, width: int, seed: int) -> _Stock:
        """Lay out a web in the same style for every seed, and paint the belt."""
        dice = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)
        unit = min(height, width) / 256 * surface.zoom
        side = (round(0.82 * min(height, width)),) * 2 if surface.tile else (height, width)
        canvas = Canvas(side[0] + WANDER, side[1] + WANDER, unit)
        paint = partial(_paint, surface.family, surface.style, dice[0], canvas)
        belt = _paint("felt", 5, dice[1], Canvas(2 * height, width, unit)) if surface.tile else None
        y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
        light = 1.03 - 0.07 * x - 0.03 * y - 0.06 * (x * x + y * y)
        grain = np.random.default_rng(seed).normal(0, NOISE, (height + MARGIN, width + MARGIN, 1))
        noise = grain.round().astype(np.int16)
        return cls(height, width, paint, [], belt, light[..., None].astype(np.float32), noise)

    def paint_for(self, index: int) -> None:
        """Paint the web as far as part `index` needs it."""
        while len(self.web) <= index % STRETCHES:
            self.web.append(self.paint())

    def piece(self, index: int, dice: np.random.Generator) -> Picture:
        """Return the material of part `index` as it comes: the next stretch of the web."""
        lap, number = divmod(index, STRETCHES)
        stretch = self.web[number][::-1, ::-1] if lap % 2 else self.web[number]
        down, right = dice.integers(0, WANDER + 1, 2)
        height, width = stretch.shape[0] - WANDER, stretch.shape[1] - WANDER
        return stretch[down : down + height, right : right + width].copy()

    def photograph(self, piece: Picture, dice: np.random.Generator) -> Picture:
        """Return the camera's picture of a piece: placed on the belt if it's a tile, lit, with noise."""
        scene = piece if self.belt is None else self._on_belt(piece, self.belt, dice)
        down, right = dice.integers(0, MARGIN, 2)
        noise = self.noise[down : down + self.height, right : right + self.width]
        lit = scene * (self.light * np.float32(1 + 0.008 * dice.standard_normal())) + noise
        return np.clip(lit, 0, 255, out=lit).astype(np.uint8)

    def _on_belt(self, tile: Picture, belt: Picture, dice: np.random.Generator) -> Picture:
        """Lay a tile with ground edges on the belt, a little turned and shifted, its shadow beside it."""
        side = tile.shape[0]
        edge = np.minimum(np.arange(side), np.arange(side)[::-1])
        edge = np.minimum.outer(edge, edge)
        bevel = np.clip(edge / (0.02 * side), 0, 1)[..., None]
        shaded = (tile * (0.72 + 0.28 * bevel)).astype(np.uint8)
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), float(dice.normal(0, 0.7)), 1.0)
        place = np.array([self.width - side, self.height - side]) / 2 + dice.normal(0, 0.008 * side, 2)
        turn = turn + np.array([[0, 0, place[0]], [0, 0, place[1]]])
        size = (self.width, self.height)
        placed = cv2.warpAffine(shaded, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.warpAffine(np.full((side, side), 255, np.uint8), turn, size)
        shadow = cv2.blur(np.roll(cover, (6, 5), (0, 1)), (15, 15))
        start = int(dice.integers(0, self.height))
        below = belt[start : start + self.height] * (1 - shadow[..., None] * np.float32(0.6 / 255))
        share = cover[..., None] * np.float32(1 / 255)
        mixed = below + share * (placed - below)
        return np.asarray(mixed, dtype=np.float32).astype(np.uint8)


@torch.no_grad()
def _paint(family: str, style: int, generator: torch.Generator, canvas: Canvas) -> Picture:
    look = Dice(1, torch.Generator().manual_seed(style))
    painted = expose(TEXTURES[family].paint(look, Dice(1, generator), canvas), look)[0]
    return np.ascontiguousarray((painted * 255).round_().to(torch.uint8).permute(1, 2, 0).numpy())


@torch.no_grad()
def _plant(piece: Picture, kind: str, dice: np.random.Generator) -> None:
    """Plant a defect of `kind` into a square somewhere in the piece; drawn again while too faint to see."""
    height, width = piece.shape[:2]
    side = min(height, width, PATCH)
    defect = next(defect for defect in DEFECTS if defect.name == kind)
    best, strength = piece[:side, :side], -1.0
    for _ in range(TRIES):
        top, left = int(dice.integers(0, height - side + 1)), int(dice.integers(0, width - side + 1))
        part = piece[top : top + side, left : left + side]
        clean = torch.from_numpy(part).permute(2, 0, 1).unsqueeze(0).float() / 255
        made = plant_defects(clean, torch.Generator().manual_seed(int(dice.integers(2**62))), (defect,))
        area = float(made.masks.sum())
        change = float(((made.images - clean).abs().amax(1, keepdim=True) * made.masks).sum()) / area
        seen = min(area / (LEAST_AREA * min(height, width) ** 2), change / LEAST_CHANGE)
        if seen > strength:
            best, strength = part, seen
            spoiled = (made.images[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        if seen >= 1:
            break
    best[:] = spoiled
