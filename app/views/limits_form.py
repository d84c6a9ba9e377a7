"""The four numbers of the limits, to be typed or dragged."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QLabel, QSlider, QWidget

from almrr_core.types import Limits
from app.theme import GAP, STEP, TARGET, Role, set_role
from app.views.form_fields import real_number, whole_number

STEPS = 1000  # of the pixel limit's slider
DECIMALS = 3


class LimitsForm(QWidget):
    """Review, fail and pixel limit and the least area; keeps review ≤ fail by moving the other one."""

    edited = Signal(object)  # Limits

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._limits = Limits(0, 0, 0)
        self._low, self._high = 0.0, 1.0
        self._review, self._fail, self._pixel = (self._number() for _ in range(3))
        self._same = QCheckBox(self.tr("As fail limit"), self)
        self._slider = QSlider(Qt.Orientation.Horizontal, self)
        self._area = whole_number(0, 10**6, self.tr("px"))
        self._build()
        self._connect()

    @property
    def limits(self) -> Limits:
        """Return the limits as they stand."""
        return self._limits

    @property
    def pixel_slider(self) -> QSlider:
        """Return the slider of the pixel limit."""
        return self._slider

    def show_limits(self, limits: Limits) -> None:
        """Show limits without saying so."""
        self._limits = limits
        numbers = (self._review, limits.review), (self._fail, limits.fail), (self._pixel, limits.pixel)
        whole = (self._area, limits.min_area), (self._slider, self._step_of(limits.pixel))
        fields = (self._review, self._fail, self._pixel, self._area, self._slider)
        for field in fields:
            field.blockSignals(True)
        for number, value in numbers:
            number.setValue(value)
        for count, size in whole:
            count.setValue(size)
        for field in fields:
            field.blockSignals(False)

    def follow_fail(self, same: bool) -> None:
        """Say whether the pixel limit moves with the fail limit."""
        self._same.blockSignals(True)
        self._same.setChecked(same)
        self._same.blockSignals(False)

    def set_span(self, low: float, high: float) -> None:
        """Give the slider of the pixel limit its ends."""
        self._low, self._high = low, high
        self.show_limits(self._limits)

    def take(self, limits: Limits) -> None:
        """Show limits whose review or fail limit was dragged, and say so."""
        pixel = limits.fail if self._same.isChecked() else limits.pixel
        self.show_limits(replace(limits, pixel=pixel))
        self.edited.emit(self._limits)

    def _build(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(STEP)
        names = (
            self.tr("Review limit"),
            self.tr("Fail limit"),
            self.tr("Pixel limit"),
            self.tr("Least area"),
        )
        for name, field, row, column in zip(
            names,
            (self._review, self._fail, self._pixel, self._area),
            (0, 0, 2, 2),
            (0, 1, 0, 1),
            strict=True,
        ):
            label = QLabel(name, self)
            label.setBuddy(field)
            set_role(label, Role.CAPTION)
            field.setAccessibleName(name)
            grid.addWidget(label, row, column)
            grid.addWidget(field, row + 1, column)
        self._area.setToolTip(
            self.tr("Regions of fewer pixels are not shown. The verdict does not depend on them.")
        )
        self._slider.setRange(0, STEPS)
        self._slider.setMinimumHeight(TARGET - 12)
        self._slider.setAccessibleName(self.tr("Pixel limit"))
        self._same.setToolTip(self.tr("The pixel limit moves with the fail limit."))
        grid.addWidget(self._slider, 4, 0)
        grid.addWidget(self._same, 4, 1)

    def _connect(self) -> None:
        self._review.valueChanged.connect(self._type_review)
        self._fail.valueChanged.connect(self._type_fail)
        self._pixel.valueChanged.connect(self._type_pixel)
        self._area.valueChanged.connect(self._type_area)
        self._slider.valueChanged.connect(self._slide)
        self._same.toggled.connect(self._toggle_same)

    def _number(self) -> QDoubleSpinBox:
        field = real_number(-1e6, 1e6, digits=DECIMALS)
        field.setMinimumWidth(96)
        field.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        field.setKeyboardTracking(False)
        return field

    def _type_review(self, value: float) -> None:
        self.take(replace(self._limits, review=value, fail=max(value, self._limits.fail)))

    def _type_fail(self, value: float) -> None:
        self.take(replace(self._limits, review=min(value, self._limits.review), fail=value))

    def _type_pixel(self, value: float) -> None:
        self.follow_fail(value == self._limits.fail)
        self.take(replace(self._limits, pixel=value))

    def _type_area(self, value: int) -> None:
        self.take(replace(self._limits, min_area=value))

    def _slide(self, step: int) -> None:
        self._type_pixel(round(self._low + step / STEPS * (self._high - self._low), DECIMALS))

    def _toggle_same(self, same: bool) -> None:
        if same:
            self.take(self._limits)

    def _step_of(self, pixel: float) -> int:
        share = (pixel - self._low) / max(self._high - self._low, 1e-9)
        return round(STEPS * min(max(share, 0.0), 1.0))
