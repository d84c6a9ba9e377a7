"""The column beside the picture: verdict, counters, limits, view, how the line does, and its buttons."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from almrr_core.types import Limits, Record
from app.icons import Icon
from app.theme import GAP, ICON, MARGIN, STEP, Role, icon, set_role, theme, tokens
from app.views.counters import Counters
from app.views.limits_panel import LimitsPanel
from app.views.line_figures import LineFigures
from app.views.log_words import local_time, zone_of
from app.views.score_gauge import ScoreGauge
from app.views.section import Section
from app.views.verdict_banner import VerdictBanner
from app.views.view_panel import ViewPanel

WIDTH = 360


class InspectSide(QWidget):
    """Everything but the picture and the strips."""

    start_asked, stop_asked, trigger_asked = Signal(), Signal(), Signal()

    def __init__(self, limits: LimitsPanel, view: ViewPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.banner, self._gauge = VerdictBanner(self), ScoreGauge(self)
        self.counters, self.figures = Counters(self), LineFigures(self)
        self.limits_section = Section(self.tr("Limits"), limits, self)
        self.view_section = Section(self.tr("View"), view, self)
        self.line_button, self.trigger_button = QPushButton(self), QPushButton(self.tr("Trigger"), self)
        self._area = QScrollArea(self)
        self._said: tuple[bool, bool] | None = None
        self._build()
        self.line_button.clicked.connect(self._toggle_line)
        self.trigger_button.clicked.connect(self.trigger_asked)
        self.limits_section.opened.connect(self._reveal_later)
        theme().changed.connect(self._recolor)
        self.set_running(False, True)

    def show_record(self, record: Record) -> None:
        """Show the verdict and the score of the newest part."""
        at = f"{local_time(record.decided_at).split(' ')[1]} {zone_of(record.decided_at)}"
        caption = record.reason or f"{record.request.part_id} · {at}"
        self.banner.show_verdict(record.verdict, caption)
        self._gauge.show_score(record.score, record.recipe.limits)

    def show_limits(self, limits: Limits) -> None:
        """Show the limits of a product no part of which was seen yet."""
        self.banner.show_verdict(None)
        self._gauge.show_score(float("nan"), limits)

    def set_running(self, running: bool, possible: bool) -> None:
        """Say whether the line runs, and whether it could."""
        if (running, possible) == self._said:
            return
        self._said = running, possible
        self.banner.set_live(running)
        self.trigger_button.setEnabled(running)
        self.line_button.setEnabled(running or possible)
        self.line_button.setText(self.tr("Stop line") if running else self.tr("Start line"))
        self.line_button.setToolTip(
            self.tr("Stop the line (F5)") if running else self.tr("Start the line (F5)")
        )
        set_role(self.line_button, Role.TOUCH if running else Role.PRIMARY_TOUCH)
        self._recolor()

    def set_operator_mode(self, on: bool) -> None:
        """Show verdict, counters and the line's button only."""
        for widget in (self.limits_section, self.view_section, self.figures, self.trigger_button):
            widget.setVisible(not on)
        self.counters.set_resettable(not on)

    def _build(self) -> None:
        self.setFixedWidth(WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(self._verdict_card())
        column.addWidget(self._scrolled(), 1)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self.trigger_button, 1)
        row.addWidget(self.line_button, 1)
        column.addLayout(row)
        self.trigger_button.setToolTip(self.tr("Take a part now (Space)"))
        set_role(self.trigger_button, Role.TOUCH)
        for button in (self.trigger_button, self.line_button):
            # no focus by mouse: Space shall not stop the line that was just started so
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setIconSize(QSize(ICON, ICON))

    def _verdict_card(self) -> QFrame:
        card = QFrame(self)
        set_role(card, Role.CARD)
        column = QVBoxLayout(card)
        column.setContentsMargins(0, 0, 0, STEP)
        column.setSpacing(0)
        column.addWidget(self.banner)
        below = QHBoxLayout()
        below.setContentsMargins(MARGIN, 0, MARGIN, 0)
        below.addWidget(self._gauge)
        column.addLayout(below)
        return card

    def _scrolled(self) -> QScrollArea:
        """What may be longer than the window is high."""
        area, inside = self._area, QWidget(self)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        for widget in (self.counters, self.limits_section, self.view_section, self.figures):
            column.addWidget(widget)
        column.addStretch(1)
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return area

    def _reveal_later(self, is_open: bool) -> None:
        if is_open:
            QTimer.singleShot(0, self._reveal_limits)  # when the column has its new height

    def _reveal_limits(self) -> None:
        """Bring the limits to the top where they are not all in sight."""
        bar, place = self._area.verticalScrollBar(), self.limits_section.geometry()
        if place.bottom() >= bar.value() + self._area.viewport().height():
            bar.setValue(place.top())

    @property
    def _running(self) -> bool:
        return self._said is not None and self._said[0]

    def _toggle_line(self) -> None:
        (self.stop_asked if self._running else self.start_asked).emit()

    def _recolor(self, *_tokens: object) -> None:
        color = "" if self._running else tokens().on_accent
        self.line_button.setIcon(icon(Icon.STOP if self._running else Icon.START, color))
        self.trigger_button.setIcon(icon(Icon.TRIGGER))
