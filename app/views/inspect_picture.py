"""The picture of the Inspect page: the newest part, the live picture between parts, or a frozen part."""

from __future__ import annotations

import functools

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QStackedLayout, QVBoxLayout, QWidget

from almrr_core.types import Box, Frame, Limits, LogDetail, Picture, Record, Shown
from app.icons import Icon
from app.services.history import History
from app.theme import GAP, Role, set_role
from app.views.empty_state import EmptyState
from app.views.frozen_bar import FrozenBar
from app.views.image_view import ImageView
from app.views.kept_part import Kept
from app.views.roi_bar import RoiBar


class InspectPicture(QWidget):
    """Decides what the image view shows; the line is never touched from here."""

    thawed = Signal()  # the live picture is shown again
    roi_chosen = Signal(object)  # Box, or None for the whole picture
    roi_ended = Signal()
    start_asked = Signal()  # from the empty state

    def __init__(self, history: History, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self.view = ImageView(self)
        self._empty = EmptyState(Icon.INSPECT, self)
        self._frozen_bar, self._roi_bar, self._tag = FrozenBar(self), RoiBar(self), QLabel(self.view)
        self._newest: Shown | None = None
        self._frozen: Kept | None = None
        self._tried: Limits | None = None
        self._roi: Box | None = None
        self._note = ""
        self._stack = QStackedLayout()
        self._build()
        self._connect()

    @property
    def frozen(self) -> Kept | None:
        """Return the part that is looked at, None while live."""
        return self._frozen

    @property
    def roi_bar(self) -> RoiBar:
        """Return the bar in which a region of interest is typed."""
        return self._roi_bar

    def show_part(self, shown: Shown) -> None:
        """Show the newest part, unless another one is looked at."""
        self._newest = shown
        self._stack.setCurrentIndex(1)
        if self._frozen is None:
            self._show_newest()

    def show_live(self, frame: Frame) -> None:
        """Show a picture no part was made of, unless a part is looked at."""
        if self._frozen is not None or frame.picture is None:
            return
        self._stack.setCurrentIndex(1)
        self.view.show_frame(frame.picture, None, (), None)
        self._say_tag(self.tr("Live picture, not inspected"))

    def try_limits(self, limits: Limits, in_force: bool) -> None:
        """Draw map and regions by limits that are being tried, until they are those in force."""
        self._tried = None if in_force else limits
        self.view.set_limits(limits)

    def end_trying(self) -> None:
        """Show the next part by the limits in force."""
        self._tried = None

    def freeze(self, part: Kept) -> None:
        """Look at one of the last parts; its whole picture is fetched from the log, where it was kept."""
        self._frozen = part
        self._stack.setCurrentIndex(1)
        self._show_kept(part, part.record.frame.picture)
        self._frozen_bar.show_part(part, self.tr("reduced picture") if part.reduced else "")
        self._frozen_bar.show()
        if part.reduced:
            self._history.detail(part.inspection_id, functools.partial(self._take_detail, part))

    def thaw(self) -> None:
        """Go back to the newest part."""
        if self._frozen is None:
            return
        self._frozen = None
        self._frozen_bar.hide()
        if self._newest is not None:
            self._show_newest()
        self.thawed.emit()

    def clear(self) -> None:
        """Forget the parts of another product."""
        self._newest = None
        self.thaw()
        self.view.clear()
        self._say_tag("")
        self._stack.setCurrentIndex(0)

    def say_empty(self, heading: str, sentence: str, button: str) -> None:
        """Say what will be here, while nothing is."""
        self._empty.say(heading, sentence, button)

    def set_roi(self, roi: Box | None) -> None:
        """Take the region of interest in force; it is drawn where it is not the whole picture."""
        self._roi = roi
        if self._roi_bar.isHidden():
            self.view.show_roi(roi)

    def draw_roi(self, on: bool) -> None:
        """Let a region be drawn, or end that."""
        self._roi_bar.setVisible(on)
        self.view.set_roi_mode(on)
        if on:
            self._roi_bar.begin(self.view.frame_size, self._roi)
        self.view.show_roi(self._roi_bar.box if on else self._roi)
        self._say_tag(self._note)

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        for bar in (self._frozen_bar, self._roi_bar):
            column.addWidget(bar)
            bar.hide()
        column.addLayout(self._stack, 1)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.view)
        set_role(self._tag, Role.CARD)
        self._tag.setContentsMargins(GAP, GAP // 2, GAP, GAP // 2)
        self._tag.move(GAP, GAP)
        self._tag.hide()
        self.setFocusProxy(self.view)

    def _connect(self) -> None:
        self._empty.pressed.connect(self.start_asked)
        self._frozen_bar.live_asked.connect(self.thaw)
        self.view.roi_drawn.connect(self._take_drawn)
        self._roi_bar.box_changed.connect(self.view.show_roi)
        self._roi_bar.roi_chosen.connect(self._choose_roi)
        self._roi_bar.cancelled.connect(self.roi_ended)

    def _show_newest(self) -> None:
        assert self._newest is not None
        record = self._newest.record
        limits = record.recipe.limits
        roi = record.recipe.geometry.roi
        self.view.show_frame(
            record.frame.picture, record.score_map, record.regions, limits, roi=roi, verdict=record.verdict
        )
        self._after_showing(record)

    def _show_kept(self, part: Kept, picture: Picture | None) -> None:
        score_map = None if part.score_map is None else part.score_map.astype(np.float32)
        self.view.show_frame(
            picture,
            score_map,
            None,
            part.limits,
            roi=part.record.recipe.geometry.roi,
            verdict=part.record.verdict,
            size=part.size,
        )
        self._after_showing(part.record)

    def _after_showing(self, record: Record) -> None:
        if self._tried is not None:
            self.view.set_limits(self._tried)
        self._say_tag(record.reason)

    def _take_detail(self, part: Kept, detail: LogDetail) -> None:
        if part is not self._frozen:
            return
        if detail.picture is None:
            self._frozen_bar.show_part(part, self.tr("reduced picture: {0}").format(detail.picture_note))
        else:
            self._frozen_bar.show_part(part, "")
            self._show_kept(part, detail.picture)

    def _say_tag(self, note: str) -> None:
        """Say on the picture what a verdict does not: that there is none, and why."""
        self._note = note
        drawing = self.tr("Drag a region on the picture, or type its numbers.")
        text = note if self._roi_bar.isHidden() else drawing
        self._tag.setText(text)
        self._tag.adjustSize()
        self._tag.setVisible(bool(text))

    def _take_drawn(self, box: Box) -> None:
        self._roi_bar.show_box(box)
        self.view.show_roi(self._roi_bar.box)

    def _choose_roi(self, box: Box | None) -> None:
        self.roi_chosen.emit(box)
        self.roi_ended.emit()
