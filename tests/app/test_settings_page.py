"""The settings page in the program's window: nothing before Apply, complaints at the field."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QListWidget, QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from almrr_core.settings import Keep, Settings, ThemeName, load_settings
from almrr_core.types import OnLateOutput, TriggerKind
from app.compose import Program
from app.services.station import Station
from app.theme import DARK, tokens
from app.views.form_fields import Field
from app.views.pages import Page
from app.views.settings_effects import effects
from app.views.settings_page import SettingsPage
from tests.app.conftest import PATIENCE, Start

SECTIONS = ("Station", "Sources", "Product and model", "Trigger", "Pictures kept", "Network")


@pytest.fixture
def program(start: Start) -> Program:
    started = start()
    started.window.show_page(Page.SETTINGS)
    return started


@pytest.fixture
def page(program: Program) -> SettingsPage:
    found = program.window.findChild(SettingsPage)
    assert found is not None
    return found


def station_of(program: Program) -> Station:
    assert program.station is not None
    return program.station


def section(page: SettingsPage, name: str) -> None:
    """Go to a section by its list."""
    found = next(one for one in page.findChildren(QListWidget) if one.accessibleName() == "Sections")
    found.setCurrentRow(SECTIONS.index(name))


def editor(page: QWidget, name: str, kind: type[QWidget] = QLineEdit) -> QWidget:
    return next(one for one in page.findChildren(kind) if one.accessibleName() == name and one.isVisible())


def retype(field: QWidget, text: str, qtbot: QtBot) -> None:
    """Replace what a field holds by keys."""
    qtbot.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(field, Qt.Key.Key_Delete)
    qtbot.keyClicks(field, text)


def button(page: QWidget, text: str) -> QPushButton:
    return next(one for one in page.findChildren(QPushButton) if one.text() == text and one.isVisible())


def said(page: QWidget) -> str:
    return "\n".join(one.text() for one in page.findChildren(QLabel) if one.isVisible())


def complaints(page: QWidget) -> list[str]:
    return [one.complaint for one in page.findChildren(Field) if one.isVisible() and one.complaint]


def test_nothing_changes_before_apply(
    page: SettingsPage, program: Program, data_dir: Path, qtbot: QtBot
) -> None:
    assert "Everything here is in force." in said(page)
    assert not button(page, "Apply").isEnabled()
    retype(editor(page, "Station name"), "press 7", qtbot)
    assert page.unsaved
    assert station_of(program).settings.station_id == "station-1"
    qtbot.mouseClick(button(page, "Apply"), Qt.MouseButton.LeftButton)
    assert station_of(program).settings.station_id == "press 7"
    qtbot.waitUntil(lambda: load_settings(data_dir)[0].station_id == "press 7", timeout=PATIENCE)
    assert not page.unsaved
    assert not button(page, "Apply").isEnabled()


def test_revert_shows_again_what_is_in_force(page: SettingsPage, program: Program, qtbot: QtBot) -> None:
    name = editor(page, "Station name")
    retype(name, "other", qtbot)
    qtbot.mouseClick(button(page, "Revert"), Qt.MouseButton.LeftButton)
    assert name.text() == "station-1"
    assert not page.unsaved


def test_apply_by_key_changes_the_theme_at_once(page: SettingsPage, program: Program, qtbot: QtBot) -> None:
    theme = editor(page, "Theme", QComboBox)
    theme.setFocus()
    qtbot.keyClicks(theme, "dark")
    assert "The theme changes at once." in said(page)
    qtbot.keyClick(page, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert station_of(program).settings.theme is ThemeName.DARK
    assert tokens() is DARK


def test_a_field_says_what_is_wrong_and_apply_waits(
    page: SettingsPage, program: Program, qtbot: QtBot
) -> None:
    retype(editor(page, "Station name"), "", qtbot)
    assert complaints(page) == ["Give it a name."]
    section(page, "Network")
    retype(editor(page, "Address"), "not a host!", qtbot)
    assert complaints(page) == ["Give an IP address or a host name."]
    assert not button(page, "Apply").isEnabled()
    qtbot.keyClick(page, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert station_of(program).settings.network.host == "127.0.0.1"
    assert "Station: Give it a name." in said(page)


def test_sockets(page: SettingsPage, program: Program, qtbot: QtBot) -> None:
    section(page, "Network")
    assert "Only programs on this computer can connect." in said(page)
    retype(editor(page, "Address"), "0.0.0.0", qtbot)
    assert "there is no password" in said(page)
    trigger, verdicts = (editor(page, f"{name} port", QSpinBox) for name in ("Trigger", "Verdict"))
    assert trigger.text() == "off"
    retype(trigger, "7001", qtbot)
    retype(verdicts, "7001", qtbot)
    assert complaints(page) == ["Both sockets have the same port."]
    retype(verdicts, "7002", qtbot)
    qtbot.mouseClick(button(page, "Apply"), Qt.MouseButton.LeftButton)
    network = station_of(program).settings.network
    assert (network.host, network.trigger_port, network.output_port) == ("0.0.0.0", 7001, 7002)


def test_retention(page: SettingsPage, program: Program, data_dir: Path, qtbot: QtBot) -> None:
    section(page, "Pictures kept")
    keep = editor(page, "Keep", QComboBox)
    keep.setFocus()
    qtbot.keyClick(keep, Qt.Key.Key_End)
    retype(editor(page, "One PASS in", QSpinBox), "25", qtbot)
    limited = {one.accessibleName() for one in page.findChildren(QWidget)}
    assert {"days of PASS", "days of NOT INSPECTED"} <= limited
    assert not {"days of REVIEW", "days of FAIL"} & limited  # they stay until they are labelled, and then too
    days = next(one for one in page.findChildren(QWidget) if one.accessibleName() == "days of PASS")
    retype(days, "0", qtbot)
    qtbot.keyClick(days, Qt.Key.Key_Return)
    assert days.text() == "without end"
    qtbot.mouseClick(button(page, "Apply"), Qt.MouseButton.LeftButton)
    kept = station_of(program).settings.retention
    assert (kept.keep, kept.nth, kept.pass_days) == (Keep.EVERY_NTH, 25, None)
    assert kept == replace(Settings().retention, keep=Keep.EVERY_NTH, nth=25, pass_days=None)
    qtbot.waitUntil(lambda: _stored(data_dir)["retention"]["nth"] == 25, timeout=PATIENCE)


def _stored(folder: Path) -> dict[str, dict[str, object]]:
    return json.loads((folder / "settings.json").read_text(encoding="utf-8"))


def test_a_trigger_becomes_a_new_recipe_version(start: Start, qtbot: QtBot) -> None:
    program = start(demo=True)
    station, page = station_of(program), program.window.findChild(SettingsPage)
    qtbot.waitUntil(lambda: station.running, timeout=PATIENCE)
    program.window.show_page(Page.SETTINGS)
    section(page, "Trigger")
    before = station.recipe
    assert before is not None
    kind = editor(page, "Triggered by", QComboBox)
    kind.setFocus()
    qtbot.keyClick(kind, Qt.Key.Key_Home)
    retype(editor(page, "Every", QWidget), "0.25", qtbot)
    assert "from the next part on" in said(page)
    qtbot.mouseClick(button(page, "Apply"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: station.recipe.version == before.version + 1, timeout=PATIENCE)
    assert station.recipe.trigger.kind is TriggerKind.INTERVAL
    assert station.recipe.trigger.interval == 0.25
    assert station.recipe.on_late_output is OnLateOutput.NOTICE
    assert station.recipe.limits == before.limits
    assert station.running
    qtbot.waitUntil(lambda: not page.unsaved, timeout=PATIENCE)


def test_without_a_product_the_trigger_says_so(page: SettingsPage) -> None:
    section(page, "Trigger")
    assert "Choose a product first" in said(page)


def test_what_apply_will_do() -> None:
    now = Settings()
    other = replace(now, line_id="line-2")
    assert effects(now, now, False, True) == ()
    assert effects(now, other, False, True) == (
        "The line stops, records what it has taken, and starts again.",
    )
    assert effects(now, other, False, False) == ("The line uses it from its next start.",)
    assert "new version of the recipe" in effects(now, now, True, True)[0]
    assert effects(now, replace(now, heat_opacity=0.1), False, True) == (
        "It is saved; the line does not change.",
    )
