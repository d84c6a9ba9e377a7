"""Dividing normals by content or by blocks, and loading them as model inputs."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from almrr_core.data.samples import Sample, Split, content_hash, load_inputs, sample_inputs, split_normals
from almrr_core.data.tiling import cut
from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import read_picture, write_png
from almrr_core.types import Box, Geometry


def normals(folder: Path, count: int, shape: tuple[int, ...] = (40, 60)) -> list[Path]:
    """Pictures whose every pixel has its own value, as far as 8 bits go."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{i:03}.png" for i in range(count)]
    for path in paths:
        write_png(path, rng.integers(0, 256, shape).astype(np.uint8))
    return paths


def sides(split: Split) -> dict[str, str]:
    return {s.sha256: "train" for s in split.train} | {s.sha256: "held out" for s in split.held_out}


def area_of(box: Box, shape: tuple[int, int]) -> NDArray[np.int64]:
    area = np.zeros(shape, np.int64)
    area[box.y : box.y + box.height, box.x : box.x + box.width] += 1
    assert area.sum() == box.width * box.height > 0
    return area


def test_a_fifth_is_held_out_whole(tmp_path: Path) -> None:
    paths = normals(tmp_path, 200, (4, 4))
    split = split_normals(paths)
    assert 25 <= len(split.held_out) <= 55 and len(split.train) + len(split.held_out) == 200
    assert all(sample.box is None for sample in (*split.train, *split.held_out))
    assert not {s.sha256 for s in split.train} & {s.sha256 for s in split.held_out}
    assert all(one.sha256 == content_hash(read_picture(one.path)) for one in (*split.train, *split.held_out))
    assert 80 <= len(split_normals(paths, 0.5).held_out) <= 120


def test_a_pictures_side_is_its_own(tmp_path: Path) -> None:
    paths = normals(tmp_path / "first", 60, (4, 4))
    few, many = sides(split_normals(paths[:40])), sides(split_normals(paths))
    assert few.items() <= many.items()
    (tmp_path / "moved").mkdir()
    renamed = [Path(shutil.copy(path, tmp_path / "moved" / f"{99 - i}.png")) for i, path in enumerate(paths)]
    assert sides(split_normals(reversed(renamed))) == many


def test_exact_copies_count_once(tmp_path: Path) -> None:
    paths = normals(tmp_path, 12, (4, 4))
    copies = [Path(shutil.copy(path, path.with_suffix(".copy.png"))) for path in paths]
    for path in paths:  # the same pixels in other files
        cv2.imwrite(str(path.with_suffix(".bmp")), read_picture(path))
    split = split_normals([*paths, *copies, *(path.with_suffix(".bmp") for path in paths)])
    assert sorted(s.path for s in (*split.train, *split.held_out)) == paths


@pytest.mark.parametrize("held_out", [1e-9, 1 - 1e-9])
def test_no_side_is_empty(tmp_path: Path, held_out: float) -> None:
    split = split_normals(normals(tmp_path, 10, (4, 4)), held_out)
    assert sorted([len(split.train), len(split.held_out)]) == [1, 9]


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (40, 40, 3)])
@pytest.mark.parametrize("geometry", [None, Geometry(tile=32), Geometry(tile=32, roi=Box(5, 3, 30, 36))])
def test_few_pictures_are_divided_into_blocks(
    tmp_path: Path, shape: tuple[int, ...], geometry: Geometry | None
) -> None:
    split = split_normals(normals(tmp_path, 9, shape), geometry=geometry)
    assert len(split.train) == len(split.held_out) == 9
    inside = geometry.roi if geometry and geometry.roi else Box(0, 0, shape[1], shape[0])
    starts = set()
    for train, out in zip(split.train, split.held_out, strict=True):
        assert train.path == out.path and train.box is not None and out.box is not None
        together = area_of(train.box, shape[:2]) + area_of(out.box, shape[:2])
        np.testing.assert_array_equal(together, area_of(inside, shape[:2]))  # disjoint, nothing lost
        share = out.box.width * out.box.height / (inside.width * inside.height)
        assert share == pytest.approx(0.2, abs=0.03)
        starts.add((out.box.x, out.box.y) == (inside.x, inside.y))
    assert starts == {True, False}  # both ends of pictures are calibrated on


def test_the_held_out_block_is_a_tile_wide_where_there_is_room(tmp_path: Path) -> None:
    paths = normals(tmp_path, 2, (70, 102))
    for scale, width in ((1.0, 32), (0.8, 40), (2.0, 20)):
        geometry = Geometry(input_size=64, tile=32, overlap=8, scale=scale)
        for sample in split_normals(paths, geometry=geometry).held_out:
            assert sample.box is not None and sample.box.width == width and sample.box.height == 70
    for sample in split_normals(paths, geometry=Geometry(input_size=64, tile=64)).held_out:
        assert sample.box is not None and sample.box.width == 20


def test_one_picture_is_enough_and_none_is_not(tmp_path: Path) -> None:
    split = split_normals(normals(tmp_path, 1))
    assert len(split.train) == len(split.held_out) == 1
    with pytest.raises(StationError) as caught:
        split_normals([])
    assert caught.value.code is ErrorCode.TOO_FEW_NORMALS
    with pytest.raises(StationError) as caught:
        split_normals(normals(tmp_path, 1, (1, 1)))
    assert caught.value.code is ErrorCode.TOO_FEW_NORMALS


@pytest.mark.parametrize("held_out", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_that_is_none_is_refused(tmp_path: Path, held_out: float) -> None:
    with pytest.raises(StationError) as caught:
        split_normals(normals(tmp_path, 1), held_out)
    assert caught.value.code is ErrorCode.BAD_ARGUMENT


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    paths = [*normals(tmp_path, 3), tmp_path / "gone.png"]
    with pytest.raises(StationError, match=r"gone\.png"):
        split_normals(paths)
    (tmp_path / "broken.png").write_bytes(paths[0].read_bytes()[:90])
    with pytest.raises(StationError, match=r"broken\.png is cut short"):
        load_inputs([Sample(tmp_path / "broken.png", "")], Geometry(input_size=64))


@pytest.mark.parametrize(
    "geometry", [Geometry(input_size=64), Geometry(input_size=64, tile=32, overlap=8, scale=1.5)]
)
def test_inputs_are_those_of_the_line(tmp_path: Path, geometry: Geometry) -> None:
    paths = [*normals(tmp_path / "gray", 2), *normals(tmp_path / "colour", 2, (50, 70, 3))]
    inputs = load_inputs([Sample(path, "") for path in paths], geometry)
    assert inputs.shape[1:] == (64, 64, 3) and inputs.dtype == np.uint8
    line = np.concatenate([cut(read_picture(path), geometry)[0] for path in paths])
    np.testing.assert_array_equal(inputs, line)
    assert load_inputs([], geometry).shape == (0, 64, 64, 3)


def marked(folder: Path, out: Box, shape: tuple[int, int]) -> Path:
    """A picture that is 200 in the held-out block and 50 elsewhere."""
    picture = np.full(shape, 50, np.uint8)
    picture[out.y : out.y + out.height, out.x : out.x + out.width] = 200
    write_png(folder / "marked.png", picture)
    return folder / "marked.png"


@pytest.mark.parametrize("shape", [(128, 64), (64, 128), (192, 640)])
@pytest.mark.parametrize("tile", [None, 32, 64])
def test_a_train_crop_never_shows_the_held_out_block(
    tmp_path: Path, shape: tuple[int, int], tile: int | None
) -> None:
    geometry = Geometry(input_size=64, tile=tile, overlap=tile // 4 if tile else 0)
    for seed, path in enumerate(normals(tmp_path, 4, shape)):
        split = split_normals([path], geometry=geometry)
        train, out = split.train[0].box, split.held_out[0].box
        assert train is not None and out is not None
        picture = marked(tmp_path / str(seed), out, shape)
        kept = sample_inputs(Sample(picture, "", train), geometry)
        held = sample_inputs(Sample(picture, "", out), geometry)
        # Shrinking averages the pixels of one border column; nothing else may mix.
        assert np.median(kept) == 50 and (kept > 60).mean() <= (0.02 if tile is None else 0)
        assert np.median(held) == 200 and (held < 190).mean() <= (0.08 if tile is None else 0)


def test_a_block_keeps_the_scale_and_place_of_the_line(tmp_path: Path) -> None:
    path = normals(tmp_path, 1, (64, 64))[0]
    whole = load_inputs([Sample(path, "")], Geometry(input_size=64))[0]
    right = sample_inputs(Sample(path, "", Box(44, 0, 20, 64)), Geometry(input_size=64))[0]
    np.testing.assert_array_equal(right[:, 44:], whole[:, 44:])  # in its place, and around it by reflection
    np.testing.assert_array_equal(right[:, 25:44], whole[:, 45:][:, ::-1])
