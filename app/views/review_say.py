"""The right of the review: what a person says, what the model said, and what was said before."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from almrr_core.types import DefectClass, Label, LabelRow, LogDetail, LogRow
from app.icons import Icon
from app.theme import (
    FIGURE,
    GAP,
    ICON,
    MARGIN,
    STEP,
    TARGET,
    VERDICT_LOOK,
    Role,
    Tokens,
    icon,
    set_role,
    theme,
    tokens,
)
from app.views import log_facts
from app.views import log_words as words

WIDTH = 288
KEYS = {Label.GOOD: "G", Label.BAD: "B", Label.UNSURE: "U"}
SIGNS = {Label.GOOD: Icon.PASS, Label.BAD: Icon.FAIL, Label.UNSURE: Icon.UNKNOWN}
SWATCH = 14


class SayPanel(QFrame):
    """Big buttons with their keys, the defect classes, a note, and the facts of the part."""

    said = Signal(object, str)  # Label, defect class
    noted = Signal(str)  # the note is finished
    classes_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self.setFixedWidth(WIDTH)
        self._row: LogRow | None = None
        self._sign, self._word, self._score = (QLabel(self) for _ in range(3))
        self._labels = {label: QPushButton(self) for label in Label}
        self._classes: dict[str, QPushButton] = {}
        self._known: tuple[DefectClass, ...] = ()
        self._grid, self._edit = QGridLayout(), QPushButton(self.tr("Edit defect classes…"), self)
        self._note = QLineEdit(self)
        self._headings = QLabel(self.tr("Judged"), self), QLabel(self.tr("Said before"), self)
        self._facts, self._history = QLabel(self), QLabel(self)
        self._build()
        self._recolor()
        theme().changed.connect(self._recolor)

    @property
    def note(self) -> str:
        """Return the note as it stands."""
        return self._note.text().strip()

    @property
    def writing(self) -> bool:
        """Return whether the note is being typed."""
        return self._note.hasFocus()

    def finish_note(self) -> None:
        """Say the note."""
        self.noted.emit(self.note)

    def write_note(self) -> None:
        """Put the cursor into the note."""
        self._note.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_row(self, row: LogRow | None) -> None:
        """Show a part and its label; another part than before has an empty note."""
        if row is None or self._row is None or row.inspection_id != self._row.inspection_id:
            self._note.clear()
            self._facts.clear()
            self._history.clear()
        self._row = row
        for heading in self._headings:
            heading.setVisible(row is not None)
        for label, button in self._labels.items():
            button.setChecked(row is not None and row.label is label)
            button.setEnabled(row is not None)
        for name, button in self._classes.items():
            button.setChecked(row is not None and row.label is Label.BAD and row.defect_class == name)
            button.setEnabled(row is not None)
        self._recolor()

    def show_detail(self, detail: LogDetail) -> None:
        """Show the limits that held, the model, and all labels."""
        row = detail.row
        lines = (
            row.part_id,
            f"{words.local_time(row.at)} {words.zone_of(row.at)}",
            self.tr("pixel limit {0}").format(words.number(detail.limits.pixel)),
            self.tr("recipe v{0} · model {1}").format(row.recipe_version, row.model_id),
            self.tr("regions: {0}").format(len(detail.regions)),
            self.tr("truth: {0}").format(log_facts.truth_word(detail)) if row.truth else "",
        )
        self._facts.setText("\n".join(line for line in lines if line))
        self._history.setText(
            "\n".join(_line(one) for one in reversed(detail.labels)) or self.tr("No label yet.")
        )

    def set_classes(self, classes: Sequence[DefectClass]) -> None:
        """Offer these defect classes."""
        self._known = tuple(classes)
        for button in self._classes.values():
            self._grid.removeWidget(button)
            button.deleteLater()
        self._classes = {}
        for at, one in enumerate(classes):
            button = QPushButton(f"{one.name}  {one.key}".strip(), self)
            set_role(button, Role.TOUCH)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(partial(self._clicked, Label.BAD, one.name))
            self._grid.addWidget(button, at // 2, at % 2)
            self._classes[one.name] = button
        self.show_row(self._row)

    def _build(self) -> None:
        column = QVBoxLayout()
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(self._build_head())
        for label, button in self._labels.items():
            button.setText(f"{words.label_word(label)}   {KEYS[label]}")
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setStyleSheet(f"min-height: {TARGET}px; font-size: {FIGURE - 4}px; font-weight: 600;")
            button.setIconSize(QSize(ICON, ICON))
            button.clicked.connect(partial(self._clicked, label, ""))
            column.addWidget(button)
        self._grid.setSpacing(STEP)
        for column_at in (0, 1):
            self._grid.setColumnStretch(column_at, 1)
        column.addLayout(self._grid)
        set_role(self._edit, Role.QUIET)
        self._edit.setMinimumHeight(TARGET)
        self._edit.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._edit.clicked.connect(self.classes_wanted)
        column.addWidget(self._edit)
        self._note.setPlaceholderText(self.tr("Note (N), then Enter"))
        self._note.setAccessibleName(self.tr("Note"))
        self._note.setMinimumHeight(TARGET)
        self._note.setMaxLength(500)
        column.addWidget(self._note)
        self._build_facts(column)
        self._wrap(column)

    def _build_head(self) -> QGridLayout:
        set_role(self._word, Role.TITLE)
        head = QGridLayout()
        head.setHorizontalSpacing(GAP)
        head.addWidget(self._sign, 0, 0)
        head.addWidget(self._word, 0, 1)
        head.addWidget(self._score, 1, 0, 1, 2)
        head.setColumnStretch(1, 1)
        self._score.setWordWrap(True)
        return head

    def _build_facts(self, column: QVBoxLayout) -> None:
        for heading, text in zip(self._headings, (self._facts, self._history), strict=True):
            set_role(heading, Role.HEADING)
            set_role(text, Role.CAPTION)
            text.setWordWrap(True)
            text.setTextFormat(Qt.TextFormat.PlainText)
            column.addSpacing(STEP)
            column.addWidget(heading)
            column.addWidget(text)
        column.addStretch(1)

    def _wrap(self, column: QVBoxLayout) -> None:
        inside, area = QWidget(self), QScrollArea(self)
        inside.setLayout(column)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)

    def _clicked(self, label: Label, defect_class: str, _checked: bool = False) -> None:
        self.show_row(self._row)  # the check follows what is written, not the click
        self.said.emit(label, defect_class)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        colors = {Label.GOOD: tokens().passed, Label.BAD: tokens().fail, Label.UNSURE: tokens().not_inspected}
        for label, button in self._labels.items():
            button.setIcon(icon(SIGNS[label], colors[label]))
        for one in self._known:
            self._classes[one.name].setIcon(swatch(one.color))
        row = self._row
        self._sign.setVisible(row is not None)
        self._word.setText("" if row is None else words.verdict_word(row.verdict))
        self._score.setText("" if row is None else _score(row))
        if row is not None:
            color = tokens().verdict(row.verdict)
            self._sign.setPixmap(icon(VERDICT_LOOK[row.verdict].icon, color).pixmap(QSize(ICON, ICON)))
            self._word.setStyleSheet(f"color: {color};")


def swatch(color: str) -> QIcon:
    """Return a dot of a defect class's colour."""
    pixmap = QPixmap(2 * SWATCH, 2 * SWATCH)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(color))
    painter.setPen(QColor(tokens().line))
    painter.drawEllipse(1, 1, SWATCH - 2, SWATCH - 2)
    painter.end()
    return QIcon(pixmap)


def _score(row: LogRow) -> str:
    text = words.translate("Log", "score {0} · review {1} · fail {2}")
    return text.format(*(words.number(value) for value in (row.score, row.review_limit, row.fail_limit)))


def _line(row: LabelRow) -> str:
    at, said = words.label_line(row)
    return f"{at} {words.zone_of(row.at)}  {said}"
