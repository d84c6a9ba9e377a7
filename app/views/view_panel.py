"""What lies over the picture: the heat map and its opacity, the outline of the regions."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from app.theme import BODY, GAP, MARGIN, TARGET, Role, figures, set_role

REST = 500  # ms without a change until the opacity is worth remembering


class ViewPanel(QWidget):
    """Heat map on or off and its opacity, regions on or off."""

    heat_changed = Signal(float, bool)  # opacity 0..1, visible
    opacity_chosen = Signal(float)
    outline_changed = Signal(bool)

    def __init__(self, opacity: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heat, self._outline = QCheckBox(self.tr("Heat map"), self), QCheckBox(self.tr("Regions"), self)
        self._slider, self._value = QSlider(Qt.Orientation.Horizontal, self), QLabel(self)
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._build()
        self.set_opacity(opacity)
        self._heat.toggled.connect(self._say_heat)
        self._outline.toggled.connect(self.outline_changed)
        self._slider.valueChanged.connect(self._slide)
        self._rest.timeout.connect(self._say_chosen)

    @property
    def opacity(self) -> float:
        """Return the opacity at the pixel limit, 0..1."""
        return self._slider.value() / 100

    @property
    def heat_visible(self) -> bool:
        """Return whether the heat map is shown."""
        return self._heat.isChecked()

    def set_opacity(self, opacity: float) -> None:
        """Show the opacity that is in the settings."""
        self._slider.blockSignals(True)
        self._slider.setValue(round(100 * opacity))
        self._slider.blockSignals(False)
        self._value.setText(f"{self._slider.value()} %")

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        row = QHBoxLayout()
        row.setSpacing(MARGIN)
        name = QLabel(self.tr("Opacity at the limit"), self)
        name.setBuddy(self._slider)
        set_role(name, Role.CAPTION)
        for box in (self._heat, self._outline):
            box.setChecked(True)
            box.setMinimumHeight(TARGET - 12)
        self._slider.setRange(0, 100)
        self._slider.setMinimumHeight(TARGET - 12)
        self._slider.setAccessibleName(self.tr("Opacity of the heat map at the pixel limit"))
        self._value.setFont(figures(BODY))
        self._value.setFixedWidth(44)
        self._value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(name)
        row.addWidget(self._slider, 1)
        row.addWidget(self._value)
        boxes = QHBoxLayout()
        boxes.addWidget(self._heat)
        boxes.addWidget(self._outline)
        boxes.addStretch(1)
        column.addLayout(boxes)
        column.addLayout(row)

    def _slide(self, value: int) -> None:
        self._value.setText(f"{value} %")
        self._say_heat()
        self._rest.start()

    def _say_heat(self, _on: bool = True) -> None:
        self.heat_changed.emit(self.opacity, self._heat.isChecked())

    def _say_chosen(self) -> None:
        self.opacity_chosen.emit(self.opacity)
