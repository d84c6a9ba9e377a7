"""The facts of one model version, of a demo model."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from almrr_core.models.weights import SHIPPED
from app.views.model_detail import ModelDetail
from app.views.train_words import backbone_word
from tests.app.conftest import Start
from tests.app.training_material import school_of, wait, wait_for_product


def test_a_model_says_where_its_features_come_from(start: Start, qtbot: QtBot) -> None:
    program = start(demo=True)
    wait_for_product(program, qtbot)
    models = school_of(program).models
    models.reload()
    wait(qtbot, lambda: bool(models.facts))
    detail = ModelDetail()
    qtbot.addWidget(detail)
    detail.show_facts(models.facts[0])
    said = [label.text() for label in detail.findChildren(QLabel)]
    assert said[said.index("Backbone") + 1] == "resnet18", "the tests' demo model has it"
    assert backbone_word(SHIPPED) == "texture18, the program's own"
