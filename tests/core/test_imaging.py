"""Pictures from every kind of file, and files that are refused."""

from __future__ import annotations

import os
import struct
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import read_picture, to_rgb, write_png
from tests.core.picture_files import chunk, encoded, forged, smooth, tiff_of, whole_files, with_orientation

LOSSLESS = (".png", ".tiff", ".bmp", ".webp")
# What EXIF orientation n asks a viewer to do with the stored picture.
ORIENTATIONS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def save(folder: Path, data: bytes, name: str = "picture") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(StationError) as caught:
        read_picture(path)
    assert caught.value.code is ErrorCode.PICTURE_UNREADABLE
    assert path.name in caught.value.sentence and "\n" not in caught.value.sentence
    assert caught.value.remedy
    return str(caught.value.params["reason"])


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_colour_comes_back_as_rgb(tmp_path: Path, suffix: str) -> None:
    picture = smooth((21, 34, 3))
    read = read_picture(save(tmp_path, encoded(suffix, picture)))
    np.testing.assert_array_equal(read, picture)
    assert read.flags.c_contiguous and read.flags.writeable and read.dtype == np.uint8


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".bmp", ".jpg"])
def test_gray_stays_gray(tmp_path: Path, suffix: str) -> None:
    picture = smooth((21, 34))
    read = read_picture(save(tmp_path, encoded(suffix, picture)))
    assert read.shape == picture.shape and read.flags.writeable
    assert np.abs(read.astype(int) - picture).max() <= (6 if suffix == ".jpg" else 0)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_alpha_is_dropped_and_colours_stay_as_stored(tmp_path: Path, suffix: str) -> None:
    alpha = np.random.default_rng(1).integers(1, 256, (21, 34, 1)).astype(np.uint8)
    picture = smooth((21, 34, 3))
    data = encoded(suffix, np.dstack([picture, alpha]))
    np.testing.assert_array_equal(read_picture(save(tmp_path, data)), picture)


def test_gray_with_alpha_is_gray(tmp_path: Path) -> None:
    gray = smooth((5, 7))
    rows = b"".join(b"\0" + np.dstack([row, row // 2]).tobytes() for row in gray[:, None])
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 7, 5, 8, 4, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(read_picture(save(tmp_path, data)), gray)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("shape", [(11, 13), (11, 13, 3)])
def test_sixteen_bit_is_shifted_by_the_source_depth(
    tmp_path: Path, suffix: str, shape: tuple[int, ...]
) -> None:
    values = np.random.default_rng(2).integers(0, 65536, shape).astype(np.uint16)
    path = save(tmp_path, encoded(suffix, values))
    np.testing.assert_array_equal(read_picture(path), values // 256)
    np.testing.assert_array_equal(read_picture(path, bit_depth=16), values // 256)
    np.testing.assert_array_equal(read_picture(path, bit_depth=12), np.minimum(values // 16, 255))


def test_the_scale_never_depends_on_the_picture(tmp_path: Path) -> None:
    dark, bright = np.full((4, 4), 2000, np.uint16), np.full((4, 4), 2000, np.uint16)
    bright[0, 0] = 65535
    read = [read_picture(save(tmp_path, encoded(".png", values))) for values in (dark, bright)]
    assert read[0][1, 1] == read[1][1, 1] == 2000 >> 8


def test_bit_depth_outside_8_to_16_is_a_bad_argument(tmp_path: Path) -> None:
    path = save(tmp_path, encoded(".png", smooth((4, 4))))
    for depth in (7, 17):
        with pytest.raises(StationError) as caught:
            read_picture(path, bit_depth=depth)
        assert caught.value.code is ErrorCode.BAD_ARGUMENT


@pytest.mark.parametrize("value", ORIENTATIONS)
@pytest.mark.parametrize("shape", [(16, 24), (16, 24, 3)])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_every_exif_orientation(tmp_path: Path, suffix: str, shape: tuple[int, ...], value: int) -> None:
    picture = np.zeros(shape, np.uint8)
    picture[:8, :8], picture[8:, 16:], picture[:8, 16:] = 250, 120, 60
    if suffix == ".tiff":
        data = tiff_of(picture, value)
    else:
        quality = (cv2.IMWRITE_JPEG_QUALITY, 100) if suffix == ".jpg" else ()
        data = with_orientation(suffix, encoded(suffix, picture, *quality), value)
    read = read_picture(save(tmp_path, data))
    expected = ORIENTATIONS[value](picture if suffix != ".webp" else to_rgb(picture))
    assert read.shape == expected.shape and read.flags.c_contiguous
    assert np.abs(read.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("value", [3, 6, 7])
@pytest.mark.parametrize("shape", [(5, 8), (5, 8, 3)])
def test_orientation_of_sixteen_bit(tmp_path: Path, shape: tuple[int, ...], value: int) -> None:
    values = np.random.default_rng(3).integers(0, 65536, shape).astype(np.uint16)
    expected = ORIENTATIONS[value](values) >> 8
    png = save(tmp_path, with_orientation(".png", encoded(".png", values), value))
    np.testing.assert_array_equal(read_picture(png), expected)
    np.testing.assert_array_equal(read_picture(save(tmp_path, tiff_of(values, value))), expected)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("shape", [(5, 8), (5, 8, 3)])
def test_tiff_dialects(tmp_path: Path, order: str, big: bool, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(4).integers(0, 65536, shape).astype(np.uint16)
    data = tiff_of(values, order=order, big=big)
    np.testing.assert_array_equal(read_picture(save(tmp_path, data)), values >> 8)


def test_first_page_of_a_tiff_is_taken(tmp_path: Path) -> None:
    pages = [smooth((9, 12), seed) for seed in (5, 6)]
    path = tmp_path / "pages.tif"
    assert cv2.imwritemulti(str(path), pages)
    np.testing.assert_array_equal(read_picture(path), pages[0])


@pytest.mark.skipif(sys.platform == "win32", reason="names Windows does not allow")
@pytest.mark.parametrize(
    "name", ["Prüfling Ω 検査 .png", "line\nbreak\t.png", "~'\"$(x) #%&.png", "no suffix"]
)
def test_any_name(tmp_path: Path, name: str) -> None:
    picture = smooth((4, 5))
    np.testing.assert_array_equal(read_picture(save(tmp_path, encoded(".png", picture), name)), picture)


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes are Linux's")
def test_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"part-\xff\n.png")
    path.write_bytes(encoded(".png", smooth((4, 5))))
    assert read_picture(path).shape == (4, 5)
    path.write_bytes(b"")
    with pytest.raises(StationError) as caught:
        read_picture(path)
    assert caught.value.sentence.isprintable() and "is empty" in caught.value.sentence
    caught.value.sentence.encode()


def test_very_long_path(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["d" * 100] * 6)
    folder.mkdir(parents=True)
    assert read_picture(save(folder, encoded(".png", smooth((4, 5))))).shape == (4, 5)


@pytest.mark.parametrize("kind", whole_files())
def test_a_cut_file_is_never_taken_for_a_picture(tmp_path: Path, kind: str) -> None:
    data = whole_files()[kind]
    whole = read_picture(save(tmp_path, data))
    for length in sorted({*range(0, len(data), max(1, len(data) // 60)), len(data) - 1, len(data) - 2}):
        path = save(tmp_path, data[:length])
        try:
            read = read_picture(path)
        except StationError as error:
            assert error.code is ErrorCode.PICTURE_UNREADABLE
        else:  # only what lies behind the pixels may be missing
            np.testing.assert_array_equal(read, whole, err_msg=f"{kind} cut at {length}")
    assert refusal(save(tmp_path, data[: len(data) // 2])) == "is cut short"


@pytest.mark.parametrize("kind", whole_files())
def test_bytes_behind_the_picture_do_no_harm(tmp_path: Path, kind: str) -> None:
    data = whole_files()[kind]
    whole = read_picture(save(tmp_path, data))
    np.testing.assert_array_equal(read_picture(save(tmp_path, data + b"\0trailing" * 9)), whole)


def test_damaged_bytes_never_end_in_another_error(tmp_path: Path) -> None:
    seed = time.time_ns() % 2**32
    rng = np.random.default_rng(seed)
    for kind, data in whole_files().items():
        for _ in range(12):
            damaged = bytearray(data)
            for at in rng.integers(0, min(len(data), 200), 3):
                damaged[at] = rng.integers(256)
            path = save(tmp_path, bytes(damaged))
            try:
                read = read_picture(path)
            except StationError as error:
                assert error.code is ErrorCode.PICTURE_UNREADABLE, f"{kind}, seed {seed}"
            else:
                assert read.dtype == np.uint8 and read.ndim in (2, 3), f"{kind}, seed {seed}"


def test_png_checksum(tmp_path: Path) -> None:
    data = bytearray(encoded(".png", smooth((40, 40))))
    data[60] ^= 1
    assert refusal(save(tmp_path, bytes(data))) == "is damaged (a checksum is wrong)"


def test_what_is_no_picture(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing.png") == "does not exist"
    assert refusal(tmp_path) == "is a folder"
    assert refusal(save(tmp_path, b"", "empty.png")) == "is empty"
    assert "is not a PNG" in refusal(save(tmp_path, b"hello, this is text", "text.jpg"))
    assert "is not a PNG" in refusal(save(tmp_path, b"GIF89a" + bytes(100), "animation.png"))
    assert refusal(save(tmp_path, encoded(".jpg", smooth((9, 9)))[:2] + b"\xff\xd9", "hollow.jpg"))
    assert "float32" in refusal(save(tmp_path, encoded(".tiff", smooth((9, 9)).astype(np.float32)), "f.tif"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert refusal(tmp_path / "pipe.png") == "is not a file"


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "webp", "tiff"])
def test_over_200_megapixels_is_refused_before_decoding(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    assert "20001 x 10000" in refusal(save(tmp_path, forged(kind, 20001, 10000)))


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "tiff"])
def test_zero_size(tmp_path: Path, kind: str) -> None:
    assert refusal(save(tmp_path, forged(kind, 0, 9))) == "has no pixels"
    assert refusal(save(tmp_path, forged(kind, 9, 0))) == "has no pixels"


def test_refusals_are_told_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for kind, data in whole_files().items():
        for length in (len(data) // 2, len(data) - 3):
            try:
                read_picture(save(tmp_path, data[:length], kind))
            except StationError:
                continue
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3)])
def test_write_png_round_trip(tmp_path: Path, shape: tuple[int, ...]) -> None:
    picture = smooth(shape)
    write_png(tmp_path / "new" / "a.png", picture)
    np.testing.assert_array_equal(read_picture(tmp_path / "new" / "a.png"), picture)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]
