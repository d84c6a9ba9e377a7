"""One inspection whole, right of the log's table: picture with heat map, facts, regions and labels."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from almrr_core.types import Label, LogDetail
from app.icons import Icon
from app.theme import (
    GAP,
    ICON,
    MARGIN,
    STEP,
    VERDICT_LOOK,
    Role,
    Tokens,
    icon,
    set_role,
    theme,
    tokens,
)
from app.views import log_facts, log_words
from app.views.empty_state import EmptyState
from app.views.image_view import ImageView
from app.views.log_export import open_folder
from app.views.log_fact_list import NAME_WIDTH, FactList

PICTURE_HEIGHT = 280


class LogDetailPanel(QFrame):
    """Shows a `LogDetail`, or what to do to see one."""

    labelled = Signal(object)  # Label: a person said what the part is

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._detail: LogDetail | None = None
        self._sign, self._word, self._score, self._when = (QLabel(self) for _ in range(4))
        self._view, self._missing = ImageView(self), EmptyState(Icon.INFORMATION, self)
        self._frame, self._pages = QStackedWidget(self), QStackedWidget(self)
        self._heat = QToolButton(self)
        self._folder = QPushButton(self.tr("Open folder"), self)
        self._labels = {label: QPushButton(log_words.label_word(label), self) for label in Label}
        self._facts = FactList(self)
        self._nothing = EmptyState(Icon.SEARCH, self)
        self._build()
        self._recolor()
        theme().changed.connect(self._recolor)
        self.show_nothing()

    @property
    def detail(self) -> LogDetail | None:
        """What is shown."""
        return self._detail

    def show_nothing(self) -> None:
        """Say how to see an inspection."""
        self._detail = None
        self._view.clear()
        self._nothing.say(
            self.tr("No inspection chosen"),
            self.tr("Choose a row to see its picture with the heat map, its limits, timings and labels."),
        )
        self._pages.setCurrentIndex(0)

    def show_detail(self, detail: LogDetail) -> None:
        """Show one inspection."""
        self._detail = detail
        row = detail.row
        self._word.setText(VERDICT_LOOK[row.verdict].word)
        self._score.setText(log_facts.score_sentence(detail))
        self._when.setText(f"{log_words.local_time(row.at)} {log_words.zone_of(row.at)} · {row.part_id}")
        self._show_picture(detail)
        self._folder.setEnabled(detail.picture_path is not None)
        for label, button in self._labels.items():
            button.setChecked(row.label is label)
        self._facts.show_detail(detail)
        self._recolor()
        self._pages.setCurrentIndex(1)

    def set_heat_opacity(self, opacity: float) -> None:
        """Draw the heat map as opaque as the settings say (0..1)."""
        self._opacity = opacity
        self._view.set_heat(opacity, self._heat.isChecked())

    def _build(self) -> None:
        self._opacity = 0.6
        content = QWidget(self)
        column = QVBoxLayout(content)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(self._build_head())
        self._frame.addWidget(self._view)
        self._frame.addWidget(self._missing)
        self._frame.setFixedHeight(PICTURE_HEIGHT)
        column.addWidget(self._frame)
        column.addLayout(self._build_tools())
        column.addLayout(self._build_label_row())
        column.addWidget(self._facts)
        column.addStretch(1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        for stack in (self._pages, self._frame):
            stack.setStyleSheet("QStackedWidget { background: transparent; }")  # the card shows through
        self._pages.addWidget(self._nothing)
        self._pages.addWidget(area)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._pages)
        self.setMinimumWidth(360)

    def _build_head(self) -> QVBoxLayout:
        set_role(self._word, Role.TITLE)
        set_role(self._when, Role.CAPTION)
        for text in (self._score, self._when):
            text.setWordWrap(True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self._sign)
        row.addWidget(self._word, 1)
        head = QVBoxLayout()
        head.setSpacing(STEP // 2)
        head.addLayout(row)
        head.addWidget(self._score)
        head.addWidget(self._when)
        return head

    def _build_tools(self) -> QHBoxLayout:
        self._heat.setText(self.tr("Heat map"))
        self._heat.setCheckable(True)
        self._heat.setChecked(True)
        self._heat.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._heat.toggled.connect(self._toggle_heat)
        fit, actual = QToolButton(self), QToolButton(self)
        fit.setText(self.tr("Fit"))
        actual.setText(self.tr("1:1"))
        fit.clicked.connect(self._view.fit)
        actual.clicked.connect(self._view.actual_size)
        self._tools = (self._heat, fit, actual)
        self._folder.setToolTip(self.tr("Show the file of the picture in its folder"))
        self._folder.clicked.connect(self._open)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        for tool in self._tools:
            row.addWidget(tool)
        row.addStretch(1)
        row.addWidget(self._folder)
        return row

    def _build_label_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GAP)
        title = QLabel(self.tr("This part is"), self)
        title.setFixedWidth(NAME_WIDTH)
        row.addWidget(title)
        for label, button in self._labels.items():
            button.setCheckable(True)
            button.clicked.connect(partial(self._clicked, label))
            row.addWidget(button, 1)
        return row

    def _clicked(self, label: Label, _checked: bool = False) -> None:
        for other, button in self._labels.items():
            button.setChecked(other is label)
        self.labelled.emit(label)

    def _show_picture(self, detail: LogDetail) -> None:
        there = detail.picture is not None
        self._frame.setCurrentIndex(0 if there else 1)
        for tool in self._tools:
            tool.setVisible(there)
        if not there:
            self._view.clear()
            self._missing.say(self.tr("There is no picture"), detail.picture_note)
            return
        self._view.show_frame(
            detail.picture,
            detail.score_map,
            detail.regions,
            detail.limits,
            roi=detail.geometry.roi,
            verdict=detail.row.verdict,
        )
        self._view.fit()

    def _toggle_heat(self, on: bool) -> None:
        self._view.set_heat(self._opacity, on)

    def _open(self) -> None:
        if self._detail is not None and self._detail.picture_path is not None:
            open_folder(self._detail.picture_path.parent)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        self._heat.setIcon(icon(Icon.HEAT))
        self._folder.setIcon(icon(Icon.OPEN))
        if self._detail is not None:
            look = VERDICT_LOOK[self._detail.row.verdict]
            color = tokens().verdict(self._detail.row.verdict)
            self._sign.setPixmap(icon(look.icon, color).pixmap(QSize(ICON, ICON)))
            self._word.setStyleSheet(f"color: {color};")
