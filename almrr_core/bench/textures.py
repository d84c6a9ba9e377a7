"""Textures per second of every family, or one picture of them all: `python -m almrr_core.bench.textures`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from almrr_core.data.textures import (
    HELD_OUT_TEXTURES,
    TEXTURE_FAMILIES,
    TEXTURES,
    TextureFamily,
    make_textures,
)
from almrr_core.data.textures.defects import DEFECTS, Defect, plant_defects
from almrr_core.files import write_atomic

CELL, GAP, LABEL, COLUMNS = 112, 6, 15, 6  # the contact sheet: pixels, and cells of two pictures in a row
PAPER, INK = 255, 40  # gray levels
QUALITY = 60  # of a WebP or JPEG sheet: under 250 kB
SURFACES = {  # what each defect is shown on
    "scratch": "brushed",
    "hole": "weave",
    "missing_yarn": "weave",
    "double_yarn": "weave",
    "crack": "concrete",
    "dent": "painted",
    "foreign_texture": "knit",
    "tone": "leather",
}
SURFACE = "twill"  # for those not named above


def main() -> None:
    """Print pictures per second for each family and for the mix, or write the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=1.0, help="per line")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE", help="write all families and defects as .webp, .jpg or .png"
    )
    args = parser.parse_args()
    if args.sheet:
        sheet = np.ascontiguousarray(contact_sheet(args.seed)[..., ::-1])
        write_atomic(args.sheet, cv2.imencode(args.sheet.suffix, sheet, _options(args.sheet))[1].tobytes())
        print(f"{args.sheet}: {args.sheet.stat().st_size // 1000} kB")
        return
    device = torch.device(args.device)
    generator = torch.Generator(device).manual_seed(args.seed)
    print(f"{torch.get_num_threads()} threads, {device}, {args.size}×{args.size}, batches of {args.batch}")
    for family in TEXTURE_FAMILIES:
        work = partial(_made, args.batch, args.size, generator, (family,))
        print(f"{family.name:>16}  {_rate(work, args.seconds):7.0f} textures/s", flush=True)
    work = partial(_made, 8 * args.batch, args.size, generator, TEXTURE_FAMILIES)
    print(f"{'all families':>16}  {_rate(work, 4 * args.seconds):7.0f} textures/s")
    images = work()
    print(f"{'all defects':>16}  {_rate(partial(_planted, images, generator), args.seconds):7.0f} pictures/s")


def _made(n: int, size: int, generator: torch.Generator, families: tuple[TextureFamily, ...]) -> Tensor:
    return make_textures(n, size, generator, generator.device, families).images


def _planted(images: Tensor, generator: torch.Generator) -> Tensor:
    return plant_defects(images, generator).masks


def _options(path: Path) -> list[int]:
    kinds = {".jpg": cv2.IMWRITE_JPEG_QUALITY, ".webp": cv2.IMWRITE_WEBP_QUALITY}
    kind = kinds.get(path.suffix.lower())
    return [] if kind is None else [kind, QUALITY]


def _rate(work: Callable[[], Tensor], seconds: float) -> float:
    """Return pictures per second of `work`, which returns one entry a picture."""
    work()
    pictures, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        made = work()
        pictures += len(made)
        if made.is_cuda:
            torch.cuda.synchronize()
    return pictures / passed


def contact_sheet(seed: int) -> NDArray[np.uint8]:
    """Return (H, W, 3) RGB: two pieces of every texture family, then every defect beside its mask."""
    generator = torch.Generator().manual_seed(seed)
    cells = [_family_cell(family, generator) for family in TEXTURE_FAMILIES]
    cells += [_defect_cell(defect, generator) for defect in DEFECTS]
    blank = np.full_like(cells[0], PAPER)
    cells += [blank] * (-len(cells) % COLUMNS)
    rows = [np.concatenate(cells[k : k + COLUMNS], 1) for k in range(0, len(cells), COLUMNS)]
    return np.pad(np.concatenate(rows), ((GAP, 0), (GAP, 0), (0, 0)), constant_values=PAPER)


def _family_cell(family: TextureFamily, generator: torch.Generator) -> NDArray[np.uint8]:
    made = make_textures(2, CELL, generator, generator.device, (family,), scale=0.75).images
    held_out = "  (held out)" if family in HELD_OUT_TEXTURES else ""
    return _cell(_bytes(made[0]), _bytes(made[1]), family.name + held_out)


def _defect_cell(defect: Defect, generator: torch.Generator) -> NDArray[np.uint8]:
    """Plant into several pieces and show the one whose defect is of middling size."""
    family = TEXTURES[SURFACES.get(defect.name, SURFACE)]
    pieces = make_textures(9, 2 * CELL, generator, generator.device, (family,), scale=0.75).images
    made = plant_defects(pieces, generator, (defect,))
    shown = int(made.masks.sum((1, 2, 3)).argsort()[5])
    mask = _bytes(made.masks[shown].expand(3, -1, -1))
    return _cell(_halved(_bytes(made.images[shown])), _halved(mask), f"defect: {defect.name}")


def _halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, (CELL, CELL), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _bytes(image: Tensor) -> NDArray[np.uint8]:
    return np.ascontiguousarray((image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())


def _cell(left: NDArray[np.uint8], right: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """Return two pictures side by side over their label."""
    cell = np.full((CELL + LABEL + GAP, 2 * CELL + 1 + GAP, 3), PAPER, np.uint8)
    cell[:CELL, :CELL] = left
    cell[:CELL, CELL + 1 : 2 * CELL + 1] = right
    where = (1, CELL + LABEL - 4)
    cv2.putText(cell, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (INK, INK, INK), 1, cv2.LINE_AA)
    return cell


if __name__ == "__main__":
    main()
