"""Finding pictures, normals, test pictures and masks in folders."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from almrr_core.data.folders import find_normals, find_test, list_pictures, read_mask
from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import read_picture, write_png

DATA = Path(__file__).parents[3] / "shared" / "data"


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(root: Path, paths: list[Path]) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def sentence_of(error: pytest.ExceptionInfo[StationError]) -> str:
    assert error.value.code is ErrorCode.FOLDER_UNUSABLE and error.value.remedy
    return error.value.sentence


def test_pictures_are_found_below_in_a_fixed_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a.JPG", "sub/c.tiff", "sub/a b.webp", "d.jpeg", "e.bmp", "f.TIF")
    touch(tmp_path, ".hidden.png", ".cache/x.png", "notes.txt", "sub/Thumbs.db", "png", "movie.gif")
    expected = ["a.JPG", "b.png", "d.jpeg", "e.bmp", "f.TIF", "sub/a b.webp", "sub/c.tiff"]
    assert names(tmp_path, list_pictures(tmp_path)) == expected


def test_a_file_lists_itself_and_an_empty_folder_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "odd.name")
    assert list_pictures(tmp_path / "odd.name") == [tmp_path / "odd.name"]
    assert list_pictures(tmp_path) == []


def test_normals_come_from_train_good(tmp_path: Path) -> None:
    touch(tmp_path, "train/good/2.png", "train/good/1.png", "test/crack/3.png", "4.png")
    assert names(tmp_path, find_normals(tmp_path)) == ["train/good/1.png", "train/good/2.png"]


def test_normals_come_from_a_plain_folder(tmp_path: Path) -> None:
    touch(tmp_path, "2.png", "monday/1.png")
    assert names(tmp_path, find_normals(tmp_path)) == ["2.png", "monday/1.png"]


def test_defects_of_a_test_folder_are_never_normals(tmp_path: Path) -> None:
    touch(tmp_path, "test/crack/3.png", "4.png")
    with pytest.raises(StationError) as caught:
        find_normals(tmp_path)
    assert "no train/good" in sentence_of(caught)


def test_unusable_folders_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "file.txt", "empty/readme.txt", "layout/train/good/readme.txt")
    for name, words in {
        "nowhere": "does not exist",
        "file.txt": "not a folder",
        "empty": "no pictures",
    }.items():
        with pytest.raises(StationError) as caught:
            find_normals(tmp_path / name)
        assert words in sentence_of(caught) and name in sentence_of(caught)
    with pytest.raises(StationError) as caught:
        find_normals(tmp_path / "layout")
    assert "no pictures" in sentence_of(caught)


def test_a_locked_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:  # root may list every folder, so no real lock
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StationError) as caught:
        list_pictures(tmp_path)
    assert "cannot be listed (Permission denied)" in sentence_of(caught)


def test_test_pictures_find_their_masks(tmp_path: Path) -> None:
    touch(tmp_path, "test/good/1.png", "test/crack/1.jpg", "test/crack/2.png", "test/hole/a.b.png")
    touch(
        tmp_path, "ground_truth/crack/1_mask.png", "ground_truth/hole/a.b.png", "ground_truth/good/1_mask.png"
    )
    found = {names(tmp_path, [one.path])[0]: one for one in find_test(tmp_path)}
    assert list(found) == ["test/crack/1.jpg", "test/crack/2.png", "test/good/1.png", "test/hole/a.b.png"]
    assert found["test/crack/1.jpg"].mask_path == tmp_path / "ground_truth/crack/1_mask.png"
    assert found["test/crack/2.png"].mask_path is None and found["test/crack/2.png"].anomalous
    assert found["test/hole/a.b.png"].mask_path == tmp_path / "ground_truth/hole/a.b.png"
    assert found["test/good/1.png"].mask_path is None and not found["test/good/1.png"].anomalous
    assert found["test/hole/a.b.png"].class_name == "hole"


def test_test_pictures_need_a_test_folder_with_classes(tmp_path: Path) -> None:
    with pytest.raises(StationError) as caught:
        find_test(tmp_path)
    assert "test does not exist" in sentence_of(caught)
    touch(tmp_path, "test/loose.png")
    with pytest.raises(StationError) as caught:
        find_test(tmp_path)
    assert "no pictures" in sentence_of(caught)


def test_masks_are_binarised_over_127(tmp_path: Path) -> None:
    values = np.array([[0, 127, 128, 255]], np.uint8)
    write_png(tmp_path / "gray.png", values)
    write_png(tmp_path / "colour.png", np.dstack([values, values * 0, values * 0]))
    for name in ("gray.png", "colour.png"):
        mask = read_mask(tmp_path / name, (1, 4))
        assert mask.dtype == np.bool_ and mask.tolist() == [[False, False, True, True]]


def test_masks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    write_png(tmp_path / "m.png", np.zeros((3, 5), np.uint8))
    with pytest.raises(StationError) as caught:
        read_mask(tmp_path / "m.png", (5, 3))
    assert "5 x 3 pixels" in sentence_of(caught) and "m.png" in sentence_of(caught)
    write_png(tmp_path / "m.png", np.eye(3, dtype=np.uint8))
    with pytest.raises(StationError) as caught:
        read_mask(tmp_path / "m.png")
    assert "0 and 1" in sentence_of(caught)


def test_the_magnetic_tiles_as_their_readme_says() -> None:
    if not DATA.is_dir():
        pytest.skip("../shared/data is not here")
    data = DATA / "mt_defect"
    found = find_test(data)
    counts = {
        name: sum(one.class_name == name for one in found) for name in {one.class_name for one in found}
    }
    assert len(find_normals(data)) == 320
    assert counts == {"good": 100, "blowhole": 46, "break": 34, "crack": 23, "fray": 13, "uneven": 40}
    for one in found:
        if one.anomalous:
            assert one.mask_path is not None
            assert read_mask(one.mask_path, read_picture(one.path).shape[:2]).any(), one.path
