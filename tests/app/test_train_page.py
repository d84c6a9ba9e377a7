"""The page Train as a new user drives it: pictures in, one button, a decision; the real child process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from almrr_core.lifecycle.process import thread_cap
from almrr_core.store.store import Store
from almrr_core.types import Action, Pool, Shown
from app.compose import Program
from app.services.training_values import Learning, Light, Phase
from app.views.pool_dialog import PoolDialog
from app.views.promote_dialog import PromoteDialog, TypedDialog
from app.views.train_page import TrainPage
from tests.app.conftest import Start, close
from tests.app.training_material import (
    add_normals,
    folder_of_normals,
    found,
    school_of,
    station_of,
    train_page,
    wait,
    wait_for_phase,
    wait_for_product,
)

# real trainings, on machines that may be busy
pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("slow_line")]
LEFT = Qt.MouseButton.LeftButton
STEPS = 2


def press_retrain(program: Program, qtbot: QtBot, page: TrainPage) -> None:
    """Choose a short time to learn and press the button."""
    card = page.retrain_card
    card.options.set_open(True)

    if card.steps.value() != STEPS:
        card.steps.setValue(STEPS)
        wait(qtbot, lambda: not card.button.isEnabled())
    wait(qtbot, card.button.isEnabled)
    assert "Goes on from the active model" in card.sentence
    assert "Takes about" in card.sentence
    qtbot.mouseClick(card.button, LEFT)
    wait_for_phase(program, qtbot, Phase.TRAINING, Phase.DOUBTFUL, Phase.IDLE)
    training = school_of(program).training
    if training.phase is Phase.DOUBTFUL:
        training.go_on()
    assert training.phase is Phase.TRAINING, page.said


def models_of(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / "models").glob("*/*"))


def ask_and_keep(program: Program, qtbot: QtBot, page: TrainPage) -> None:
    """Begin to discard the candidate, and think better of it."""
    qtbot.mouseClick(page.decision.discard_button, LEFT)
    question = found(program.window, TypedDialog)
    assert not question.yes.isEnabled()
    qtbot.keyClicks(question.text, "M-0002")
    assert question.yes.isEnabled()
    question.reject()


def test_a_new_user_retrains_and_promotes_while_the_line_runs(
    start: Start, qtbot: QtBot, data_dir: Path, tmp_path: Path
) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    station, training = station_of(program), school_of(program).training
    news: list[Learning] = []
    training.trainer.learned.connect(news.append)
    page = add_normals(program, qtbot, tmp_path / "normals", 40)
    assert sum(int(page.cards[pool].count) for pool in Pool) == 40
    wait(qtbot, lambda: page.cards[Pool.TRAIN].thumbs.count > 0)
    press_retrain(program, qtbot, page)
    wait_for_phase(program, qtbot, Phase.READY, Phase.IDLE)
    assert training.phase is Phase.READY, page.said
    assert any(one.losses is not None and one.pictures_per_second > 0 for one in news)
    assert any(one.worst for one in news)
    report = training.comparison.report
    assert report is not None
    assert (report.active, report.candidate) == ("M-0001", "M-0002")
    assert report.light.value.upper() in page.decision.gate.bar.word
    if report.changes:
        wait(qtbot, lambda: page.decision.gate.captions[1].startswith("M-0002"))
    ask_and_keep(program, qtbot, page)
    shown: list[Shown] = []
    station.showed.connect(shown.append)
    qtbot.mouseClick(page.decision.promote_button, LEFT)
    dialog = found(program.window, PromoteDialog)
    assert not dialog.yes.isEnabled()
    qtbot.keyClicks(dialog.text, "more light in hall 2")
    assert dialog.yes.isEnabled() is (report.light is not Light.RED)
    dialog.confirmation.setChecked(True)
    qtbot.mouseClick(dialog.yes, LEFT)
    wait(qtbot, lambda: bool(shown) and shown[-1].record.recipe.model_id == "M-0002")
    wait_for_phase(program, qtbot, Phase.IDLE)
    assert station.running
    close(program, qtbot)
    assert models_of(data_dir) == ["M-0001", "M-0002"]
    store = Store.open(data_dir)
    (recipe, *_) = store.recipes("Demo fabric")
    assert (recipe.model_id, recipe.reason[:20]) == ("M-0002", "more light in hall 2")
    assert ("confirmed" in recipe.reason) is (report.light is Light.RED)
    assert any(event.action == Action.MODEL_PROMOTED for event in store.events())
    assert not store.recovered
    assert station.status.inspected == station.status.recorded
    store.close()


def test_a_stopped_and_a_killed_training_leave_nothing(
    start: Start, qtbot: QtBot, data_dir: Path, tmp_path: Path
) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    page, training = add_normals(program, qtbot, tmp_path / "normals", 40), school_of(program).training
    press_retrain(program, qtbot, page)
    qtbot.mouseClick(page.progress.cancel_button, LEFT)
    wait_for_phase(program, qtbot, Phase.IDLE)
    assert page.said == ""
    wait(qtbot, page.retrain_card.button.isEnabled)
    press_retrain(program, qtbot, page)
    wait(qtbot, lambda: training.trainer.pid is not None)
    pid = training.trainer.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for_phase(program, qtbot, Phase.IDLE)
    assert "by signal 9" in page.said
    assert "the active model goes on" in page.said
    wait(qtbot, lambda: models_of(data_dir) == ["M-0001"])
    assert station_of(program).running


def ask_to_close(program: Program) -> QMessageBox:
    program.window.close()
    assert program.window.isVisible()
    return found(program.window, QMessageBox)


def answer(box: QMessageBox, role: QMessageBox.ButtonRole) -> None:
    next(one for one in box.buttons() if box.buttonRole(one) is role).click()


def test_closing_asks_and_ends_the_training(
    start: Start, qtbot: QtBot, data_dir: Path, tmp_path: Path
) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    page, training = add_normals(program, qtbot, tmp_path / "normals", 40), school_of(program).training
    press_retrain(program, qtbot, page)
    wait(qtbot, lambda: training.trainer.pid is not None)
    pid = training.trainer.pid
    assert pid is not None
    environment = psutil.Process(pid).environ()
    assert environment["OMP_NUM_THREADS"] == str(thread_cap(line_runs=True))
    assert environment["OMP_WAIT_POLICY"] == os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
    box = ask_to_close(program)
    assert box.text() == "The line and a training are running. Stop both and close?"
    assert "the active model stays as it is" in box.informativeText()
    answer(box, QMessageBox.ButtonRole.RejectRole)
    station_of(program).stop()
    wait(qtbot, lambda: not station_of(program).active)
    assert training.phase is Phase.TRAINING
    box = ask_to_close(program)
    assert box.text() == "A training is running. Close and cancel it?"
    answer(box, QMessageBox.ButtonRole.AcceptRole)
    wait(qtbot, lambda: program.window.over)
    program.end()
    assert not psutil.pid_exists(pid)
    assert models_of(data_dir) == ["M-0001"]
    again = start()
    wait(qtbot, lambda: bool(school_of(again).models.facts))
    assert [one.row.model_id for one in school_of(again).models.facts] == ["M-0001"]


def test_pools_refuse_copies_and_keep_the_history_of_what_leaves(
    start: Start, qtbot: QtBot, tmp_path: Path
) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    page = add_normals(program, qtbot, tmp_path / "normals", 40)
    page.add_folder(str(folder_of_normals(tmp_path / "again", 1)))
    wait(qtbot, lambda: "0 pictures were added" in page.said)
    assert "already in the pool" in page.said
    before = int(page.cards[Pool.TRAIN].count)
    page.cards[Pool.TRAIN].open()
    dialog = found(program.window, PoolDialog)
    wait(qtbot, lambda: dialog.grid.count() == before)
    dialog.grid.item(0).setSelected(True)
    assert not dialog.remove_button.isEnabled()
    qtbot.keyClicks(dialog.reason, "a thread over it")
    qtbot.mouseClick(dialog.remove_button, LEFT)
    wait(qtbot, lambda: int(page.cards[Pool.TRAIN].count) == before - 1)
    dialog.accept()
    assert program.store is not None
    gone = [one for one in program.store.samples("Demo fabric", removed=True) if one.removed_at is not None]
    assert [one.removed_why for one in gone] == ["a thread over it"]


def test_training_only_while_stopped_and_never_on_too_few(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    page = train_page(program)
    wait(qtbot, lambda: "has 0 normal pictures" in page.retrain_card.sentence)
    assert not page.retrain_card.button.isEnabled()
    add_normals(program, qtbot, tmp_path / "normals", 40)
    page.retrain_card.only_stopped.setChecked(True)
    assert not page.retrain_card.button.isEnabled()
    assert "Stop the line first" in page.retrain_card.sentence
    assert station_of(program).settings.train_while_running is False
    station_of(program).stop()
    wait(qtbot, page.retrain_card.button.isEnabled)
