"""Taking normal pictures now: from the line and from the source, with what is odd about them said first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from almrr_core.imaging import write_png
from almrr_core.settings import SourceKind, SourceSettings, load_settings, save_settings
from almrr_core.types import Pool
from app.compose import Program
from app.services.training_values import Captured
from app.views.capture_dialog import CaptureDialog
from app.views.thumbs import DATA
from tests.app.conftest import Start
from tests.app.training_material import (
    folder_of_normals,
    found,
    normal,
    school_of,
    station_of,
    train_page,
    wait,
    wait_for_product,
)

LEFT = Qt.MouseButton.LeftButton
COUNT = 14


def take(program: Program, qtbot: QtBot) -> CaptureDialog:
    """Take COUNT pictures by the dialog."""
    page, capture = train_page(program), school_of(program).capture
    qtbot.mouseClick(page.capture_button, LEFT)
    dialog = found(program.window, CaptureDialog)
    dialog.number.setValue(COUNT)
    qtbot.mouseClick(dialog.take_button, LEFT)
    assert capture.running
    wait(qtbot, lambda: not capture.running)
    return dialog


def captured(dialog: CaptureDialog) -> list[tuple[Captured, bool]]:
    """Return what was taken, and whether it is ticked."""
    items = [dialog.grid.item(at) for at in range(dialog.grid.count())]
    return [(item.data(DATA), item.checkState() is Qt.CheckState.Checked) for item in items]


def keep(program: Program, qtbot: QtBot, dialog: CaptureDialog) -> int:
    """Give the ticked ones to the pools; return how many are in them."""
    page, ticked = train_page(program), sum(on for _, on in captured(dialog))
    qtbot.mouseClick(dialog.keep_button, LEFT)
    wait(qtbot, lambda: f"{ticked} pictures were added" in page.said)
    wait(qtbot, lambda: sum(int(page.cards[pool].count) for pool in Pool) == ticked)
    return ticked


def odd_folder(folder: Path) -> Path:
    """Normal pictures, the second last almost a copy of the first, the last one far too dark."""
    folder_of_normals(folder, COUNT - 2)
    copy = normal(0).copy()
    copy[0, 0] = 61
    write_png(folder / "9998.png", copy)
    write_png(folder / "9999.png", np.asarray(normal(99) // 4, np.uint8))
    return folder


def test_the_source_of_a_stopped_line_is_opened_for_it(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    station_of(program).stop()
    wait(qtbot, lambda: not station_of(program).active)
    folder = str(odd_folder(tmp_path / "folder"))
    station_of(program).use_source(SourceSettings("folder", SourceKind.REPLAY, folder, rate=0.0))
    dialog = take(program, qtbot)
    taken = captured(dialog)
    assert len(taken) == COUNT
    assert all(ticked is not bool(one.remarks) for one, ticked in taken)
    odd = {Path(one.name).name: " ".join(one.remarks) for one, _ in taken if one.remarks}
    assert "almost the same" in odd["9998.png"]
    assert "darker than normals" in odd["9999.png"]
    assert keep(program, qtbot, dialog) == COUNT - len(odd)
    again = take(program, qtbot)
    assert sum("in the pools already" in " ".join(one.remarks) for one, _ in captured(again)) == COUNT - len(
        odd
    )
    again.reject()


def test_a_running_line_goes_on_while_pictures_are_taken(start: Start, qtbot: QtBot, data_dir: Path) -> None:
    before, _ = load_settings(data_dir)
    simulated = replace(before.sources[0].simulated, defect_rate=0.8)
    save_settings(data_dir, replace(before, sources=(replace(before.sources[0], simulated=simulated),)))
    program = start(demo=True)
    wait_for_product(program, qtbot)
    dialog = take(program, qtbot)
    taken = captured(dialog)
    assert len(taken) == COUNT
    assert station_of(program).running
    assert any("put a defect into it" in said for one, _ in taken for said in one.remarks)
    dialog.tick_all()
    assert keep(program, qtbot, dialog) == COUNT


def test_stopping_early_keeps_what_was_taken(start: Start, qtbot: QtBot) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    qtbot.mouseClick(train_page(program).capture_button, LEFT)
    dialog = found(program.window, CaptureDialog)
    dialog.number.setValue(200)
    qtbot.mouseClick(dialog.take_button, LEFT)
    wait(qtbot, lambda: dialog.grid.count() >= 2)
    qtbot.mouseClick(dialog.take_button, LEFT)
    assert not school_of(program).capture.running
    count = dialog.grid.count()
    wait(qtbot, lambda: not program.tasks.pending)
    assert dialog.grid.count() == count
    dialog.reject()
