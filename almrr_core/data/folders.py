"""Where pictures lie: the MVTec layout (train/good, test/<class>, ground_truth/<class>) or a plain folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import read_picture
from almrr_core.types import Mask

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
GOOD = "good"
_LAYOUT_FOLDERS = ("train", "test", "ground_truth")


@dataclass(frozen=True, slots=True)
class TestPicture:
    """One picture of `test/`; `mask_path` is None for good ones and where there is no mask."""

    __test__: ClassVar[bool] = False  # the name looks like a test to pytest

    path: Path
    class_name: str
    mask_path: Path | None
    anomalous: bool


def list_pictures(path: Path) -> list[Path]:
    """Return the pictures in a folder and below, in the same order on every system.

    Known suffixes in any case; hidden files and folders are skipped, links to folders not followed.
    A path to a file gives just this file. Raises FOLDER_UNUSABLE if it is missing or cannot be listed.
    """
    if path.is_file():
        return [path]
    _require_folder(path)
    found: list[Path] = []
    for folder, below, names in os.walk(path, onerror=_raise_unlistable):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [Path(folder, name) for name in names if _is_picture_name(name)]
    return sorted(found, key=lambda picture: picture.relative_to(path).parts)


def find_normals(data: Path) -> list[Path]:
    """Return the normal pictures for training: those of `train/good`, else of a plain folder.

    Raises FOLDER_UNUSABLE for what is missing, no folder or without pictures, and for a data set with
    `test` or `train` but no `train/good`, whose defects would otherwise be learned as normal.
    """
    _require_folder(data)
    normals = data / "train" / GOOD
    if not normals.is_dir():
        if layout := [name for name in _LAYOUT_FOLDERS if (data / name).is_dir()]:
            raise _unusable(f"The data set {data} has a folder {layout[0]} but no train/{GOOD}.")
        normals = data
    return _at_least_one(list_pictures(normals), normals)


def find_test(data: Path) -> list[TestPicture]:
    """Return the pictures of `test/<class>` with their masks, needing only test/ and ground_truth/.

    The mask of `test/<class>/<stem>.*` is `ground_truth/<class>/<stem>_mask.png` or `<stem>.png`.
    Raises FOLDER_UNUSABLE where there is no `test` folder with pictures in class folders.
    """
    test = data / "test"
    _require_folder(data)
    _require_folder(test)
    pictures = [path for path in list_pictures(test) if path.parent != test]
    return [_test_picture(path, data) for path in _at_least_one(pictures, test)]


def read_mask(path: Path, shape: tuple[int, int] | None = None) -> Mask:
    """Return a mask file as (H, W) bool: true where any channel is over 127.

    Raises PICTURE_UNREADABLE, and FOLDER_UNUSABLE where its size is not the picture's `shape` (H, W)
    or where it is written in 0 and 1, which would read as an empty mask.
    """
    values = read_picture(path)
    if values.ndim == 3:
        values = values.max(axis=2)
    if shape is not None and values.shape != shape:
        height, width = values.shape
        raise _unusable(
            f"The mask {path} has {width} x {height} pixels, but its picture has {shape[1]} x {shape[0]}."
        )
    if values.max() == 1:
        raise _unusable(f"The mask {path} holds 0 and 1 instead of 0 and 255.")
    return np.asarray(values > 127)


def _test_picture(path: Path, data: Path) -> TestPicture:
    inside = path.relative_to(data / "test")
    class_name = inside.parts[0]
    if class_name == GOOD:
        return TestPicture(path, class_name, None, anomalous=False)
    folder = data / "ground_truth" / inside.parent
    masks = (folder / f"{path.stem}_mask.png", folder / f"{path.stem}.png")
    return TestPicture(path, class_name, next((m for m in masks if m.is_file()), None), anomalous=True)


def _is_picture_name(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in PICTURE_SUFFIXES


def _at_least_one(pictures: list[Path], folder: Path) -> list[Path]:
    if not pictures:
        raise _unusable(f"The folder {folder} holds no pictures.")
    return pictures


def _require_folder(path: Path) -> None:
    if not path.exists():
        raise _unusable(f"The folder {path} does not exist.")
    if not path.is_dir():
        raise _unusable(f"{path} is not a folder.")


def _raise_unlistable(error: OSError) -> None:
    raise _unusable(f"The folder {error.filename} cannot be listed ({error.strerror}).") from error


def _unusable(sentence: str) -> StationError:
    return StationError(
        ErrorCode.FOLDER_UNUSABLE,
        sentence,
        "Give a folder of pictures (PNG, JPEG, TIFF, BMP, WebP), or one with train/good, "
        "test/<class> and ground_truth/<class>.",
    )
