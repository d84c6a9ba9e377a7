"""Pictures of widgets against those kept beside this file, with a tolerance.

`ALMRR_UPDATE_SNAPSHOTS=1` writes them anew: look at them before they are committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

FOLDER = Path(__file__).resolve().parent
MOST_DIFFERENT = 0.02  # of the pixels may differ by more than STEP: fonts are drawn a little otherwise
STEP = 24  # of 255, in any channel


def assert_looks(widget: QWidget, name: str) -> None:
    """Compare what a widget paints with the picture kept under `name`."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    path = FOLDER / f"{name}.png"
    if os.environ.get("ALMRR_UPDATE_SNAPSHOTS"):
        assert image.save(str(path))
    kept = QImage(str(path)).convertToFormat(QImage.Format.Format_RGB888)
    assert not kept.isNull(), f"{path.name} is missing; ALMRR_UPDATE_SNAPSHOTS=1 writes it"
    now, before = pixels(image), pixels(kept)
    assert now.shape == before.shape
    different = (np.abs(now.astype(int) - before).max(axis=2) > STEP).mean()
    if different > MOST_DIFFERENT:
        found = path.with_name(f"{name}.found.png")
        image.save(str(found))
        raise AssertionError(f"{100 * different:.1f} % of the pixels of {name} differ; see {found}")


def pixels(image: QImage) -> NDArray[np.uint8]:
    """Return (h, w, 3) of an RGB888 image."""
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)
