"""Picture files of every kind, whole and forged, written by hand where OpenCV cannot write them."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray


def smooth(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)


def encoded(suffix: str, picture: NDArray[np.generic], *parameters: int) -> bytes:
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
    stored = picture if picture.ndim == 2 else picture[..., order[picture.shape[2]]]
    if suffix == ".webp":
        parameters = parameters or (cv2.IMWRITE_WEBP_QUALITY, 101)  # over 100: lossless
    return cv2.imencode(suffix, np.ascontiguousarray(stored), list(parameters))[1].tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_orientation(suffix: str, data: bytes, value: int) -> bytes:
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, value, 0, 0)
    if suffix == ".jpg":
        body = b"Exif\0\0" + tiff
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    if suffix == ".png":
        return data[:33] + chunk(b"eXIf", tiff) + data[33:]
    # Lossless WebP: wrapped as an extended file whose flags announce EXIF.
    bits = struct.unpack_from("<I", data, 21)[0]
    size = (bits & 0x3FFF).to_bytes(3, "little") + (bits >> 14 & 0x3FFF).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<II", 10, 8) + size + data[12:]
    body += b"EXIF" + struct.pack("<I", len(tiff)) + tiff
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff_of(pixels: NDArray[np.generic], orientation: int = 1, order: str = "<", big: bool = False) -> bytes:
    """An uncompressed one-strip TIFF, written by hand: classic or BigTIFF, either byte order."""
    stored = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    bits, channels = pixels.dtype.itemsize * 8, 1 if pixels.ndim == 2 else 3
    tags = [
        (256, pixels.shape[1]),
        (257, pixels.shape[0]),
        (258, bits),
        (259, 1),
        (262, 1 if channels == 1 else 2),
    ]
    head = 16 if big else 8
    tags += [(273, head), (274, orientation), (277, channels), (278, pixels.shape[0]), (279, len(stored))]
    if channels == 3:
        tags[2] = (258, 0)  # three numbers, stored after the directory
    word, few = ("Q", "Q") if big else ("I", "H")
    at = head + len(stored)
    after = at + struct.calcsize("=" + few) + len(tags) * (20 if big else 12) + struct.calcsize("=" + word)
    out = struct.pack(order + few, len(tags))
    for tag, value in tags:
        if tag == 258 and channels == 3 and not big:
            out += struct.pack(f"{order}HHII", tag, 3, 3, after)
        elif tag == 258 and channels == 3:
            out += struct.pack(f"{order}HHQ4H", tag, 3, 3, bits, bits, bits, 0)
        else:
            out += struct.pack(f"{order}HH{word}{word}", tag, 16 if big else 4, 1, value)
    out += struct.pack(order + word, 0) + struct.pack(f"{order}3H", bits, bits, bits)
    mark = b"II" if order == "<" else b"MM"
    start = struct.pack(order + "HHHQ", 43, 8, 0, at) if big else struct.pack(order + "HI", 42, at)
    return mark + start + stored + out


def whole_files() -> dict[str, bytes]:
    colour, gray = smooth((24, 40, 3)), smooth((24, 40))
    return {
        "jpeg": encoded(".jpg", colour),
        "jpeg-gray": encoded(".jpg", gray),
        "jpeg-progressive": encoded(".jpg", colour, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "jpeg-restart": encoded(".jpg", colour, cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
        "png": encoded(".png", colour),
        "bmp": encoded(".bmp", gray),
        "webp": encoded(".webp", colour, cv2.IMWRITE_WEBP_QUALITY, 80),
        "webp-lossless": encoded(".webp", colour),
        "webp-extended": with_orientation(".webp", encoded(".webp", colour), 1),
        "tiff-lzw": encoded(".tiff", colour),
        "tiff-plain": encoded(".tiff", gray, cv2.IMWRITE_TIFF_COMPRESSION, 1),
        "tiff-deflate": encoded(".tiff", gray, cv2.IMWRITE_TIFF_COMPRESSION, 8),
        "tiff-big": tiff_of(colour, big=True),
    }


def forged(kind: str, width: int, height: int) -> bytes:
    if kind == "png":
        body = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) + chunk(b"IDAT", b"x")
        return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")
    if kind == "jpeg":
        frame = b"\xff\xc0" + struct.pack(">HBHHBBBB", 11, 8, height, width, 1, 1, 17, 0)
        return b"\xff\xd8" + frame + b"\xff\xd9"
    if kind == "bmp":  # run-length coded, so that few bytes may stand for many pixels
        return b"BM" + struct.pack("<IIIIiiHHII", 99, 0, 54, 40, width, -height, 1, 8, 1, 0) + bytes(99)
    if kind == "webp":
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<II", 10, 0) + size
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, v) for tag, v in ((256, width), (257, height)))
    return b"II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
