"""Draws a region of interest: dragged on the picture, or typed; nothing is stored until it is used."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSpinBox, QWidget

from almrr_core.types import Box
from app.theme import GAP, MARGIN, Role, set_role
from app.views.form_fields import whole_number

LEAST = 32  # pixels a side: less is no picture for a model


class RoiBar(QFrame):
    """A bar over the picture with the four numbers of a box."""

    box_changed = Signal(object)  # Box, as typed
    roi_chosen = Signal(object)  # Box, or None for the whole picture
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        names = (self.tr("Left"), self.tr("Top"), self.tr("Width"), self.tr("Height"))
        self._fields = [self._field(name) for name in names]
        self.use_button = self._button(self.tr("Use region"), Role.PRIMARY_TOUCH)
        self.whole_button = self._button(self.tr("Whole picture"), Role.TOUCH)
        self._cancel = self._button(self.tr("Cancel"), Role.TOUCH)
        self._size = (LEAST, LEAST)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, GAP // 2, GAP // 2, GAP // 2)
        row.setSpacing(GAP)
        for field in self._fields:
            row.addWidget(field, 1)
        row.addStretch(1)
        for button in (self.use_button, self.whole_button, self._cancel):
            row.addWidget(button)
        self.use_button.clicked.connect(self._choose)
        self.whole_button.clicked.connect(self._choose_whole)
        self._cancel.clicked.connect(self.cancelled)

    @property
    def box(self) -> Box:
        """Return the box as it stands."""
        left, top, width, height = (field.value() for field in self._fields)
        return Box(left, top, width, height)

    def begin(self, size: tuple[int, int], box: Box | None) -> None:
        """Start from a box, or from the whole picture of `size` (width, height)."""
        self._size = size
        self.show_box(box or Box(0, 0, *size))

    def show_box(self, box: Box) -> None:
        """Show a box that was dragged, moved to where it has its least size within the picture."""
        width, height = max(box.width, LEAST), max(box.height, LEAST)
        left = max(min(box.x, self._size[0] - width), 0)
        top = max(min(box.y, self._size[1] - height), 0)
        for field, value in zip(self._fields, (left, top, width, height), strict=True):
            field.blockSignals(True)
            field.setRange(0, 10**6)
            field.setValue(value)
            field.blockSignals(False)
        self._limit()

    def _field(self, name: str) -> QSpinBox:
        field = whole_number(0, 10**6)
        field.setAccessibleName(name)
        field.setKeyboardTracking(False)
        field.setPrefix(f"{name} ")
        field.setMinimumWidth(104)
        field.valueChanged.connect(self._typed)
        return field

    def _button(self, text: str, role: Role) -> QPushButton:
        button = QPushButton(text, self)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        set_role(button, role)
        return button

    def _limit(self) -> None:
        """Keep the box within the picture whatever is typed next."""
        left, top, width, height = self._fields
        for start, extent, most in ((left, width, self._size[0]), (top, height, self._size[1])):
            start.setRange(0, max(most - extent.value(), 0))
            extent.setRange(min(LEAST, most), max(most - start.value(), 1))

    def _typed(self, _value: int) -> None:
        self._limit()
        self.box_changed.emit(self.box)

    def _choose(self) -> None:
        for field in self._fields:  # a click takes no focus: what is typed last does not count yet
            field.interpretText()
        whole = Box(0, 0, *self._size)
        self.roi_chosen.emit(None if self.box == whole else self.box)

    def _choose_whole(self) -> None:
        self.roi_chosen.emit(None)
