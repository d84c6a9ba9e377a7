"""Moves the limits and says what that would do; nothing reaches the line until it is applied with a reason."""

from __future__ import annotations

import functools

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from almrr_core.judge import Calibration, verdict_of
from almrr_core.types import Limits, Recipe
from app.services.recipes import Recipes
from app.services.tasks import Tasks
from app.theme import GAP, TARGET, Role, set_role
from app.views.histogram import Histogram
from app.views.legend import Legend
from app.views.limits_form import LimitsForm
from app.views.log_words import counted, verdict_word, whole

EXPECT_AFTER = 60  # ms without a new limit until the tail fit is asked: it takes longer than a frame
FRESH_EVERY = 1000  # ms between looks at the line's new scores
FIRM_FROM = 200  # normals


class LimitsPanel(QWidget):
    """Shows the recipe's limits, or those that are being tried."""

    tried = Signal(object)  # Limits that the picture shall be drawn by; those applied after a revert

    def __init__(self, recipes: Recipes, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipes, self._tasks = recipes, tasks
        self._recipe: Recipe | None = None
        self._calibration: Calibration | None = None
        self._fits = True
        self._score: float | None = None
        self._question = 0
        self._histogram, self._legend, self._form = Histogram(self), Legend(self), LimitsForm(self)
        self._what_if, self._expected, self._part = QLabel(self), QLabel(self), QLabel(self)
        self._reason = QLineEdit(self)
        self._apply = QPushButton(self.tr("Apply limits"), self)
        self._revert = QPushButton(self.tr("Revert"), self)
        self._expect = QTimer(self, singleShot=True, interval=EXPECT_AFTER)
        self._fresh = QTimer(self, interval=FRESH_EVERY)
        self._build()
        self._connect()
        self._say()

    @property
    def limits(self) -> Limits | None:
        """Return the limits that are tried, those in force where nothing was moved; None without a recipe."""
        return None if self._recipe is None else self._form.limits

    @property
    def trying(self) -> bool:
        """Return whether the limits shown are not in force."""
        return self._recipe is not None and self._form.limits != self._recipe.limits

    @property
    def histogram(self) -> Histogram:
        """Return the histogram."""
        return self._histogram

    @property
    def form(self) -> LimitsForm:
        """Return the fields."""
        return self._form

    def show_recipe(self, recipe: Recipe, calibration: Calibration | None, fits: bool) -> None:
        """Take the limits in force; those that are being tried for this product stay.

        `fits`: whether the calibration is of the recipe's region of interest.
        """
        before, trying = self._recipe, self.trying
        self._recipe, self._calibration, self._fits = recipe, calibration, fits
        applied = self._form.limits == recipe.limits
        if applied or not trying or before is None or before.product != recipe.product:
            self._show(recipe.limits)
        self.refresh()

    def show_score(self, score: float) -> None:
        """Take the score of the part that is looked at."""
        self._score = score
        if self.trying:
            self._say_part()

    def refresh(self, _product: str = "") -> None:
        """Read the scores again, while they are looked at."""
        if not self.isVisible():
            return
        groups = (
            self._recipes.calibration_scores,
            self._recipes.recent_scores,
            self._recipes.labelled_defect_scores,
        )
        self._histogram.show_scores(*groups)
        self._legend.show_counts(*(len(group) for group in groups))
        if not self._form.pixel_slider.isSliderDown():
            self._form.set_span(*self._histogram.span)
        self._say()
        self._expect.start()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Look at the scores once a second while somebody looks at the panel."""
        super().showEvent(event)
        self.refresh()
        self._fresh.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Rest."""
        super().hideEvent(event)
        self._fresh.stop()

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        for widget in (self._histogram, self._legend, self._what_if, self._part, self._expected, self._form):
            column.addWidget(widget)
        for label in (self._what_if, self._expected, self._part):
            label.setWordWrap(True)
        set_role(self._what_if, Role.HEADING)
        set_role(self._expected, Role.MUTED)
        self._reason.setPlaceholderText(self.tr("Why?"))
        self._reason.setAccessibleName(self.tr("Reason for the new limits"))
        self._reason.setToolTip(self.tr("The reason stands in the history of the recipe."))
        self._reason.setMaxLength(200)
        self._reason.setObjectName("reason")
        self._reason.setMinimumSize(64, TARGET)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self._reason, 1)
        row.addWidget(self._apply)
        row.addWidget(self._revert)
        column.addLayout(row)
        set_role(self._apply, Role.PRIMARY_TOUCH)
        set_role(self._revert, Role.TOUCH)

    def _connect(self) -> None:
        self._histogram.moved.connect(self._form.take)
        self._form.edited.connect(self._edit)
        self._reason.textChanged.connect(self._say_buttons)
        self._reason.returnPressed.connect(self._apply.click)
        self._apply.clicked.connect(self._put_in_force)
        self._revert.clicked.connect(self.revert)
        self._expect.timeout.connect(self._ask_expected)
        self._fresh.timeout.connect(self.refresh)
        self._recipes.scores_changed.connect(self.refresh)

    def revert(self) -> None:
        """Go back to the limits in force."""
        if self._recipe is not None:
            self._show(self._recipe.limits)
            self.tried.emit(self._recipe.limits)

    def _show(self, limits: Limits) -> None:
        self._form.follow_fail(limits.pixel == limits.fail)
        self._form.show_limits(limits)
        self._histogram.show_limits(limits)
        self._reason.clear()
        self._say()
        self._expect.start()

    def _edit(self, limits: Limits) -> None:
        self._histogram.show_limits(limits)
        self._say()
        self._expect.start()
        self.tried.emit(limits)

    def _put_in_force(self) -> None:
        if self.trying and self._reason.text().strip():
            self._recipes.apply(self._form.limits, self._reason.text().strip())

    def _say(self) -> None:
        self._say_what_if()
        self._say_part()
        self._say_buttons()

    def _say_what_if(self) -> None:
        if self._recipe is None:
            self._what_if.setText(self.tr("There is no recipe yet: choose a product."))
            return
        found = self._recipes.what_if(self._form.limits)
        if not found.total:
            self._what_if.setText(self.tr("No part of this product has been inspected yet."))
            return
        verb = self.tr("would fail") if self.trying else self.tr("fail")
        parts = counted(found.total, self.tr("Of {0} part"), self.tr("Of the last {0} parts"))
        words = self.tr("{0} {1} {2}, {3} review.")
        text = words.format(parts, whole(found.fail), verb, whole(found.review))
        if found.labelled_defects:
            missed = self.tr("{0} of {1} labelled defects pass.")
            text += " " + missed.format(whole(found.labelled_defects_missed), whole(found.labelled_defects))
        self._what_if.setText(text)

    def _say_part(self) -> None:
        self._part.setVisible(self.trying and self._score is not None)
        if self._recipe is not None and self._score is not None:
            limits = self._recipe.limits, self._form.limits
            before, after = (verdict_word(verdict_of(self._score, one)) for one in limits)
            same, other = (
                self.tr("The part shown stays {0}."),
                self.tr("The part shown would be {0}, not {1}."),
            )
            self._part.setText(same.format(after) if before == after else other.format(after, before))

    def _say_buttons(self, _text: str = "") -> None:
        trying = self.trying
        self._reason.setEnabled(trying)
        self._revert.setEnabled(trying)
        self._apply.setEnabled(trying and bool(self._reason.text().strip()))
        tip = self.tr("Write why first.") if trying else self.tr("Move a limit first.")
        self._apply.setToolTip("" if self._apply.isEnabled() else tip)

    def _ask_expected(self) -> None:
        """Ask for the tail fit on a thread; only the answer to the last question is shown."""
        self._question += 1
        work = functools.partial(self._expect_both, self._form.limits)
        self._tasks.run(work, functools.partial(self._take_expected, self._question))

    def _expect_both(self, limits: Limits) -> tuple[float, float] | None:
        fail = self._recipes.expected_false_rejects(limits.fail)
        review = self._recipes.expected_false_rejects(limits.review)
        return None if fail is None or review is None else (fail, review - fail)

    def _take_expected(self, question: int, found: tuple[float, float] | None) -> None:
        if question != self._question:
            return
        if found is None or self._calibration is None:
            self._expected.setText(self.tr("Start the line to load the model and its calibration."))
            return
        if not self._fits:
            self._expected.setText(
                self.tr(
                    "The calibration is of another region of interest: it says nothing of these limits. "
                    "Set them by the parts inspected since."
                )
            )
            return
        words = self.tr("Expected of 1000 good parts: {0} fail, {1} review.")
        text = words.format(_rate(found[0]), _rate(found[1]))
        if self._calibration.provisional:
            firm = self.tr("Provisional: {0} normals, firm from {1}.")
            text += " " + firm.format(whole(self._calibration.n), FIRM_FROM)
        self._expected.setText(text)


def _rate(of_1000: float) -> str:
    """Return a rate with the figures that count, no more."""
    return f"{of_1000:.0f}" if of_1000 >= 10 else f"{of_1000:.2g}"
