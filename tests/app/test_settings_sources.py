"""Sources and products in the settings: forms for every kind, trials of real sources, real bundles."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QListWidget, QToolButton
from pytestqt.qtbot import QtBot

from almrr_core.data.line_pictures import SURFACES as MADE
from almrr_core.settings import AfterInspection, SourceKind, SourceSettings
from app.compose import Program
from app.views.first_steps import SourceStep
from app.views.form_fields import PathEdit
from app.views.kinds_button import KindsButton
from app.views.pages import Page
from app.views.product_form import ProductForm
from app.views.settings_page import SettingsPage
from app.views.source_form import SourceForm
from app.views.source_words import DEFECTS, SURFACES, defect_word, kind_word, new_source, surface_word
from app.views.sources_form import SourcesForm
from tests.app.conftest import PATIENCE, Start
from tests.app.test_settings_page import button, complaints, editor, retype, said, section, station_of


@pytest.fixture
def program(start: Start) -> Program:
    started = start()
    started.window.show_page(Page.SETTINGS)
    return started


@pytest.fixture
def page(program: Program) -> SettingsPage:
    found = program.window.findChild(SettingsPage)
    section(found, "Sources")
    return found


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((40, 60), 80 + number, np.uint8))
    return folder


def add(page: SettingsPage, kind: SourceKind) -> None:
    """Add a source by the menu."""
    menu = next(one for one in page.findChildren(QToolButton) if one.text() == "Add").menu()
    next(one for one in menu.actions() if one.text() == kind_word(kind)).trigger()


def form(page: SettingsPage) -> SourceForm:
    return next(one for one in page.findChildren(SourceForm) if one.isVisible())


def names(page: SettingsPage) -> list[str]:
    found = next(one for one in page.findChildren(QListWidget) if one.accessibleName() == "Sources")
    return [found.item(at).text() for at in range(found.count())]


def set_folder(page: SettingsPage, name: str, folder: Path, qtbot: QtBot) -> None:
    field = next(
        one for one in page.findChildren(PathEdit) if one.accessibleName() == name and one.isVisible()
    )
    retype(field.findChild(QLineEdit), str(folder), qtbot)


def test_the_words_are_those_of_the_generator() -> None:
    assert set(SURFACES) == set(MADE)
    assert set(DEFECTS) == {kind for surface in MADE.values() for kind in surface.kinds}
    assert all(surface_word(name) for name in SURFACES)
    assert all("_" not in defect_word(name) for name in DEFECTS)


@pytest.mark.parametrize("kind", list(SourceKind))
def test_a_new_source_of_each_kind_is_shown_as_it_is(kind: SourceKind, qtbot: QtBot) -> None:
    made = SourceForm()
    qtbot.addWidget(made)
    wanted = new_source(kind, "one")
    made.show_source(wanted)
    made.show()
    assert made.source == wanted
    assert bool(made.problems()) == (kind not in (SourceKind.CAMERA, SourceKind.SIMULATED))


def test_a_watched_folder(page: SettingsPage, program: Program, pictures: Path, qtbot: QtBot) -> None:
    add(page, SourceKind.WATCH)
    assert complaints(page) == ["Choose a folder."]
    set_folder(page, "Folder", pictures / "nowhere", qtbot)
    qtbot.waitUntil(lambda: complaints(page) == ["This folder does not exist."], timeout=PATIENCE)
    set_folder(page, "Folder", pictures, qtbot)
    after = editor(page, "After inspection", QComboBox)
    after.setFocus()
    qtbot.keyClick(after, Qt.Key.Key_Down)
    set_folder(page, "Archive folder", pictures, qtbot)
    assert complaints(page) == ["Archived files would be inspected again: choose another folder."]
    set_folder(page, "Archive folder", pictures / "done", qtbot)
    qtbot.mouseClick(
        editor(page, "Take", QCheckBox),
        Qt.MouseButton.LeftButton,
        pos=editor(page, "Take", QCheckBox).rect().center() * 0.1,
    )
    retype(editor(page, "Name"), "inbox", qtbot)
    qtbot.mouseClick(button(page, "Use this source"), Qt.MouseButton.LeftButton)
    assert names(page) == ["demo", "inbox · in use"]
    qtbot.mouseClick(button(page, "Apply"), Qt.MouseButton.LeftButton)
    source = station_of(program).settings.source
    assert source is not None
    assert (source.source_id, source.address) == ("inbox", str(pictures))
    assert (source.after, source.archive) == (AfterInspection.ARCHIVE, str(pictures / "done"))


def test_names_are_unique_and_addresses_are_checked(page: SettingsPage, qtbot: QtBot) -> None:
    add(page, SourceKind.STREAM)
    retype(editor(page, "Name"), "demo", qtbot)
    retype(editor(page, "Address"), "rstp:/x", qtbot)
    assert complaints(page) == [
        "Another source has this name.",
        "An address begins with rtsp://, http:// or https:// and names a host.",
    ]
    assert not button(page, "Apply").isEnabled()
    retype(editor(page, "Address"), "rtsp://10.0.0.7:554/a", qtbot)
    retype(editor(page, "Name"), "gate", qtbot)
    assert complaints(page) == []
    assert button(page, "Apply").isEnabled()


def test_removing_the_source_in_use_takes_the_next(
    page: SettingsPage, program: Program, qtbot: QtBot
) -> None:
    add(page, SourceKind.CAMERA)
    qtbot.mouseClick(button(page, "Use this source"), Qt.MouseButton.LeftButton)
    assert names(page) == ["demo", "camera-1 · in use"]
    qtbot.mouseClick(button(page, "Remove"), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(button(page, "Remove"), Qt.MouseButton.LeftButton)
    assert names(page) == []
    assert "No source yet" in said(page)
    qtbot.mouseClick(button(page, "Revert"), Qt.MouseButton.LeftButton)
    assert names(page) == ["demo"]


def test_the_simulated_line(page: SettingsPage, program: Program, qtbot: QtBot) -> None:
    surface = editor(page, "Surface", QComboBox)
    surface.setFocus()
    qtbot.keyClicks(surface, "leather")
    kinds = page.findChild(KindsButton)
    for action in kinds.menu().actions()[:2]:
        action.trigger()
    assert kinds.text() == "scratch, stain"
    retype(editor(page, "Parts with a defect", type(form(page)._defects)), "12.5", qtbot)
    qtbot.mouseClick(button(page, "Apply"), Qt.MouseButton.LeftButton)
    made = station_of(program).settings.sources[0].simulated
    assert (made.surface, made.kinds, made.defect_rate) == ("leather", ("scratch", "stain"), 0.125)


def test_trying_a_folder_shows_its_first_picture(page: SettingsPage, pictures: Path, qtbot: QtBot) -> None:
    add(page, SourceKind.REPLAY)
    set_folder(page, "Folder", pictures, qtbot)
    qtbot.mouseClick(button(page, "Try it"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "60 × 40 pixels." in said(page), timeout=PATIENCE)
    thumbnails = [one for one in page.findChildren(QLabel) if one.isVisible() and not one.pixmap().isNull()]
    assert thumbnails
    assert sorted(path.name for path in pictures.iterdir()) == ["0.png", "1.png", "2.png"]
    retype(editor(page, "Name"), "other", qtbot)
    assert "60 × 40 pixels." not in said(page)


def test_trying_what_cannot_work_says_why(page: SettingsPage, tmp_path: Path, qtbot: QtBot) -> None:
    add(page, SourceKind.VIDEO)
    (tmp_path / "no.mp4").write_bytes(b"this is no video")
    set_folder(page, "File", tmp_path / "no.mp4", qtbot)
    qtbot.mouseClick(button(page, "Try it"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "✕ " in said(page), timeout=PATIENCE)


def test_a_product_from_a_bundle(
    page: SettingsPage, program: Program, tiny_bundle: Path, qtbot: QtBot
) -> None:
    section(page, "Product and model")
    products, station = page.findChild(ProductForm), station_of(program)
    qtbot.mouseClick(button(products, "Add product"), Qt.MouseButton.LeftButton)
    assert complaints(products) == ["Give the product a name.", "Choose a folder."]
    retype(editor(products, "Product"), "gasket", qtbot)
    set_folder(page, "Folder of the model", tiny_bundle.parent, qtbot)
    bare = ["This folder holds no trained model: there is no card.json in it."]
    qtbot.waitUntil(lambda: complaints(products)[-1:] == bare, timeout=PATIENCE)
    qtbot.mouseClick(button(products, "Add product"), Qt.MouseButton.LeftButton)
    assert complaints(products) == bare
    set_folder(page, "Folder of the model", tiny_bundle, qtbot)
    qtbot.mouseClick(button(products, "Add product"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: station.recipe is not None, timeout=PATIENCE)
    assert station.settings.product == "gasket"
    qtbot.waitUntil(lambda: "version 1 of gasket" in said(products), timeout=PATIENCE)
    assert not button(products, "Inspect this product").isEnabled()


def test_the_wheel_does_not_change_what_it_scrolls_over(qtbot: QtBot) -> None:
    made = SourceForm()
    qtbot.addWidget(made)
    made.show_source(SourceSettings("demo", SourceKind.SIMULATED))
    made.show()
    before = made.source
    surface = editor(made, "Surface", QComboBox)
    made.setFocus()
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    middle = QPointF(surface.rect().center())
    event = QWheelEvent(
        middle,
        surface.mapToGlobal(middle),
        QPoint(0, -120),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(surface, event)
    assert made.source == before


def test_the_first_start_leaves_out_what_works_by_itself(qtbot: QtBot) -> None:
    step = SourceStep(None)
    qtbot.addWidget(step)
    step.show()
    step.choose(SourceKind.SIMULATED)
    assert step.ready
    assert not any(one.isVisible() for one in step.findChildren(KindsButton))
    assert isinstance(step.source, SourceSettings)
    assert step.findChild(SourcesForm) is None
