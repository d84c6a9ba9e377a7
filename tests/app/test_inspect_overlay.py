"""Mask, outline and heat map: exact, and the same as those of exported pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QApplication

from almrr_core import imaging
from almrr_core.judge import regions_of
from almrr_core.types import Limits, Mask, ScoreMap
from app.views import overlay
from app.views.image_layers import MaskLayer


def some_map(seed: int, height: int = 37, width: int = 53) -> ScoreMap:
    noise = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.5 + seed % 3), np.float32)


def region_mask(values: ScoreMap, limits: Limits) -> Mask:
    """What the judge would draw: components of eight neighbours of the least area."""
    over = (values >= np.float64(limits.pixel)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(over, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= limits.min_area
    large[0] = False
    return np.asarray(large[labels])


def filled(segments: overlay.Segments, shape: tuple[int, int]) -> Mask:
    """What lies inside an outline, by counting upright borders from the left."""
    crossings = np.zeros((shape[0], shape[1] + 1), int)
    for x0, y0, x1, y1 in segments.astype(int):
        if x0 == x1:
            crossings[y0:y1, x0] += 1
    return np.asarray(np.cumsum(crossings, axis=1)[:, :-1] % 2 == 1)


def drawn_mask(values: ScoreMap, limit: float) -> Mask:
    """Which pixels the layer draws."""
    layer = MaskLayer()
    layer.show_map(values, QRectF(0, 0, values.shape[1], values.shape[0]), limit, "#D55E00")
    layer.render()
    image = layer.qimage
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return np.asarray(rows[:, : image.width()] > 0)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("min_area", [0, 1, 5])
def test_the_outline_is_that_of_the_region_mask(seed: int, min_area: int) -> None:
    values = some_map(seed)
    limit = float(np.quantile(values, 0.55 + seed / 40))
    segments = overlay.regions_outline(values, limit, min_area)
    assert segments is not None
    wanted = region_mask(values, Limits(limit, limit, limit, min_area))
    np.testing.assert_array_equal(filled(segments, values.shape), wanted)
    edges = np.abs(segments[:, 2:] - segments[:, :2]).sum()
    framed = np.pad(wanted, 1)
    assert edges == (framed[1:] != framed[:-1]).sum() + (framed[:, 1:] != framed[:, :-1]).sum()


def test_known_regions_confine_the_search_and_change_nothing() -> None:
    values = some_map(5)
    limits = Limits(0.2, 0.2, 0.2, 3)
    known = regions_of(values, limits)
    assert known
    confined = overlay.regions_outline(values, 0.2, 3, known)
    whole = overlay.regions_outline(values, 0.2, 3)
    assert confined is not None and whole is not None
    assert {tuple(row) for row in confined.tolist()} == {tuple(row) for row in whole.tolist()}
    nothing = overlay.regions_outline(values, 0.2, 3, ())
    assert nothing is not None and nothing.size == 0


def test_noise_is_not_outlined() -> None:
    noise = np.random.default_rng(0).normal(size=(300, 400)).astype(np.float32)
    assert overlay.regions_outline(noise, 0.0, 1) is None


@pytest.mark.parametrize("limit", [0.0, 1.3, -2.4, 1e-7, 250.0, float(np.float32(0.1)), 0.1])
def test_the_mask_is_exact(qapp: QApplication, limit: float) -> None:
    values = np.random.default_rng(1).normal(limit, 1 + abs(limit) / 10, (64, 50)).astype(np.float32)
    near = np.float32(limit)
    above, below = np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))
    tiny = np.float32(1e-29)  # around zero the mask tells no finer
    values[0, :3] = near, max(above, near + tiny), min(below, near - tiny)
    np.testing.assert_array_equal(drawn_mask(values, limit), values >= np.float64(limit))


@pytest.mark.parametrize("pixel", [4.0, 1.0, 0.2, 0.0, -3.0])
def test_scale_and_colours_are_those_of_exported_pictures(pixel: float) -> None:
    limits = Limits(pixel, pixel, pixel)
    start, end = imaging.heat_scale(limits)
    assert overlay.heat_scale(limits) == (start, end)
    ramp = np.linspace(start, end, 256, dtype=np.float32)[None]
    gray = np.full((1, 256), 90, np.uint8)
    exported = imaging.overlay(gray, ramp, Limits(end + 1, end + 1, pixel, 10_000), 0.6)[0].astype(int)
    table = overlay.heat_table(0.6).astype(float)
    alpha = table[:, 3:] / 255
    shown = np.rint(90 + alpha * (table[:, :3] - 90)).astype(int)
    assert np.abs(shown - exported).max() <= 3


def test_alpha_rises_from_nothing_to_the_opacity_at_the_limit() -> None:
    table = overlay.heat_table(0.6)
    assert table[0, 3] == 0 and table[42, 3] in range(75, 78)
    assert set(table[85:, 3].tolist()) == {153}


@pytest.mark.parametrize("shape", [(64, 64), (1, 5), (200, 90)])
def test_a_small_map_is_enlarged_as_the_line_does(shape: tuple[int, int]) -> None:
    small = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    large: NDArray[np.float32] = overlay.enlarged(small, 173, 131)
    np.testing.assert_allclose(large, imaging.resize_map(small, (131, 173)), atol=2e-3)
    assert overlay.enlarged(large, 173, 131) is large
