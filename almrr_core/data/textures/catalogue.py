"""All texture families, and pictures of them: the one place where textures are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from almrr_core.data.fields import Dice, unit
from almrr_core.data.textures import cells, fibres, metal, stone, waves, woven
from almrr_core.data.textures.camera import expose, photograph
from almrr_core.data.textures.canvas import Canvas, TextureFamily
from almrr_core.errors import ErrorCode, StationError

TEXTURE_FAMILIES: tuple[TextureFamily, ...] = (
    *woven.FAMILIES,
    *fibres.FAMILIES,
    *cells.FAMILIES,
    *stone.FAMILIES,
    *metal.FAMILIES,
    *waves.FAMILIES,
)
TEXTURES: dict[str, TextureFamily] = {family.name: family for family in TEXTURE_FAMILIES}
HELD_OUT_TEXTURES: tuple[TextureFamily, ...] = tuple(
    TEXTURES[name]
    for name in ("herringbone", "knit", "felt", "leather", "terrazzo", "wood", "ground", "tread", "spots")
)
"""Families that no pre-training uses: recipes are compared on them."""


@dataclass(frozen=True, slots=True, eq=False)
class Textures:
    """Generated textures: images (n, 3, S, S) float32 in 0..1, families (n,) int64.

    `families` is the index into the families they were drawn from.
    """

    images: Tensor
    families: Tensor


@torch.no_grad()
def make_textures(
    n: int,
    size: int,
    generator: torch.Generator,
    device: torch.device,
    families: Sequence[TextureFamily] = TEXTURE_FAMILIES,
    *,
    alike: bool = False,
    camera: bool = True,
    scale: float | None = None,
) -> Textures:
    """Return `n` textures of `families`, evenly drawn, gray or coloured, on the generator's `device`.

    With `alike` all are pieces of one surface: one family, the same parameters, other yarns or grains.
    `camera` photographs them: light, blur, noise, compression. Lengths grow with the picture; `scale`
    fixes them instead: the pixels that a pixel of a 256×256 picture takes.
    """
    canvas = Canvas(size, size, unit(size) if scale is None else scale)
    chosen = Dice(n, generator).choice(len(families))
    if alike:
        chosen = chosen[:1].expand(n)
    images = torch.empty(n, 3, size, size, device=device)
    for number, family in enumerate(families):
        where = (chosen == number).nonzero().squeeze(1)
        if len(where):
            style, dice = Dice(1 if alike else len(where), generator), Dice(len(where), generator)
            painted = expose(family.paint(style, dice, canvas), style)
            images[where] = photograph(painted, style, dice, canvas) if camera else painted
    return Textures(images, chosen)


def procedural_textures(
    n: int,
    size: int,
    generator: torch.Generator,
    device: torch.device,
    family: str | None = None,
    *,
    alike: bool = False,
) -> Tensor:
    """Return `n` textures (n, 3, size, size) float32 in 0..1 as the generator paints them, no camera.

    `family` is a name in TEXTURES; None mixes all. With `alike` all are pieces of one surface. Raises
    BAD_ARGUMENT for another name.
    """
    if family is not None and family not in TEXTURES:
        raise StationError(
            ErrorCode.BAD_ARGUMENT,
            f"There is no texture family {family!r}.",
            f"Use one of {', '.join(TEXTURES)}.",
        )
    families = (TEXTURES[family],) if family else TEXTURE_FAMILIES
    return make_textures(n, size, generator, device, families, alike=alike, camera=False).images
