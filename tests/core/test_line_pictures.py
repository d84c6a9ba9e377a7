from __future__ import annotations

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from almrr_core.data.line_pictures import GOOD, SURFACES, LinePictures
from almrr_core.data.textures.defects import DEFECTS
from almrr_core.errors import ErrorCode, StationError

SMALL = (96, 128)


def difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.int16]:
    return np.abs(first.astype(np.int16) - second.astype(np.int16)).max(2)


@pytest.mark.parametrize("surface", SURFACES)
def test_a_line_gives_the_same_part_the_same_picture(surface: str) -> None:
    line, again, other = (LinePictures(surface, SMALL, 0.5, (), seed) for seed in (3, 3, 4))
    shown = [line(index) for index in range(10)]
    for index in (9, 0, 4):  # in another order
        picture, truth = again(index)
        assert np.array_equal(picture, shown[index][0])
        assert truth == shown[index][1]
    for picture, truth in shown:
        assert picture.shape == (*SMALL, 3)
        assert picture.dtype == np.uint8
        assert not picture.flags.writeable
        assert truth == GOOD or truth in SURFACES[surface].kinds
    assert not np.array_equal(other(0)[0], shown[0][0])


def test_parts_are_of_one_material_and_none_is_like_another() -> None:
    line = LinePictures("twill", SMALL, 0.0, (), 0)
    pictures = [line(index)[0] for index in range(20)]
    means = np.array([picture.mean((0, 1)) for picture in pictures])
    assert means.std(0).max() < 6
    assert all(difference(pictures[0], later).mean() > 3 for later in pictures[1:])


@pytest.mark.parametrize(("rate", "low", "high"), [(0.0, 0, 0), (0.3, 10, 28), (1.0, 60, 60)])
def test_the_defect_rate_is_kept(rate: float, low: int, high: int) -> None:
    line = LinePictures("weave", (64, 64), rate, ("stain", "hole"), 1)
    truths = [line(index)[1] for index in range(60)]
    assert low <= sum(truth != GOOD for truth in truths) <= high
    assert set(truths) - {GOOD} == ({"stain", "hole"} if rate else set())


@pytest.mark.parametrize("kind", [defect.name for defect in DEFECTS])
def test_a_defect_is_seen_and_the_rest_is_as_it_would_be(kind: str) -> None:
    """Beside the defect only the sensor's noise, which is drawn anew, and the exposure differ."""
    spoiled, clean = (LinePictures("weave", (256, 320), rate, (kind,), 2) for rate in (1.0, 0.0))
    seen = 0
    for index in range(6):
        picture, truth = spoiled(index)
        assert truth == kind
        blurred = difference(picture, clean(index)[0])
        seen += int((blurred >= 16).sum() >= 30)
    assert seen >= 4


def test_tiles_lie_on_a_belt_each_a_little_elsewhere() -> None:
    line = LinePictures("tile", (120, 160), 0.0, (), 0)
    pictures = [line(index)[0].mean(2) for index in range(6)]
    for picture in pictures:
        assert picture[40:80, 60:100].mean() > 1.5 * picture[:, :12].mean()
    edges = [int((picture.mean(0) > picture.mean(0).mean()).argmax()) for picture in pictures]
    assert len(set(edges)) > 1
    assert max(edges) - min(edges) < 16


def test_two_threads_may_ask_for_the_first_picture() -> None:
    line = LinePictures("knit", SMALL, 0.0, (), 0)
    pictures: list[NDArray[np.uint8]] = []
    threads = [threading.Thread(target=lambda: pictures.append(line(0)[0])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert np.array_equal(*pictures)


@pytest.mark.parametrize(
    ("surface", "size", "rate", "kinds", "word"),
    [
        ("denim", SMALL, 0.1, (), "denim"),
        ("weave", SMALL, 0.1, ("moth", "hole"), "moth"),
        ("weave", (40, 128), 0.1, (), "128×40"),
        ("weave", SMALL, 1.5, (), "1.5"),
    ],
)
def test_what_cannot_be_made_is_refused(
    surface: str, size: tuple[int, int], rate: float, kinds: tuple[str, ...], word: str
) -> None:
    with pytest.raises(StationError) as caught:
        LinePictures(surface, size, rate, kinds, 0)
    assert caught.value.code is ErrorCode.BAD_ARGUMENT
    assert word in caught.value.sentence


def test_every_surface_names_known_defects() -> None:
    known = {defect.name for defect in DEFECTS}
    assert all(surface.kinds and known.issuperset(surface.kinds) for surface in SURFACES.values())
