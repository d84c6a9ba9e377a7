"""The tools that draw a mask: brush, eraser, polygon, the size, and where to begin."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QPushButton, QSlider, QWidget

from app.icons import Icon
from app.theme import ICON, STEP, TARGET, Role, Tokens, icon, set_role, theme
from app.views.mask_item import Tool

LEAST, MOST, FIRST = 2, 200, 24  # picture pixels
GROW = 1.25
ICONS = {Tool.BRUSH: Icon.BRUSH, Tool.ERASER: Icon.ERASER, Tool.POLYGON: Icon.POLYGON}


class MaskTools(QFrame):
    """A bar over the picture."""

    tool_chosen = Signal(object)  # Tool
    size_chosen = Signal(int)
    undo_wanted = Signal()
    model_wanted = Signal()  # begin again from the model's regions
    clear_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        words = {
            Tool.BRUSH: self.tr("Brush"),
            Tool.ERASER: self.tr("Eraser"),
            Tool.POLYGON: self.tr("Polygon"),
        }
        keys = {Tool.BRUSH: "D", Tool.ERASER: "E", Tool.POLYGON: "P"}
        self._tools = {tool: QPushButton(f"{words[tool]} {keys[tool]}", self) for tool in Tool}
        self._group, self._slider, self._value = (
            QButtonGroup(self),
            QSlider(Qt.Orientation.Horizontal, self),
            QLabel(self),
        )
        self._undo = QPushButton(self.tr("Undo"), self)
        self._model = QPushButton(self.tr("From model"), self)
        self._clear = QPushButton(self.tr("Clear"), self)
        self._build()
        self._recolor()
        theme().changed.connect(self._recolor)

    @property
    def brush(self) -> int:
        """Return the width of the brush in picture pixels."""
        return self._slider.value()

    def choose(self, tool: Tool) -> None:
        """Take a tool, as its button does."""
        self._tools[tool].setChecked(True)
        self.tool_chosen.emit(tool)

    def grow(self, larger: bool) -> None:
        """Make the brush larger or smaller by a step."""
        size = self._slider.value()
        self._slider.setValue(max(round(size * GROW), size + 1) if larger else round(size / GROW))

    def set_undo(self, possible: bool) -> None:
        """Say whether there is a stroke to take back."""
        self._undo.setEnabled(possible)

    def _build(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(STEP, STEP, STEP, STEP)
        row.setSpacing(STEP)
        for tool, button in self._tools.items():
            button.setCheckable(True)
            self._group.addButton(button)
            button.clicked.connect(partial(self._clicked, tool))
        self._tools[Tool.BRUSH].setChecked(True)
        self._slider.setRange(LEAST, MOST)
        self._slider.setMinimumHeight(TARGET)
        self._slider.setMinimumWidth(60)
        self._slider.setMaximumWidth(160)
        self._slider.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._slider.setAccessibleName(self.tr("Width of the brush"))
        self._slider.setToolTip(self.tr("Width of the brush in picture pixels ( [ and ] )"))
        self._slider.valueChanged.connect(self._sized)
        self._value.setFixedWidth(44)
        self._slider.setValue(FIRST)
        for button, signal in (
            (self._undo, self.undo_wanted),
            (self._model, self.model_wanted),
            (self._clear, self.clear_wanted),
        ):
            button.clicked.connect(signal)
        self._model.setToolTip(self.tr("Begin again from the regions the model found"))
        for button in (*self._tools.values(), self._undo, self._model, self._clear):
            set_role(button, Role.TOUCH)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for widget in (*self._tools.values(), self._slider, self._value):
            row.addWidget(widget)
        row.addStretch(1)
        for widget in (self._undo, self._model, self._clear):
            row.addWidget(widget)

    def _clicked(self, tool: Tool, _checked: bool = False) -> None:
        self.tool_chosen.emit(tool)

    def _sized(self, size: int) -> None:
        self._value.setText(self.tr("{0} px").format(size))
        self.size_chosen.emit(size)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        for tool, button in self._tools.items():
            button.setIcon(icon(ICONS[tool]))
            button.setIconSize(QSize(ICON, ICON))
