"""The card with the one button: what it asks for, and that it forgets what belonged to another product."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.services.training_values import Choice, Forecast, Mode
from app.views.retrain_card import RetrainCard

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def card(qtbot: QtBot) -> RetrainCard:
    made = RetrainCard()
    qtbot.addWidget(made)
    made.options.set_open(True)
    made.show()
    return made


def full(card: RetrainCard) -> Choice:
    button = next(one for one in card.mode_buttons if one.text().startswith("Full"))
    button.click()
    return card.choice


def test_the_shade_is_shown_as_it_would_be_and_chosen_only_for_a_training_anew(
    card: RetrainCard, qtbot: QtBot
) -> None:
    card.show_forecast(Forecast(60, 40, 10, shade=True))
    assert card.shade.isChecked() and not card.shade.isEnabled()
    assert full(card) == Choice(Mode.FULL)
    card.show_forecast(Forecast(1200, 40, 10, shade=True))
    assert card.shade.isEnabled()
    with qtbot.waitSignal(card.choice_changed) as asked:
        card.shade.click()
    assert asked.args == [Choice(Mode.FULL, shade=False)]
    card.show_forecast(Forecast(1200, 40, 10, shade=False))
    assert not card.shade.isChecked() and card.button.isEnabled()


def test_the_paper_form_cannot_be_asked_for_the_shade(card: RetrainCard) -> None:
    full(card)
    card.show_forecast(Forecast(1200, 40, 10, shade=None))
    assert not card.shade.isEnabled() and not card.shade.isChecked() and card.button.isEnabled()


def test_nobody_can_choose_the_shade_before_it_is_known_what_would_be_trained(card: RetrainCard) -> None:
    assert not card.shade.isEnabled()
    card.show_forecast(Forecast(fault="There are too few normals."))
    assert not card.shade.isEnabled() and card.choice.shade is None


def test_an_answer_from_before_the_click_is_asked_for_again(card: RetrainCard, qtbot: QtBot) -> None:
    card.show_forecast(Forecast(1200, 40, 10, first=True, shade=True))
    card.shade.click()
    with qtbot.waitSignal(card.choice_changed) as asked:
        card.show_forecast(Forecast(1200, 40, 10, first=True, shade=True))
        assert not card.button.isEnabled() and not card.shade.isChecked()
    assert asked.args == [Choice(shade=False)]
    card.show_forecast(Forecast(1200, 40, 10, first=True, shade=False))
    assert card.button.isEnabled() and not card.shade.isChecked()
    card.mode_buttons[2].click()  # another model decides by itself
    assert card.choice.shade is None


def test_a_first_model_may_choose_too_and_the_next_product_starts_afresh(card: RetrainCard) -> None:
    card.show_forecast(Forecast(1200, 40, 10, first=True, shade=True))
    card.shade.click()
    card.minutes.setValue(3)
    assert card.choice == Choice(minutes=3, shade=False)
    card.begin()
    assert card.choice == Choice(minutes=3) and not card.button.isEnabled()
    card.show_forecast(Forecast(60, 40, 10))
    assert not card.shade.isEnabled()
