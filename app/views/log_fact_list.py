"""The facts of one inspection below its picture: regions, labels, limits, timings, what judged it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from almrr_core.types import LabelRow, LogDetail
from app.theme import BODY, CAPTION, GAP, STEP, Role, figures, set_role
from app.views import log_facts, log_words

NAME_WIDTH = 104
TIME_WIDTH = 128
MOST_REGIONS = 8


class FactList(QWidget):
    """Groups of named values, one below the other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GAP)

    def show_detail(self, detail: LogDetail) -> None:
        """Show the facts of one inspection."""
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._column.addWidget(self._region_table(detail))
        self._column.addWidget(self._label_list(detail.labels))
        for group in log_facts.groups(detail):
            self._column.addWidget(self._block(group.title, self._grid(group.facts)))

    def _region_table(self, detail: LogDetail) -> QWidget:
        title = self.tr("Regions over the pixel limit ({0})").format(len(detail.regions))
        if not detail.regions:
            return self._block(title, self._sentence(self.tr("No area is over the pixel limit.")))
        heads = (self.tr("Place"), self.tr("Box, px"), self.tr("Area, px"), self.tr("Highest"))
        grid = QGridLayout()
        for at, head in enumerate(heads):
            grid.addWidget(self._caption(head), 0, at, self._side(at))
        for line, values in enumerate(log_facts.region_rows(detail.regions[:MOST_REGIONS]), 1):
            for at, value in enumerate(values):
                grid.addWidget(self._value(value), line, at, self._side(at))
        if len(detail.regions) > MOST_REGIONS:
            more = self.tr("and {0} smaller ones").format(len(detail.regions) - MOST_REGIONS)
            grid.addWidget(self._caption(more), MOST_REGIONS + 1, 0, 1, len(heads))
        return self._block(title, grid)

    def _side(self, column: int) -> Qt.AlignmentFlag:
        return Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight

    def _label_list(self, labels: Sequence[LabelRow]) -> QWidget:
        title = self.tr("Labels")
        if not labels:
            return self._block(title, self._sentence(self.tr("Nobody has labelled this part yet.")))
        newest_first = sorted(labels, key=_time_of, reverse=True)
        return self._block(title, self._grid((log_words.label_line(one) for one in newest_first), times=True))

    def _grid(self, facts: Iterable[tuple[str, str]], times: bool = False) -> QGridLayout:
        grid = QGridLayout()
        for line, (name, value) in enumerate(facts):
            label = self._caption(name)
            label.setFixedWidth(TIME_WIDTH if times else NAME_WIDTH)
            grid.addWidget(label, line, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(self._value(value), line, 1)
        grid.setColumnStretch(1, 1)
        return grid

    def _block(self, title: str, content: QGridLayout | QLabel) -> QWidget:
        block = QWidget(self)
        column = QVBoxLayout(block)
        column.setContentsMargins(0, GAP, 0, 0)
        column.setSpacing(STEP)
        heading = QLabel(title, block)
        set_role(heading, Role.HEADING)
        column.addWidget(heading)
        if isinstance(content, QLabel):
            column.addWidget(content)
        else:
            content.setHorizontalSpacing(GAP)
            content.setVerticalSpacing(STEP // 2)
            column.addLayout(content)
        return block

    def _caption(self, text: str) -> QLabel:
        label = QLabel(text, self)
        set_role(label, Role.CAPTION)
        label.setMinimumHeight(CAPTION + 6)
        return label

    def _value(self, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setFont(figures(BODY))
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def _sentence(self, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setWordWrap(True)
        set_role(label, Role.MUTED)
        return label


def _time_of(label: LabelRow) -> float:
    return label.at.timestamp()
