"""The middle of the review: the picture with its heat map, and the mask a person draws on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from almrr_core.types import Mask
from app.icons import Icon
from app.services.review_values import Opened
from app.theme import GAP, ICON, Role, Tokens, icon, set_role, theme
from app.views.empty_state import EmptyState
from app.views.image_view import ImageView
from app.views.mask_item import MaskItem, Tool
from app.views.mask_tools import MaskTools

SAVE_REST = 500  # ms after the last stroke until the mask is written

LATE = 150  # ms a picture may take to be read until the one before goes


class ReviewPicture(QWidget):
    """Shows one part; says when its mask is another one."""

    mask_drawn = Signal(int, object)  # inspection id, Mask

    def __init__(
        self, model_mask: Callable[[Opened], Mask | None], opacity: float, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model_mask, self._opacity = model_mask, opacity
        self._opened: Opened | None = None
        self._changed = False  # the mask on the screen is not written yet
        self.view, self.drawn = ImageView(self), MaskItem()
        self._missing, self._pages = EmptyState(Icon.INFORMATION, self), QStackedWidget(self)
        self.tools = MaskTools(self)
        self.heat = QPushButton(self.tr("Heat map  Space"), self)
        self.draw = QPushButton(self.tr("Draw defect  M"), self)
        self._fit, self._actual = QPushButton(self.tr("Fit"), self), QPushButton(self.tr("1:1"), self)
        self.bar = QHBoxLayout()
        self._rest = QTimer(self, singleShot=True, interval=SAVE_REST)
        self._late = QTimer(self, singleShot=True, interval=LATE)
        self._build()
        self._connect()
        self._recolor()

    @property
    def opened(self) -> Opened | None:
        """Return what is shown."""
        return self._opened

    def set_opacity(self, opacity: float) -> None:
        """Draw the heat map as opaque as the settings say (0..1)."""
        self._opacity = opacity
        self.view.set_heat(opacity, self.heat.isChecked())

    def await_part(self, inspection_id: int) -> None:
        """Expect a part: what is shown goes if it does not come at once: nobody shall take it for the next."""
        if self.shown_id != inspection_id:
            self._late.start()

    @property
    def shown_id(self) -> int | None:
        """Return the inspection that is seen."""
        return None if self._opened is None else self._opened.detail.row.inspection_id

    def show_nothing(self) -> None:
        """Show no picture; strokes that are not written are."""
        self.flush()
        self._opened = None
        self.view.clear()
        self.drawn.clear()
        self.draw.setEnabled(False)

    def show_opened(self, opened: Opened) -> None:
        """Show a part; what is shown already stays as it is, only its facts are newer."""
        before = self._opened
        self._late.stop()
        if before is not None and _same_picture(before, opened):
            self._opened = opened
            return
        self.flush()
        self._opened = opened
        detail = opened.detail
        there = detail.picture is not None
        self._pages.setCurrentIndex(0 if there else 1)
        self.draw.setEnabled(there)
        if not there:
            self.view.clear()
            self._missing.say(self.tr("There is no picture"), detail.picture_note)
        else:
            self.view.show_frame(
                detail.picture,
                opened.score_map,
                detail.regions,
                detail.limits,
                roi=detail.geometry.roi,
                verdict=detail.row.verdict,
            )
        self._begin_mask()

    def flush(self) -> None:
        """Say the mask now if it was not said since the last stroke."""
        self._rest.stop()
        if self._changed and self._opened is not None:
            mask, self._changed = self.drawn.mask, False
            self._opened = replace(self._opened, mask=mask)
            self.mask_drawn.emit(self._opened.detail.row.inspection_id, mask)

    def undo_stroke(self) -> bool:
        """Take back the last stroke of the picture; False where there is none."""
        if not (self.drawn.editing and self.drawn.can_undo):
            return False
        self.drawn.undo()
        self.tools.set_undo(self.drawn.can_undo)
        return True

    def _build(self) -> None:
        for button in (self.heat, self.draw, self._fit, self._actual):
            set_role(button, Role.TOUCH)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setIconSize(QSize(ICON, ICON))
            self.bar.addWidget(button)
        for button in (self.heat, self.draw):
            button.setCheckable(True)
        self.heat.setChecked(True)
        self.draw.setToolTip(
            self.tr("Correct or draw where the defect is; it begins with the model's regions")
        )
        self.bar.setSpacing(GAP)
        self.bar.addStretch(1)
        self.view.add_layer(self.drawn)
        self.view.set_heat(self._opacity, True)
        self._pages.addWidget(self.view)
        self._pages.addWidget(self._missing)
        self.tools.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addLayout(self.bar)
        column.addWidget(self.tools)
        column.addWidget(self._pages, 1)

    def _connect(self) -> None:
        self.heat.toggled.connect(self._toggle_heat)
        self.draw.toggled.connect(self._toggle_drawing)
        self._fit.clicked.connect(self.view.fit)
        self._actual.clicked.connect(self.view.actual_size)
        self.tools.tool_chosen.connect(self._take_tool)
        self.tools.size_chosen.connect(self._take_size)
        self.tools.undo_wanted.connect(self.undo_stroke)
        self.tools.model_wanted.connect(self._from_model)
        self.tools.clear_wanted.connect(self._wipe)
        self.drawn.stroked.connect(self._stroked)
        self._rest.timeout.connect(self.flush)
        self._late.timeout.connect(self.show_nothing)
        theme().changed.connect(self._recolor)

    def _begin_mask(self) -> None:
        """Show the mask that was saved; while drawing, without one the model's regions."""
        opened = self._opened
        mask = None if opened is None or opened.detail.picture is None else opened.mask
        if mask is None and opened is not None and self.draw.isChecked():
            mask = self._model_mask(opened)
        if mask is None:
            self.drawn.clear()
        else:
            self.drawn.start(mask)
        self.tools.set_undo(False)

    def _stroked(self) -> None:
        self._changed = True
        self.tools.set_undo(self.drawn.can_undo)
        self._rest.start()

    def _toggle_heat(self, on: bool) -> None:
        self.view.set_heat(self._opacity, on)

    def _toggle_drawing(self, on: bool) -> None:
        self.flush()
        self.tools.setVisible(on)
        self._begin_mask()
        self.drawn.set_editing(on)

    def _take_tool(self, tool: Tool) -> None:
        self.drawn.tool = tool

    def _take_size(self, size: int) -> None:
        self.drawn.size = size

    def _from_model(self) -> None:
        mask = None if self._opened is None else self._model_mask(self._opened)
        if mask is not None:
            self.drawn.replace(mask)

    def _wipe(self) -> None:
        if self.drawn.isVisible():
            self.drawn.replace(np.zeros_like(self.drawn.mask))

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        signs = ((self.heat, Icon.HEAT), (self.draw, Icon.EDIT), (self._fit, Icon.FIT))
        for button, sign in (*signs, (self._actual, Icon.ACTUAL)):
            button.setIcon(icon(sign))


def _same_picture(one: Opened, other: Opened) -> bool:
    return one.detail.picture is not None and one.detail.picture is other.detail.picture
