"""The page Models with the real log and tiny models: compare, promote, go back, one file, delete, drift."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from almrr_core.line.products import install_product
from almrr_core.types import (
    Action,
    Actor,
    Notice,
    Recipe,
    Record,
    Shown,
)
from app.compose import Program
from app.services.training_values import ModelState
from app.views.drift_chart import DriftCard
from app.views.models_page import ModelsPage
from app.views.pages import Page
from app.views.promote_dialog import PromoteDialog, TypedDialog
from app.views.training_progress import TrainingProgress
from tests.app.conftest import PATIENCE, Start
from tests.app.training_material import found, models_page, school_of, station_of, wait, wait_for_product
from tests.core.parts import plain_record

LEFT = Qt.MouseButton.LeftButton


def with_a_copy(program: Program, qtbot: QtBot, folder: Path) -> ModelsPage:
    """Export the demo model and import it again: a candidate like the active model."""
    wait_for_product(program, qtbot)
    page = models_page(program)
    choose(page, qtbot, "M-0001")
    page.export_to(str(folder / "copy"))
    wait(qtbot, lambda: "Exported" in page.said)
    assert (folder / "copy.almrr").is_file()
    page.import_from(str(folder / "copy.almrr"))
    wait(qtbot, lambda: "is a candidate now" in page.said)
    wait(qtbot, lambda: page.timeline.count() == 2)
    return page


def choose(page: ModelsPage, qtbot: QtBot, *names: str) -> None:
    wait(qtbot, lambda: page.timeline.count() > 0)
    page.timeline.clearSelection()
    for at in range(page.timeline.count()):
        item = page.timeline.item(at)
        item.setSelected(item.text().startswith(names))


def promote(program: Program, qtbot: QtBot, page: ModelsPage, note: str) -> None:
    """Answer the question for a note."""
    dialog = found(program.window, PromoteDialog)
    qtbot.keyClicks(dialog.text, note)
    dialog.confirmation.setChecked(True)
    qtbot.mouseClick(dialog.yes, LEFT)
    wait(qtbot, lambda: "is the active model now" in page.said)


def states(program: Program) -> dict[str, ModelState]:
    return {one.row.model_id: one.state for one in school_of(program).models.facts}


def test_compare_promote_and_go_back_while_the_line_runs(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    program = start(demo=True)
    page = with_a_copy(program, qtbot, tmp_path)
    shown: list[Shown] = []
    station_of(program).showed.connect(shown.append)
    choose(page, qtbot, "M-0002")
    qtbot.mouseClick(page.buttons.promote, LEFT)  # a candidate is compared first
    wait(qtbot, lambda: page.gate.report is not None and page.gate.isVisible())
    report = page.gate.report
    assert report is not None
    assert report.pictures
    assert not report.changes  # it is the same model
    qtbot.mouseClick(page.promote_button, LEFT)
    promote(program, qtbot, page, "try the copy")
    wait(qtbot, lambda: bool(shown) and shown[-1].record.recipe.model_id == "M-0002")
    wait(qtbot, lambda: states(program).get("M-0001") is ModelState.FORMER)
    choose(page, qtbot, "M-0001")
    assert page.buttons.promote.text().startswith("Go back")
    qtbot.mouseClick(page.buttons.promote, LEFT)
    promote(program, qtbot, page, "back to the first")
    wait(qtbot, lambda: shown[-1].record.recipe.model_id == "M-0001")
    assert station_of(program).running
    wait(qtbot, lambda: states(program).get("M-0001") is ModelState.ACTIVE)
    newest = next(one for one in school_of(program).models.facts if one.row.model_id == "M-0001")
    assert newest.promoted[0][2] == "back to the first"


def test_two_versions_are_compared_in_the_order_of_their_age(
    start: Start, qtbot: QtBot, tmp_path: Path
) -> None:
    program = start(demo=True)
    page = with_a_copy(program, qtbot, tmp_path)
    choose(page, qtbot, "M-0001", "M-0002")
    assert page.buttons.compare.text() == "Compare M-0002 with M-0001"
    assert not page.buttons.delete.isEnabled()
    qtbot.mouseClick(page.buttons.compare, LEFT)
    wait(qtbot, lambda: page.gate.report is not None)
    report = page.gate.report
    assert report is not None
    assert (report.candidate, report.active) == ("M-0002", "M-0001")


def test_a_comparison_is_still_there_when_one_comes_back(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    program = start(demo=True)
    page, models = with_a_copy(program, qtbot, tmp_path), school_of(program).models

    def go_and_come_back() -> None:
        program.window.show_page(Page.LOG)
        with qtbot.waitSignal(models.changed, timeout=PATIENCE):
            program.window.show_page(Page.MODELS)

    choose(page, qtbot, "M-0001", "M-0002")
    qtbot.mouseClick(page.buttons.compare, LEFT)
    go_and_come_back()
    assert found(page, TrainingProgress).isVisible() or page.gate.isVisible()
    wait(qtbot, page.gate.isVisible)
    report = page.gate.report
    go_and_come_back()
    assert page.gate.isVisible() and page.gate.report is report
    assert page.promote_button.isVisible()
    samples = school_of(program).samples
    samples.product_changed.emit(samples.product)
    assert not page.gate.isVisible()
    assert page.timeline.isVisible()
    wait(qtbot, page.buttons.isVisible)


def test_deleting_needs_the_name_and_spares_the_active_one(
    start: Start, qtbot: QtBot, tmp_path: Path, data_dir: Path
) -> None:
    program = start(demo=True)
    page = with_a_copy(program, qtbot, tmp_path)
    choose(page, qtbot, "M-0001")
    assert not page.buttons.delete.isEnabled()
    assert not page.buttons.promote.isEnabled()
    choose(page, qtbot, "M-0002")
    qtbot.mouseClick(page.buttons.delete, LEFT)
    dialog = found(program.window, TypedDialog)
    qtbot.keyClicks(dialog.text, "M-0002")
    qtbot.mouseClick(dialog.yes, LEFT)
    wait(qtbot, lambda: page.timeline.count() == 1)
    assert [path.name for path in (data_dir / "models").glob("*/*")] == ["M-0001"]
    assert program.store is not None
    assert any(event.action == Action.MODEL_DELETED for event in program.store.events())


def test_a_file_that_is_no_model_is_a_sentence(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    page, wrong = models_page(program), tmp_path / "wrong.almrr"
    wrong.write_bytes(b"no archive")
    page.import_from(str(wrong))
    wait(qtbot, lambda: "cannot be imported" in page.said)
    assert page.timeline.count() == 1


def passed(recipe: Recipe, number: int, score: float) -> Record:
    at = recipe.created_at + timedelta(seconds=number + 1)
    return plain_record(recipe, f"D-{number}", at, score=score)


def test_a_drift_of_good_parts_is_a_notice_and_a_chart(start: Start, qtbot: QtBot) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    station = station_of(program)
    station.stop()
    wait(qtbot, lambda: not station.active)
    recipe, store = station.recipe, program.store
    assert recipe is not None
    assert store is not None
    notices: list[Notice] = []
    program.faults.noticed.connect(notices.append)
    score = recipe.limits.review - 0.01
    store.record_all(passed(recipe, number, score) for number in range(400))
    page = models_page(program)
    card = found(page, DriftCard)
    wait(qtbot, lambda: "retrain suggested" in card.sentence)
    assert any("retrain suggested" in one.sentence and one.serious for one in notices)
    school_of(program).drift.look()
    wait(qtbot, lambda: not program.tasks.pending)
    assert sum("retrain suggested" in one.sentence for one in notices) == 1


def test_the_drift_shown_is_of_the_product_looked_at(start: Start, qtbot: QtBot, tiny_bundle: Path) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    store, samples, notices = program.store, school_of(program).samples, list[Notice]()
    assert store is not None
    recipe = install_product(store, "felt", tiny_bundle, Actor("tester"))
    score = recipe.limits.review - 0.01
    store.record_all(passed(recipe, number, score) for number in range(400))
    program.faults.noticed.connect(notices.append)
    page = models_page(program)
    card, demo = found(page, DriftCard), samples.product
    wait(qtbot, lambda: "Active since" in card.sentence and "retrain suggested" not in card.sentence)
    samples.choose("felt")
    assert "Active since" not in card.sentence
    wait(qtbot, lambda: "retrain suggested" in card.sentence)
    school_of(program).drift.look()
    samples.choose(demo)
    assert "retrain suggested" not in card.sentence
    wait(qtbot, lambda: "Active since" in card.sentence and "retrain suggested" not in card.sentence)
    assert not [one for one in notices if "retrain suggested" in one.sentence], "felt is not inspected"
