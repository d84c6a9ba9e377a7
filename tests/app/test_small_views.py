"""Small things several pages use: places of labels, nouns with their counts, plots without menus."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from almrr_core.types import Limits
from app.views.label_places import tops_apart
from app.views.log_words import counted
from app.views.plot import quiet_plot
from app.views.score_strip import ScoreStrip


@pytest.mark.parametrize(
    ("centres", "tops"),
    [
        ((10.0, 50.0), (3.0, 43.0)),  # each at its line
        ((20.0, 22.0), (13.0, 27.0)),  # the lower one below the upper one
        ((90.0, 92.0), (72.0, 86.0)),  # both up from the ground
        ((0.0, 1.0), (0.0, 14.0)),  # and down from the top
        ((), ()),
    ],
)
def test_labels_never_cover_each_other(centres: tuple[float, ...], tops: tuple[float, ...]) -> None:
    assert tops_apart(centres, 14.0, 100.0) == tops


def test_one_part_is_not_parts() -> None:
    assert [counted(n, "{0} part", "{0} parts") for n in (0, 1, 2500)] == ["0 parts", "1 part", "2,500 parts"]


def test_a_plot_leaves_no_menu_behind(qapp: QApplication, qtbot: QtBot) -> None:
    before = [widget for widget in qapp.topLevelWidgets() if isinstance(widget, QMenu)]
    parent = QWidget()
    qtbot.addWidget(parent)
    plot = quiet_plot(parent)
    plot.plot([1, 2], [3, 4])
    menus = [widget for widget in qapp.topLevelWidgets() if isinstance(widget, QMenu)]
    assert not [menu for menu in menus if menu not in before and menu.parent() is None]
    assert not plot.plotItem.menuEnabled()


def painted(limits: Limits, scores: list[float], qtbot: QtBot) -> NDArray[np.int16]:
    """Return a score strip of 600×92 pixels as (92, 600, 3)."""
    strip = ScoreStrip()
    qtbot.addWidget(strip)
    strip.resize(600, 92)
    strip.begin_with(scores, limits)
    image = strip.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return pixels[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(np.int16)


def test_a_gross_outlier_does_not_flatten_the_scores(qtbot: QtBot) -> None:
    pixels = painted(Limits(0.0, 1.0, 1.0), [-1.0] * 40 + [-100.0], qtbot)
    dark = (np.abs(pixels - pixels[-1, 0]).sum(2) > 60)[24:, 420:500]  # within the plot, right of its middle
    rows = np.flatnonzero(dark.mean(1) > 0.9)  # fail limit, review limit, forty dots side by side
    assert (np.diff(rows) > 10).sum() == 2


def test_the_words_of_a_limit_are_not_cut_off(qtbot: QtBot) -> None:
    pixels = painted(Limits(-1234.56, 1.0, 1.0), [0.0], qtbot)
    assert (np.abs(pixels - pixels[-1, 0]).sum(2) < 12)[:, -4:].all()
    assert (np.abs(pixels - pixels[-1, 0]).sum(2) > 60)[:, -24:-4].any()
