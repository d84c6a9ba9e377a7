"""Resizing pictures and score maps, and the heat map over a picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from almrr_core import imaging
from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import fit, overlay, resize, resize_map, to_rgb
from almrr_core.types import Box, Geometry, Limits
from tests.core.picture_files import smooth


def test_fit_shrinks_by_area_and_ignores_aspect() -> None:
    picture = np.random.default_rng(7).integers(0, 256, (128, 256)).astype(np.uint8)
    fitted = fit(picture, Geometry(input_size=64))
    expected = picture.reshape(64, 2, 64, 4).mean(axis=(1, 3))
    assert fitted.shape == (64, 64)
    assert np.abs(fitted - expected).max() <= 0.5


def test_each_axis_is_resized_in_its_own_way() -> None:
    columns = np.tile(np.array([0, 200], np.uint8), 64)  # aliases unless averaged
    picture = np.repeat(columns[None], 32, axis=0)
    assert np.all(resize(picture, 64, 32) == 100)
    rows = np.repeat(np.linspace(0, 255, 32).astype(np.uint8)[:, None], 256, axis=1)
    grown = resize(rows, 64, 64)
    assert np.all(np.diff(grown.astype(int), axis=0) >= 0)  # linear, no steps back
    assert len(np.unique(grown)) > 50


def test_fit_keeps_to_the_region_of_interest() -> None:
    picture = smooth((200, 300, 3))
    roi = Box(30, 20, 64, 64)
    np.testing.assert_array_equal(fit(picture, Geometry(input_size=64, roi=roi)), picture[20:84, 30:94])


@pytest.mark.parametrize("roi", [Box(-1, 0, 5, 5), Box(0, 0, 0, 5), Box(290, 0, 11, 5), Box(0, 196, 5, 5)])
def test_region_of_interest_outside_is_a_mismatch(roi: Box) -> None:
    with pytest.raises(StationError) as caught:
        fit(smooth((200, 300)), Geometry(input_size=64, roi=roi))
    assert caught.value.code is ErrorCode.GEOMETRY_MISMATCH


def test_resize_map_is_bilinear_and_never_clamped() -> None:
    small = np.array([[-5.0, 3.0], [7.0, 900.0]], np.float32)
    large = resize_map(small, (4, 6))
    assert large.shape == (4, 6) and large.dtype == np.float32
    np.testing.assert_array_equal(large[[0, 0, -1, -1], [0, -1, 0, -1]], small.ravel())
    assert np.isclose(large[0, 2], -5 + 8 / 3)  # centre 2.5 of 6 is a third of the way


@pytest.mark.parametrize("limit", [4.0, 1.0, 0.1, 0.0, -3.0])
def test_overlay_begins_below_the_limit_on_a_fixed_scale(limit: float) -> None:
    limits = Limits(limit, limit, limit)
    start, end = imaging.heat_scale(limits)
    assert start < limit < end
    picture = smooth((8, 256, 3))
    ramp = np.tile(np.linspace(start - 1, limit, 256, dtype=np.float32), (8, 1))
    painted = overlay(picture, ramp, limits, opacity=0.5)
    np.testing.assert_array_equal(painted[ramp <= start], picture[ramp <= start])
    if limit >= 1:
        assert start == limit / 2
    doubled = np.concatenate([ramp, np.full_like(ramp, end + 100)])  # a worse neighbour changes nothing
    tall = np.concatenate([picture, picture])
    np.testing.assert_array_equal(overlay(tall, doubled, limits, opacity=0.5)[:6], painted[:6])


def test_overlay_is_inferno_of_the_chosen_opacity_at_the_limit() -> None:
    limits = Limits(2.0, 2.0, 2.0)
    scores = np.full((5, 5), 2.0, np.float32)  # one region without a border inside
    clear, half, full = (
        overlay(np.full((5, 5), 100, np.uint8), scores, limits, opacity=o) for o in (0, 0.5, 1)
    )
    assert np.all(clear == 100)
    inferno = cv2.applyColorMap(np.array([[85]], np.uint8), cv2.COLORMAP_INFERNO)[0, 0, ::-1]  # 1..2 of 1..4
    np.testing.assert_array_equal(full, np.broadcast_to(inferno, (5, 5, 3)))
    assert np.abs(half - (full.astype(float) + 100) / 2).max() <= 0.5


def test_overlay_outlines_regions_of_the_minimum_area() -> None:
    scores = np.full((60, 80), -9.0, np.float32)
    scores[10:30, 20:50] = 1.0  # at the limit counts, as for the judge
    scores[50, 70] = 5.0
    painted = overlay(np.zeros((60, 80), np.uint8), scores, Limits(1, 1, 1, min_area=5), opacity=0.0)
    outline = np.all(painted == imaging.VERMILION, axis=2)
    assert outline[10, 20:50].all() and outline[10:30, 49].all()
    assert not outline[15:25, 25:45].any() and not outline[45:, 60:].any()
    assert outline[:, 35].sum() == 4  # two lines of 2 px


def test_overlay_of_a_region_of_interest_leaves_the_rest() -> None:
    picture = smooth((40, 60))
    before = picture.copy()
    roi = Box(20, 10, 30, 20)
    painted = overlay(picture, np.full((10, 15), 9.0, np.float32), Limits(1, 1, 1), roi=roi)
    changed = np.any(painted != to_rgb(picture), axis=2)
    assert changed[12:28, 22:48].all()
    assert not changed[:8].any() and not changed[:, :18].any() and not changed[:, 52:].any()
    np.testing.assert_array_equal(picture, before)
