"""Times a step of the limit slider on a 2048² frame: `python -m app.bench.limits [--steps 200]`.

A step is everything from the slider's new value to the picture painted: form, histogram, what lies over the
picture, and the paint. Every mask is compared with the map, pixel by pixel.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QHBoxLayout, QWidget

from almrr_core.types import Limits, Mask, Picture, ScoreMap
from app.compose import make_application
from app.theme import apply_theme
from app.views.image_layers import MaskLayer
from app.views.image_view import ImageView
from app.views.limits_form import LimitsForm
from app.views.zoom_view import ZoomView

SIDE, WINDOW = 2048, (1000, 560)
GOAL_MS = 16.0
LIMITS = Limits(1.0, 2.0, 2.0, 20)


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of the steps, by the clock and of the CPU; how many pixels of all masks were wrong."""

    steps: NDArray[np.float64]
    cpu: NDArray[np.float64]
    wrong: int

    @property
    def p95(self) -> float:
        """Return the 95th percentile in milliseconds."""
        return float(np.percentile(self.steps, 95))


def main(arguments: list[str] | None = None) -> None:
    """Print the percentiles of a step and the number of wrong mask pixels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args(arguments)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    timing = measure(options.steps)
    middle, most = np.percentile(timing.steps, 50), timing.steps.max()
    print(f"limit slider, {SIDE} x {SIDE} frame, {options.steps} steps")
    print(f"p50 {middle:.1f} ms, p95 {timing.p95:.1f} ms, max {most:.1f} ms (goal: p95 <= {GOAL_MS:.0f} ms)")
    print(f"CPU time p50 {np.percentile(timing.cpu, 50):.1f} ms, p95 {np.percentile(timing.cpu, 95):.1f} ms")
    print(f"{timing.wrong} wrong mask pixels (goal: 0)")


def measure(steps: int, side: int = SIDE) -> Timing:
    """Slide the pixel limit from end to end and back, as a hand does."""
    application = make_application()
    apply_theme(application, "light")
    window, view, form = QWidget(), ImageView(), LimitsForm()
    row = QHBoxLayout(window)
    row.addWidget(view, 1)
    row.addWidget(form)
    window.resize(*WINDOW)
    window.show()
    score_map = hills(side)
    view.show_frame(surface(side), score_map, None, LIMITS)
    form.set_span(-3.0, 5.0)
    form.show_limits(LIMITS)
    form.edited.connect(view.set_limits)
    application.processEvents()
    zoom = view.findChild(ZoomView)
    assert zoom is not None
    mask = next(item for item in zoom.scene().items() if isinstance(item, MaskLayer))
    spent, cpu, wrong = [], [], 0
    for step in (500 + 400 * np.sin(np.linspace(0, 4 * np.pi, steps))).astype(int):
        begin, busy = time.perf_counter(), time.thread_time()
        form.pixel_slider.setValue(int(step))
        zoom.viewport().repaint()
        spent.append(1000 * (time.perf_counter() - begin))
        cpu.append(1000 * (time.thread_time() - busy))
        wrong += wrong_pixels(mask, score_map, form.limits.pixel)
    window.deleteLater()
    return Timing(np.asarray(spent), np.asarray(cpu), wrong)


def wrong_pixels(mask: MaskLayer, score_map: ScoreMap, limit: float) -> int:
    """Return how many pixels of the mask as it was painted are not those of the map at or over the limit."""
    return int((drawn(mask) != (score_map >= np.float64(limit))).sum())


def drawn(mask: MaskLayer) -> Mask:
    """Return which pixels the layer's image draws."""
    image = mask.qimage
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return np.asarray(rows[:, : image.width()] > 0)


def surface(side: int) -> Picture:
    """Return a woven surface (side, side, 3)."""
    rows, columns = np.mgrid[0:side, 0:side]
    gray = 128 + 40 * np.sin(columns / 5) * np.sin(rows / 6)
    return np.repeat(gray.astype(np.uint8)[..., None], 3, axis=2)


def hills(side: int) -> ScoreMap:
    """Return a smooth map with some noise, -3 to 5, of a few hundred regions at most limits."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(0, 1.4, (side // 64 + 2, side // 64 + 2))
    at = np.arange(side) / 64
    first, share = at.astype(int), at % 1
    lines = coarse[first] * (1 - share)[:, None] + coarse[first + 1] * share[:, None]
    smooth = lines[:, first] * (1 - share) + lines[:, first + 1] * share
    return np.asarray(smooth + rng.normal(0, 0.02, (side, side)), np.float32)


if __name__ == "__main__":
    main()
