"""Pictures from files to model inputs and back to the screen: THE preprocessing of training and line.

Files are read as bytes and decoded from memory, so any path the system can hold works. Sizes and
wholeness are checked in the file first: OpenCV fills up a cut one, a forged size takes all memory.
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from struct import calcsize, unpack_from
from struct import error as StructError
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import write_atomic
from almrr_core.types import Box, Geometry, Limits, Mask, Picture, ScoreMap

MAX_PIXELS = 200_000_000
VERMILION = (0xD5, 0x5E, 0x00)  # RGB, Okabe-Ito; the colour of FAIL

_MAX_BYTES = 8 * MAX_PIXELS  # 16-bit RGBA without compression
_DEPTH_AND_GRAY_AS_STORED = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR  # drops alpha, applies EXIF rotation
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")  # neither stuffing nor a restart

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # faults are StationErrors


def read_picture(path: Path, bit_depth: int | None = None) -> Picture:
    """Read a PNG, JPEG, TIFF (first page), BMP or WebP file.

    Returns (H, W) uint8 where the file is gray, else (H, W, 3) uint8 RGB; contiguous, writable,
    EXIF rotation applied, alpha dropped (colours as stored). 16-bit files are shifted right by
    `bit_depth - 8` (8..16, default 16) and saturated, never scaled per picture; 8-bit files stay.
    Raises PICTURE_UNREADABLE for what is missing, not such a picture, cut short, damaged, without
    pixels or over MAX_PIXELS; BAD_ARGUMENT for the bit depth.
    """
    shift = (16 if bit_depth is None else bit_depth) - 8
    if not 0 <= shift <= 8:
        raise StationError(ErrorCode.BAD_ARGUMENT, f"A bit depth of {bit_depth} is not between 8 and 16.")
    try:
        data = _read_bytes(path)
        _check_header(data)
        return _to_eight_bit(_decode(data), shift)
    except (StructError, OverflowError) as error:  # the structure points beyond the end
        raise _unreadable(path, "is cut short") from error
    except FileNotFoundError as error:
        raise _unreadable(path, "does not exist") from error
    except OSError as error:
        raise _unreadable(path, f"cannot be read ({error.strerror or error})") from error
    except (ValueError, MemoryError) as error:
        raise _unreadable(path, str(error) or "does not fit into memory") from error


def _unreadable(path: Path, reason: str) -> StationError:
    # A name may hold line breaks or bytes that are no text: the sentence stays one printable line.
    name = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path))
    return StationError(
        ErrorCode.PICTURE_UNREADABLE,
        f"The picture {name} {reason}.",
        "Give a whole PNG, JPEG, TIFF, BMP or WebP picture with 8 or 16 bit and at most 200 megapixels.",
        path=str(path),
        reason=reason,
    )


def _read_bytes(path: Path) -> bytes:
    name = _long_name(str(path))
    status = os.stat(name)
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("is a folder")
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
        raise ValueError("is not a file")
    if status.st_size == 0:
        raise ValueError("is empty")
    if status.st_size > _MAX_BYTES:
        raise ValueError("is larger than any picture of 200 megapixels")
    with open(name, "rb") as stream:
        return stream.read()


def _long_name(name: str) -> str:
    r"""Windows takes more than 260 characters only with the prefix \\?\."""
    if os.name != "nt" or len(name) < 240 or name.startswith("\\\\?\\"):
        return name
    whole = os.path.abspath(name)
    return "\\\\?\\" + ("UNC" + whole[1:] if whole.startswith("\\\\") else whole)


def _decode(data: bytes) -> NDArray[Any]:
    """Return the stored depth: (H, W) or (H, W, 3) RGB."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _DEPTH_AND_GRAY_AS_STORED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ValueError("is damaged or of a kind that cannot be decoded")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"holds {pixels.dtype} values, not 8 or 16 bit")
    if pixels.ndim == 3 and data.startswith(b"\x89PNG") and data[25] == 4:
        return np.ascontiguousarray(pixels[..., 0])  # gray with alpha arrives as three equal channels
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if pixels.ndim == 3 else pixels


def _to_eight_bit(pixels: NDArray[Any], shift: int) -> Picture:
    if pixels.dtype == np.uint16:
        pixels = np.minimum(pixels >> shift, 255)
    return pixels.astype(np.uint8, copy=False)


def _check_header(data: bytes) -> None:
    """Raise ValueError or StructError unless the file is whole and has a size that can be decoded."""
    reader = next((reader for signature, reader in _READERS if signature.match(data)), None)
    if reader is None:
        raise ValueError("is not a PNG, JPEG, TIFF, BMP or WebP picture")
    width, height = reader(data)
    if width <= 0 or height <= 0:
        raise ValueError("has no pixels")
    if width * height > MAX_PIXELS:
        raise ValueError(f"has {width} x {height} pixels, more than 200 megapixels")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    size, at = (0, 0), 2
    while found := _JPEG_MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker == 0xD9:  # end of image
            return size
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame header, no table
            height, width = unpack_from(">HH", data, at + 3)
            size = (width, height)
        at += unpack_from(">H", data, at)[0]
    raise ValueError("is cut short")


def _png_size(data: bytes) -> tuple[int, int]:
    view, at, kind = memoryview(data), 8, b""
    while kind != b"IEND":
        length, kind = unpack_from(">I4s", data, at)
        end = at + 8 + length
        if zlib.crc32(view[at + 4 : end]) != unpack_from(">I", data, end)[0]:
            raise ValueError("is damaged (a checksum is wrong)")
        at = end + 4
    width, height = unpack_from(">II", data, 16)  # IHDR is always first
    return width, height


def _bmp_size(data: bytes) -> tuple[int, int]:
    offset, header = unpack_from("<II", data, 10)
    if header == 12:
        width, height, _, bits = unpack_from("<HHHH", data, 18)
        packing, stored = 0, 0
    else:
        width, height, _, bits, packing, stored = unpack_from("<iiHHII", data, 18)
    if packing in (0, 3, 6):  # not run-length coded
        stored = (bits * width + 31) // 32 * 4 * abs(height)
    if offset + stored > len(data):
        raise ValueError("is cut short")
    return width, abs(height)  # negative: stored from the top


def _webp_size(data: bytes) -> tuple[int, int]:
    if 8 + unpack_from("<I", data, 4)[0] > len(data):
        raise ValueError("is cut short")
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _tiff_size(data: bytes) -> tuple[int, int]:
    tags = _tiff_tags(data)
    starts = tags.get(273) or tags.get(324) or (0,)  # strips or tiles
    lengths = tags.get(279) or tags.get(325) or (0,) * len(starts)
    if any(start + length > len(data) for start, length in zip(starts, lengths, strict=False)):
        raise ValueError("is cut short")
    return (tags.get(256) or (0,))[0], (tags.get(257) or (0,))[0]


def _tiff_tags(data: bytes) -> dict[int, tuple[int, ...]]:
    """Return the whole-number tags of the first page, of classic TIFF and BigTIFF."""
    order, version = ("<", data[2]) if data[:2] == b"II" else (">", data[3])
    few, word, first, room = ("Q", "Q", 8, 8) if version == 43 else ("H", "I", 4, 4)
    (at,) = unpack_from(order + word, data, first)
    (count,) = unpack_from(order + few, data, at)
    at, entry = at + calcsize("=" + few), 4 + 2 * room
    tags = {}
    for position in range(at, at + min(count, 65535) * entry, entry):
        tag, kind, number = unpack_from(f"{order}HH{word}", data, position)
        if letter := {3: "H", 4: "I", 16: "Q"}.get(kind):
            value = position + 4 + room
            if number * calcsize("=" + letter) > room:
                (value,) = unpack_from(order + word, data, value)
            tags[tag] = unpack_from(f"{order}{number}{letter}", data, value)
    return tags


_READERS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], tuple[int, int]]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _jpeg_size),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _png_size),
    (re.compile(rb"BM"), _bmp_size),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp_size),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), _tiff_size),
)


def write_png(path: Path, array: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write (H, W) gray or (H, W, 3) RGB as PNG, whole or not at all; raises WRITE_FAILED."""
    stored = cv2.cvtColor(array, cv2.COLOR_RGB2BGR) if array.ndim == 3 else array
    write_atomic(path, cv2.imencode(".png", stored)[1].tobytes())


def crop(picture: Picture, roi: Box | None) -> Picture:
    """Return a view of the region of interest, or the picture; GEOMETRY_MISMATCH if it is not inside."""
    if roi is None:
        return picture
    height, width = picture.shape[:2]
    if not (0 <= roi.x < roi.x + roi.width <= width and 0 <= roi.y < roi.y + roi.height <= height):
        raise StationError(
            ErrorCode.GEOMETRY_MISMATCH,
            f"The region of interest {roi.width} x {roi.height} at ({roi.x}, {roi.y}) does not lie "
            f"inside the picture of {width} x {height} pixels.",
            "Use pictures of the size the region was drawn for, or draw it again.",
        )
    return picture[roi.y : roi.y + roi.height, roi.x : roi.x + roi.width]


def resize(picture: Picture, height: int, width: int) -> Picture:
    """Return the picture at (height, width): each axis by area (antialiased) to shrink, linear to grow."""
    rows, columns = picture.shape[:2]
    small = (min(width, columns), min(height, rows))
    shrunk = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def fit(picture: Picture, geometry: Geometry) -> NDArray[np.uint8]:
    """Return the whole picture, or its region of interest, as (s, s) or (s, s, 3), ignoring aspect."""
    return resize(crop(picture, geometry.roi), geometry.input_size, geometry.input_size)


def to_rgb(picture: Picture) -> NDArray[np.uint8]:
    """Return (H, W, 3): gray replicated, RGB as it is (not copied)."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8) if picture.ndim == 2 else picture


def resize_map(score_map: ScoreMap, shape: tuple[int, int]) -> ScoreMap:
    """Return the score map at (H, W), bilinear, float32; its own copy."""
    height, width = shape
    return np.asarray(cv2.resize(score_map, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def heat_scale(limits: Limits) -> tuple[float, float]:
    """Return the raw scores where the heat map begins and ends: from a pixel limit of 1 up half and twice it.

    Raw scores may be negative: it begins max(|limit| / 2, 0.5) below the limit, ends twice that above.
    """
    span = max(abs(limits.pixel) / 2, 0.5)
    return limits.pixel - span, limits.pixel + 2 * span


def overlay(
    picture: Picture, score_map: ScoreMap, limits: Limits, opacity: float = 0.6, roi: Box | None = None
) -> NDArray[np.uint8]:
    """Return the (H, W, 3) RGB picture under its inferno heat map, regions outlined 2 px in vermilion.

    Alpha rises from 0 where `heat_scale` begins to `opacity` (0..1) at the pixel limit; the scale
    is fixed by the limits. The map belongs to `roi` where one is given and is resized to it.
    """
    painted = to_rgb(picture).copy()
    under = crop(painted, roi)
    scores = resize_map(score_map, under.shape[:2])
    start, end = heat_scale(limits)
    level = np.clip((scores - start) * (255 / (end - start)), 0, 255).astype(np.uint8)
    heat = cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    alpha = np.clip((scores - start) / (limits.pixel - start), 0, 1)[..., None] * np.float32(opacity)
    under[:] = np.rint(under + alpha * (heat.astype(np.float32) - under))
    under[_outlines(scores, limits)] = VERMILION
    return painted


def _outlines(scores: ScoreMap, limits: Limits) -> Mask:
    """Return the borders of the regions: their outermost pixels and those just around them."""
    over = (scores >= np.float64(limits.pixel)).astype(np.uint8)  # as the judge: exact, with the limit
    _, labels, stats, _ = cv2.connectedComponentsWithStats(over, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= limits.min_area
    large[0] = False  # the background
    regions = large[labels].astype(np.uint8)
    return np.asarray(cv2.morphologyEx(regions, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0)
