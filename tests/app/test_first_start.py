"""The first start: the demo line by one press, or three steps to a verdict; everything fit for a finger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from almrr_core.settings import load_settings
from app.compose import Program
from app.services.station import Station
from app.theme import TARGET
from app.views.first_start import FirstStart
from app.views.form_fields import PathEdit
from app.views.pages import Page
from tests.app.conftest import PATIENCE, Start


@pytest.fixture
def fresh(start: Start, tmp_path: Path) -> Program:
    program = start(tmp_path / "fresh")
    program.window.resize(1366, 768)
    return program


@pytest.fixture
def first(fresh: Program) -> FirstStart:
    found = fresh.window.findChild(FirstStart)
    assert found is not None
    assert found.isVisible()
    return found


def station_of(program: Program) -> Station:
    assert program.station is not None
    return program.station


def press(where: QWidget, text: str, qtbot: QtBot) -> None:
    found = (one for one in where.findChildren(QAbstractButton) if one.text() == text and one.isVisible())
    qtbot.mouseClick(next(found), Qt.MouseButton.LeftButton)


def enabled(where: QWidget, text: str) -> bool:
    found = (one for one in where.findChildren(QAbstractButton) if one.text() == text and one.isVisible())
    return next(found).isEnabled()


def write(where: QWidget, name: str, text: str, qtbot: QtBot) -> None:
    kinds = (*where.findChildren(QLineEdit), *where.findChildren(PathEdit))
    field = next(one for one in kinds if one.accessibleName() == name and one.isVisible())
    line = field.findChild(QLineEdit) if isinstance(field, PathEdit) else field
    qtbot.keyClick(line, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(line, text)


def said(where: QWidget) -> str:
    return "\n".join(one.text() for one in where.findChildren(QLabel) if one.isVisible())


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((130, 140), 80 + number, np.uint8))
    return folder


def test_the_demo_line_by_one_press(first: FirstStart, fresh: Program, qtbot: QtBot) -> None:
    station, shown = station_of(fresh), []
    station.showed.connect(shown.append)
    press(first, "Try the demo line", qtbot)
    qtbot.waitUntil(lambda: bool(shown), timeout=3 * PATIENCE)  # the material is made first
    assert station.running
    assert fresh.window.page is Page.INSPECT
    assert station.settings.first_start_done
    station.showed.disconnect(shown.append)


def test_three_steps_to_a_verdict(
    first: FirstStart, fresh: Program, pictures: Path, tiny_bundle: Path, qtbot: QtBot
) -> None:
    station, shown = station_of(fresh), []
    station.showed.connect(shown.append)
    press(first, "Set up my line", qtbot)
    assert "1 of 3" in said(first)
    press(first, "Folder, replayed", qtbot)
    assert not enabled(first, "Next")
    write(first, "Folder", str(pictures), qtbot)
    press(first, "Next", qtbot)
    assert "2 of 3" in said(first)
    write(first, "Product", "gasket", qtbot)
    write(first, "Folder of the model", str(pictures), qtbot)
    qtbot.waitUntil(lambda: "there is no card.json" in said(first), timeout=PATIENCE)
    press(first, "Next", qtbot)
    assert "2 of 3" in said(first)
    write(first, "Folder of the model", str(tiny_bundle), qtbot)
    press(first, "Next", qtbot)
    assert "“replay-1” (Folder, replayed)" in said(first)
    assert "as “gasket”" in said(first)
    press(first, "Start line", qtbot)
    qtbot.waitUntil(lambda: bool(shown), timeout=PATIENCE)
    assert fresh.window.page is Page.INSPECT
    assert shown[0].record.recipe.product == "gasket"
    qtbot.waitUntil(lambda: load_settings(station.data_dir)[0].first_start_done, timeout=PATIENCE)
    station.showed.disconnect(shown.append)


def test_back_keeps_what_was_chosen(first: FirstStart, qtbot: QtBot) -> None:
    press(first, "Set up my line", qtbot)
    press(first, "Simulated line", qtbot)
    press(first, "Next", qtbot)
    assert first.step == 2
    press(first, "Back", qtbot)
    write(first, "Name", "mine", qtbot)
    press(first, "Next", qtbot)
    press(first, "Back", qtbot)
    press(first, "Back", qtbot)
    assert first.step == 0
    press(first, "Set up my line", qtbot)
    kept = next(one for one in first.findChildren(QLineEdit) if one.accessibleName() == "Name")
    assert kept.text() == "mine"


def begin(first: FirstStart, model: Path, qtbot: QtBot) -> None:
    """Go through the steps with a simulated line and a new product, whose model then does not load."""
    press(first, "Set up my line", qtbot)
    press(first, "Simulated line", qtbot)
    press(first, "Next", qtbot)
    write(first, "Product", "gasket", qtbot)
    write(first, "Folder of the model", str(model), qtbot)
    press(first, "Next", qtbot)
    press(first, "Start line", qtbot)
    qtbot.waitUntil(lambda: "It did not work" in said(first), timeout=PATIENCE)


def test_a_damaged_model_says_so_and_one_can_go_on(
    first: FirstStart, fresh: Program, tmp_path: Path, qtbot: QtBot
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "card.json").write_text("{}")
    begin(first, broken, qtbot)
    assert not station_of(fresh).settings.first_start_done
    assert enabled(first, "Back")
    assert enabled(first, "Start line")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_product_that_did_not_load_is_not_made_twice(
    first: FirstStart, fresh: Program, tiny_bundle: Path, qtbot: QtBot
) -> None:
    station = station_of(fresh)
    station.change_settings(replace(station.settings, device="cuda"))
    begin(first, tiny_bundle, qtbot)
    station.change_settings(replace(station.settings, device="cpu"))
    qtbot.waitUntil(lambda: enabled(first, "Start line"), timeout=PATIENCE)
    press(first, "Start line", qtbot)
    qtbot.waitUntil(lambda: station.running, timeout=PATIENCE)
    assert [row.model_id for row in fresh.store.models("gasket")] == ["M-0001"]
    assert station.recipe is not None and station.recipe.version == 1


def test_later_goes_to_the_pages(first: FirstStart, fresh: Program, qtbot: QtBot) -> None:
    press(first, "Set it up later", qtbot)
    assert fresh.window.page is Page.INSPECT


@pytest.mark.parametrize("kind", ["Camera", "Folder, watched", "Simulated line"])
def test_what_fingers_press_is_large_enough(first: FirstStart, qtbot: QtBot, kind: str) -> None:
    def small() -> list[str]:
        targets = [*first.findChildren(QAbstractButton), *first.findChildren(QComboBox)]
        targets += [one for one in first.findChildren(QLineEdit) if "spinbox" not in one.objectName()]
        return [
            f"{type(one).__name__} {one.accessibleName()} {one.height()}"
            for one in targets
            if one.isVisible() and one.height() < TARGET and one.objectName() != "_q_qlineeditclearbutton"
        ]

    qtbot.waitUntil(lambda: not small(), timeout=PATIENCE)
    press(first, "Set up my line", qtbot)
    press(first, kind, qtbot)
    qtbot.wait(50)
    assert small() == []
