"""Review: what the line flagged, one picture after the other, by the keyboard.

G good, B bad, U unsure, digits the defect classes, N a note, Ctrl+Z undo, Space the heat map, M draws the mask;
arrows only move, Enter goes to the next part to review.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from almrr_core.settings import Settings
from almrr_core.types import DefectClass, Label, LogRow
from app.icons import Icon
from app.services.review import Review
from app.services.review_values import Opened, Progress, Show, Wanted
from app.services.station import Station
from app.theme import GAP, MARGIN, Role, Tokens, icon, set_role, theme
from app.views.defect_classes import DefectClassesDialog
from app.views.empty_state import EmptyState
from app.views.mask_item import Tool
from app.views.review_bar import ReviewBar
from app.views.review_gallery import Gallery
from app.views.review_keys import FocusKeys, on_key
from app.views.review_model import QueueModel
from app.views.review_picture import ReviewPicture
from app.views.review_queue import QueuePanel
from app.views.review_say import SayPanel

LOOK_AGAIN = 3000  # ms between looks for new parts while the page is seen
PICTURE, GALLERY, EMPTY = range(3)


class ReviewPage(QWidget):
    """Queue, picture, what is said, and how far one is."""

    def __init__(self, review: Review, station: Station, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._review, self._station = review, station
        self._model = QueueModel(self)
        self._queue = QueuePanel(self._model, review.thumbnail, self)
        self._picture = ReviewPicture(review.model_mask, station.settings.heat_opacity, self)
        self._gallery = Gallery(self._model, review.thumbnail, self)
        self._say, self._bar = SayPanel(self), ReviewBar(self)
        self._empty, self._middle = EmptyState(Icon.REVIEW, self), QStackedWidget(self)
        self._tiles = QPushButton(self.tr("Gallery"), self)
        self._again = QTimer(self, interval=LOOK_AGAIN)
        self._build()
        self._connect()
        self._connect_keys()
        self._recolor()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Ask the log what is to be reviewed."""
        super().showEvent(event)
        product = self._review.wanted.product or self._station.settings.product
        self._queue.offer(self._station.products, product)
        self._review.show(replace(self._queue.wanted, product=product))
        self._take_focus()
        self._again.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Write what was drawn; ask nothing while nobody looks."""
        super().hideEvent(event)
        self._picture.flush()
        self._again.stop()

    def _build(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._tiles.setCheckable(True)
        self._tiles.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        set_role(self._tiles, Role.TOUCH)
        for page in (self._picture, self._gallery, self._empty):
            self._middle.addWidget(page)
        self._middle.setCurrentIndex(EMPTY)
        middle = QVBoxLayout()
        middle.setSpacing(GAP)
        middle.addWidget(self._middle, 1)
        row = QHBoxLayout()
        row.setSpacing(MARGIN)
        row.addWidget(self._queue)
        row.addLayout(middle, 1)
        row.addWidget(self._say)
        self._bar.row.addWidget(self._tiles)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(row, 1)
        column.addWidget(self._bar)

    def _connect(self) -> None:
        self._review.queue_changed.connect(self._filled)
        self._review.row_changed.connect(self._row_changed)
        self._review.moved.connect(self._moved)
        self._review.opened.connect(self._opened)
        self._review.thumbnailed.connect(self._model.touch)
        self._review.progressed.connect(self._progressed)
        self._review.classes_changed.connect(self._classes_changed)
        self._queue.wanted_changed.connect(self._want)
        self._queue.chosen.connect(self._open)
        self._say.said.connect(self._said)
        self._say.noted.connect(self._noted)
        self._say.classes_wanted.connect(self._edit_classes)
        self._picture.mask_drawn.connect(self._review.save_mask)
        self._bar.undo_wanted.connect(self._undo)
        self._bar.next_wanted.connect(self._review.next_open)
        self._bar.disagreeing_wanted.connect(partial(self._queue.choose_show, Show.DISAGREES))
        self._bar.advance_changed.connect(self._set_advance)
        self._gallery.marked.connect(self._review.say_all)
        self._gallery.opened.connect(self._open)
        self._gallery.rest_wanted.connect(self._review.fetch_more)
        self._model.more_wanted.connect(self._review.fetch_more)
        self._tiles.toggled.connect(self._show_middle)
        self._again.timeout.connect(self._look_again)
        self._station.products_changed.connect(self._products_changed)
        self._station.settings_changed.connect(self._settings_changed)
        theme().changed.connect(self._recolor)

    def _connect_keys(self) -> None:
        self.installEventFilter(FocusKeys(self))
        step, tools = self._review.step, self._picture.tools
        key, on_page = Qt.Key, partial(on_key, self)
        on_page(key.Key_G, partial(self._said, Label.GOOD, ""))
        on_page(key.Key_B, partial(self._said, Label.BAD, ""))
        on_page(key.Key_U, partial(self._said, Label.UNSURE, ""))
        on_page(key.Key_N, self._say.write_note)
        on_page(QKeySequence.StandardKey.Undo, self._undo)
        on_page(key.Key_Space, self._picture.heat.toggle, repeats=False)
        on_page(key.Key_M, self._picture.draw.click)
        on_page(key.Key_Escape, self._escape)
        for on, by in ((key.Key_Right, 1), (key.Key_Down, 1), (key.Key_Left, -1), (key.Key_Up, -1)):
            on_page(on, partial(step, by), repeats=True)
        for on in (key.Key_Return, key.Key_Enter):
            on_page(on, self._enter)
        for on, tool in ((key.Key_D, Tool.BRUSH), (key.Key_E, Tool.ERASER), (key.Key_P, Tool.POLYGON)):
            on_page(on, partial(self._take_tool, tool))
        on_page(key.Key_BracketRight, partial(tools.grow, True), repeats=True)
        on_page(key.Key_BracketLeft, partial(tools.grow, False), repeats=True)
        for digit in range(1, 10):
            on_page(key(key.Key_0 + digit), partial(self._say_class, str(digit)))

    # What a person does

    def _want(self, wanted: Wanted) -> None:
        if wanted != self._review.wanted:
            self._picture.flush()
            self._review.show(wanted)

    def _open(self, at: int) -> None:
        self._tiles.setChecked(False)
        self._review.go(at)

    def _say_class(self, key: str) -> None:
        found = next((one for one in self._review.classes if one.key == key), None)
        if found is not None:
            self._said(Label.BAD, found.name)

    def _said(self, label: Label, defect_class: str) -> None:
        if self._middle.currentIndex() == GALLERY:
            self._gallery.mark(label, defect_class)
            return
        row = self._review.row  # nobody can say what a picture is that is not on the screen yet
        seen = row is not None and row.inspection_id == self._picture.shown_id
        if seen and self._middle.currentIndex() == PICTURE:
            self._picture.flush()
            self._review.say(label, defect_class, self._say.note)

    def _noted(self, note: str) -> None:
        """A note belongs to a label: where there is one it is said again, else the note waits for it."""
        row = self._review.row
        self._take_focus()
        if row is not None and row.label is not None and note:
            self._review.say(row.label, row.defect_class, note)

    def _enter(self) -> None:
        """Finish what is being typed, else go to the next part."""
        if self._say.writing:
            self._say.finish_note()
        else:
            self._review.next_open()

    def _undo(self) -> None:
        if not self._picture.undo_stroke():
            self._tiles.setChecked(False)
            self._review.undo()

    def _escape(self) -> None:
        if self._tiles.isChecked():
            self._tiles.setChecked(False)
        elif self._picture.draw.isChecked():
            self._picture.draw.setChecked(False)
        self._take_focus()

    def _take_tool(self, tool: Tool) -> None:
        if self._picture.draw.isChecked():
            self._picture.tools.choose(tool)

    def _set_advance(self, on: bool) -> None:
        self._review.auto_advance = on

    def _edit_classes(self) -> None:
        if not self._review.wanted.product:
            return
        dialog = DefectClassesDialog(self._review.wanted.product, self._review.classes, self)
        dialog.saved.connect(self._review.set_classes)
        dialog.open()

    # What comes back

    def _filled(self, rows: tuple[LogRow, ...]) -> None:
        self._model.fill(rows, self._review.more)
        if not self._review.fetching:
            self._gallery.take_loaded()
        self._show_middle()

    def _row_changed(self, at: int) -> None:
        row = self._review.rows[at]
        self._model.put(at, row)
        if at == self._review.at:
            self._say.show_row(row)

    def _moved(self, at: int) -> None:
        self._queue.select(at)
        self._say.show_row(self._review.row)
        if self._review.row is None:
            self._picture.show_nothing()
        else:
            self._picture.await_part(self._review.row.inspection_id)

    def _opened(self, opened: Opened) -> None:
        self._picture.show_opened(opened)
        self._say.show_detail(opened.detail)

    def _progressed(self, progress: Progress) -> None:
        self._bar.show_progress(progress, self._review.can_undo)
        self._queue.show_progress(progress)

    def _classes_changed(self, classes: tuple[DefectClass, ...]) -> None:
        self._say.set_classes(classes)

    def _look_again(self) -> None:
        """Count anew while the line goes on; fill the queue where there was nothing or all is done."""
        done = all(row.label is not None for row in self._review.rows)
        if done and self._review.wanted.show is Show.OPEN:
            self._review.reload()
        else:
            self._review.recount()

    def _show_middle(self, _on: bool = False) -> None:
        before = self._middle.currentIndex()
        if not self._review.rows:
            self._middle.setCurrentIndex(EMPTY)
            self._say_empty()
        else:
            self._middle.setCurrentIndex(GALLERY if self._tiles.isChecked() else PICTURE)
        if self._middle.currentIndex() != before:
            self._take_focus()

    def _take_focus(self) -> None:
        """Let the keys come here, whatever is shown."""
        picture = self._middle.currentIndex() == PICTURE
        (self._picture.view if picture else self).setFocus(Qt.FocusReason.OtherFocusReason)

    def _say_empty(self) -> None:
        if not self._review.wanted.product:
            self._empty.say(
                self.tr("Nothing to review yet"),
                self.tr(
                    "Parts that the line calls REVIEW or FAIL will be here, to say what they really are."
                ),
            )
        elif self._review.wanted.show is Show.OPEN:
            self._empty.say(
                self.tr("All reviewed"),
                self.tr("The next parts that the line calls REVIEW or FAIL will come here by themselves."),
            )
        else:
            self._empty.say(self.tr("No part matches"), self.tr("No part of this product is of this kind."))

    # What changes elsewhere

    def _products_changed(self, products: tuple[str, ...]) -> None:
        self._queue.offer(products, self._review.wanted.product or self._station.settings.product)

    def _settings_changed(self, settings: Settings) -> None:
        self._picture.set_opacity(settings.heat_opacity)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        self._tiles.setIcon(icon(Icon.GALLERY))
