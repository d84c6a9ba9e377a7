"""What the tests of the pages Train and Models share: normal pictures in a folder, waiting, the services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from almrr_core.imaging import write_png
from almrr_core.types import Picture
from app.compose import Program
from app.services.school import School
from app.services.station import Station
from app.services.training_values import Phase
from app.views.models_page import ModelsPage
from app.views.pages import Page
from app.views.train_page import TrainPage
from tests.core.picture_files import smooth

PATIENCE = 600_000  # ms for a training on a busy machine
SIDE = 128

W = TypeVar("W", bound=QWidget)


def normal(seed: int) -> Picture:
    """One gray normal part (SIDE, SIDE): like all others, but never the same."""
    return np.asarray(cv2.normalize(smooth((SIDE, SIDE), seed), None, 60, 200, cv2.NORM_MINMAX), np.uint8)


def folder_of_normals(folder: Path, count: int, first: int = 0) -> Path:
    """Write normal parts as files."""
    for seed in range(first, first + count):
        write_png(folder / f"{seed:04d}.png", normal(seed))
    return folder


def school_of(program: Program) -> School:
    assert program.school is not None
    return program.school


def station_of(program: Program) -> Station:
    assert program.station is not None
    return program.station


def train_page(program: Program) -> TrainPage:
    program.window.go(Page.TRAIN)
    return found(program.window, TrainPage)


def models_page(program: Program) -> ModelsPage:
    program.window.go(Page.MODELS)
    return found(program.window, ModelsPage)


def found(parent: QWidget, kind: type[W]) -> W:
    """Return the widget of a kind that is shown."""
    return next(one for one in parent.findChildren(kind) if one.isVisible())


def wait(qtbot: QtBot, until: Callable[[], bool]) -> None:
    qtbot.waitUntil(until, timeout=PATIENCE)


def wait_for_product(program: Program, qtbot: QtBot) -> None:
    """Wait until the demo line runs and its model is active."""
    wait(qtbot, lambda: station_of(program).running and bool(school_of(program).models.facts))


def wait_for_phase(program: Program, qtbot: QtBot, *phases: Phase) -> None:
    wait(qtbot, lambda: school_of(program).training.phase in phases)


def add_normals(program: Program, qtbot: QtBot, folder: Path, count: int, others: int = 0) -> TrainPage:
    """Add normals by the page, with `others` that lie in the folder; wait for what Retrain would do."""
    page = train_page(program)
    page.add_folder(str(folder_of_normals(folder, count)))
    wait(qtbot, lambda: f"{count + others} pictures were added" in page.said)
    wait(qtbot, page.retrain_card.button.isEnabled)
    return page
