"""How samples, trainings and comparisons read on the screen."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from almrr_core.types import Label, Pool, Verdict
from app.services.training_values import Compared, Light, ModelState
from app.views.log_words import number, verdict_word

OWN_BACKBONE = "texture18"
translate = QCoreApplication.translate  # lupdate finds the name


def pool_word(pool: Pool) -> str:
    """Return a pool's name."""
    return {
        Pool.TRAIN: translate("Train", "Train"),
        Pool.CALIBRATE: translate("Train", "Calibrate"),
        Pool.ACCEPTANCE: translate("Train", "Acceptance"),
    }[pool]


def pool_purpose(pool: Pool) -> str:
    """Return what a pool is for."""
    return {
        Pool.TRAIN: translate("Train", "The model learns from these normals."),
        Pool.CALIBRATE: translate("Train", "Normals that set the limits; never learned from."),
        Pool.ACCEPTANCE: translate("Train", "Locked: compares models, with labelled defects."),
    }[pool]


def duration(seconds: float) -> str:
    """Return a time as people say it: "40 s", "2 min 40 s", "1 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return translate("Train", "{0} s").format(whole)
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        if not rest or minutes >= 10:
            return translate("Train", "{0} min").format(minutes)
        return translate("Train", "{0} min {1} s").format(minutes, rest)
    return translate("Train", "{0} h {1} min").format(whole // 3600, whole % 3600 // 60)


def stage_word(stage: str) -> str:
    """Return what a training is doing; an unknown stage as the training calls it."""
    return {
        "downloading weights": translate("Train", "Fetching the backbone"),
        "reading pictures": translate("Train", "Reading the pictures"),
        "closed form": translate("Train", "Fitting the closed form"),
        "training": translate("Train", "Learning"),
        "calibrating": translate("Train", "Calibrating the limits"),
        "self-test": translate("Train", "Testing the new model"),
    }.get(stage, stage)


def backbone_word(name: str) -> str:
    """Return which network gives a model's features."""
    return translate("Train", "{0}, the program's own").format(name) if name == OWN_BACKBONE else name


def light_word(light: Light) -> str:
    """Return what a light says."""
    return {
        Light.GREEN: translate("Train", "GREEN: fit to promote"),
        Light.AMBER: translate("Train", "AMBER: look at it first"),
        Light.RED: translate("Train", "RED: better not"),
    }[light]


LIGHT_VERDICT = {Light.GREEN: Verdict.PASS, Light.AMBER: Verdict.REVIEW, Light.RED: Verdict.FAIL}  # its shape


def change_words(one: Compared) -> str:
    """Return how a picture's verdict would change, and what people said of it."""
    change = f"{verdict_word(one.active)} → {verdict_word(one.candidate)}"
    said = {
        Label.GOOD: translate("Train", "labelled good"),
        Label.BAD: translate("Train", "labelled bad"),
        Label.UNSURE: translate("Train", "labelled unsure"),
        None: translate("Train", "no label"),
    }[one.label]
    scores = f"{number(one.active_score)} → {number(one.candidate_score)}"
    return f"{change}\n{said}\n{scores}"


def state_word(state: ModelState) -> str:
    """Return what a model is now."""
    return {
        ModelState.ACTIVE: translate("Train", "active"),
        ModelState.FORMER: translate("Train", "was active"),
        ModelState.CANDIDATE: translate("Train", "candidate"),
        ModelState.DAMAGED: translate("Train", "damaged"),
    }[state]
