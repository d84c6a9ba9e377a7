"""What the page Train asks a person: odd normals, a candidate to throw away, a product's first model."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog
from pytestqt.qtbot import QtBot

from almrr_core.data.samples import content_hash
from almrr_core.imaging import write_png
from almrr_core.lifecycle.pools import pool_of
from almrr_core.models.weights import default_backbone
from almrr_core.types import Action, Picture, Pool
from app.compose import Program
from app.services.training_values import ModelState, Phase
from app.views.pool_dialog import PoolDialog
from app.views.promote_dialog import PromoteDialog, TypedDialog
from app.views.train_page import TrainPage
from app.views.train_words import backbone_word
from tests.app.conftest import Start
from tests.app.training_material import (
    add_normals,
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
SIDE = 128


def odd_normals(wanted: int) -> list[Picture]:
    """Chequered pictures, nothing like the smooth ones, that all belong to the train pool."""
    made = list[Picture]()
    for seed in count(4):
        board = (np.indices((SIDE, SIDE)) // seed).sum(axis=0) % 2
        picture = np.asarray(255 * board, np.uint8)
        if pool_of(content_hash(picture)) is Pool.TRAIN:
            made.append(picture)
        if len(made) == wanted:
            return made
    raise AssertionError("unreachable: counting has no end")


def press(program: Program, qtbot: QtBot, page: TrainPage) -> Phase:
    """Press Retrain for a training of two steps; return what comes after the look at the pictures."""
    card, training = page.retrain_card, school_of(program).training
    if card.steps.value() != 2:
        card.options.set_open(True)
        card.steps.setValue(2)
        wait(qtbot, lambda: not card.button.isEnabled())
    wait(qtbot, card.button.isEnabled)
    qtbot.mouseClick(card.button, LEFT)
    wait_for_phase(program, qtbot, Phase.TRAINING, Phase.DOUBTFUL, Phase.IDLE)
    assert training.phase is not Phase.IDLE, page.said
    return training.phase


def test_odd_normals_are_asked_about_before_they_teach(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    odd = odd_normals(2)
    for number, picture in enumerate(odd):
        write_png(tmp_path / "normals" / f"odd-{number}.png", picture)
    page = add_normals(program, qtbot, tmp_path / "normals", 40, others=2)
    assert press(program, qtbot, page) is Phase.DOUBTFUL
    assert page.doubt.isVisible()
    doubted = int(page.doubt.sentence.partition(" of the normal pictures look unlike all others")[0])
    assert doubted >= 2
    qtbot.mouseClick(page.doubt.stop_button, LEFT)
    wait_for_phase(program, qtbot, Phase.IDLE)
    assert press(program, qtbot, page) is Phase.DOUBTFUL
    qtbot.mouseClick(page.doubt.look_button, LEFT)
    dialog = found(program.window, PoolDialog)
    wait(qtbot, lambda: dialog.grid.count() == doubted)
    assert school_of(program).training.phase is Phase.IDLE, "what was planned no longer holds"
    dialog.grid.item(0).setSelected(True)
    qtbot.keyClicks(dialog.reason, "a chequered one")
    qtbot.mouseClick(dialog.remove_button, LEFT)
    assert program.store is not None
    store = program.store
    wait(qtbot, lambda: len(store.samples("Demo fabric")) == 41)
    left = {one.sha256 for one in store.samples("Demo fabric")}
    assert len({content_hash(picture) for picture in odd} - left) == 1, "the oddest come first"
    dialog.accept()
    assert press(program, qtbot, page) is Phase.DOUBTFUL
    qtbot.mouseClick(page.doubt.go_on_button, LEFT)
    assert school_of(program).training.phase is Phase.TRAINING
    qtbot.mouseClick(page.progress.cancel_button, LEFT)
    wait_for_phase(program, qtbot, Phase.IDLE)
    assert page.said == ""


def test_a_discarded_candidate_is_gone_and_the_line_goes_on(
    start: Start, qtbot: QtBot, data_dir: Path, tmp_path: Path
) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    page, school = add_normals(program, qtbot, tmp_path / "normals", 40), school_of(program)
    if press(program, qtbot, page) is Phase.DOUBTFUL:
        qtbot.mouseClick(page.doubt.go_on_button, LEFT)
    wait_for_phase(program, qtbot, Phase.READY, Phase.IDLE)
    assert school.training.phase is Phase.READY, page.said
    assert list((data_dir / "models").glob("*/M-0002"))
    qtbot.mouseClick(page.decision.discard_button, LEFT)
    question = found(program.window, TypedDialog)
    qtbot.keyClicks(question.text, "M-0002")
    qtbot.mouseClick(question.yes, LEFT)
    wait_for_phase(program, qtbot, Phase.IDLE)
    assert page.retrain_card.isVisible()
    wait(qtbot, lambda: not list((data_dir / "models").glob("*/M-0002")))
    wait(qtbot, lambda: [one.row.model_id for one in school.models.facts] == ["M-0001"])
    assert school.models.facts[0].state is ModelState.ACTIVE
    assert station_of(program).running
    assert program.store is not None
    assert program.store.next_model_id() == "M-0003", "a name is never given twice"
    (told,) = (one for one in program.store.events() if one.action == Action.MODEL_DELETED)
    assert told.subject == "M-0002"
    wait(qtbot, page.retrain_card.button.isEnabled)


def test_a_new_product_gets_its_first_model_on_the_page(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    program = start()
    page, station = train_page(program), station_of(program)
    assert not page.capture_button.isEnabled(), "there is no product"
    qtbot.mouseClick(page.product_choice.new_button, LEFT)
    dialog = found(program.window, QInputDialog)
    dialog.setTextValue("  blue cloth ")
    dialog.accept()
    training = school_of(program).training
    wait(qtbot, lambda: school_of(program).samples.product == "blue cloth")
    add_normals(program, qtbot, tmp_path / "normals", 40)
    assert page.retrain_card.sentence.startswith("Trains the first model on ")
    assert page.retrain_card.sentence.count("Nothing is promoted by itself.") == 1
    assert f"Backbone: {backbone_word(default_backbone())}." in page.retrain_card.sentence
    if press(program, qtbot, page) is Phase.DOUBTFUL:
        qtbot.mouseClick(page.doubt.go_on_button, LEFT)
    wait_for_phase(program, qtbot, Phase.READY, Phase.IDLE)
    assert training.phase is Phase.READY, page.said
    assert training.comparison.report is None
    qtbot.mouseClick(page.decision.promote_button, LEFT)
    question = found(program.window, PromoteDialog)
    assert question.windowTitle() == "Promote M-0001 of blue cloth"
    assert not question.confirmation.isVisible()
    qtbot.keyClicks(question.text, "the first one")
    qtbot.mouseClick(question.yes, LEFT)
    wait_for_phase(program, qtbot, Phase.IDLE)
    wait(qtbot, lambda: station.recipe is not None)
    assert station.recipe is not None
    assert (station.recipe.product, station.recipe.model_id) == ("blue cloth", "M-0001")
    assert station.settings.product == "blue cloth", "the station had none"
    wait(qtbot, lambda: "Goes on from the active model" in page.retrain_card.sentence)
