"""The line between the log's filters and its table: counts, trend, news, order and export."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from almrr_core.errors import StationError
from almrr_core.types import Counts, LogFilter, LogOrder, LogRow, Verdict
from app.icons import Icon
from app.theme import GAP, MARGIN, Role, Tokens, figures, icon, set_role, theme, tokens
from app.views import log_words as words
from app.views.form_fields import EDITOR_HEIGHT, choices
from app.views.log_export import Exported, ExportMenu, Exports, open_folder
from app.views.log_filters import VerdictChips
from app.views.log_trend import Trend


class LogBar(QWidget):
    """Says how many inspections the filter holds and what they look like, and offers what to do with them."""

    verdicts_chosen = Signal(object)  # frozenset[Verdict]
    order_chosen = Signal(object)  # LogOrder
    news_wanted = Signal()
    exported = Signal(object)  # Exported

    def __init__(self, exports: Exports, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: int | None = None  # in the filter; None while nobody knows
        self._target = folder
        self._chips, self._trend = VerdictChips(self), Trend(self)
        self._total, self._said = QLabel(self), QLabel(self)
        self._news, self._show_file = QPushButton(self), QPushButton(self.tr("Open folder"), self)
        self._order = choices(
            ((LogOrder.NEWEST, self.tr("Newest first")), (LogOrder.WORST, self.tr("Worst first"))), self
        )
        self._export = ExportMenu(exports, folder, self)
        self._message, self._hide = QWidget(self), QPushButton(self.tr("Hide"), self)
        self._stop = QPushButton(self.tr("Stop the export"), self)
        self._build()
        self._connect()
        self.show_counts(None, frozenset())
        self.show_news(0, True)
        self._recolor()

    def show_counts(self, counts: Counts | None, verdicts: frozenset[Verdict]) -> None:
        """Show the counts by verdict and the sum of those chosen; None while they are counted."""
        self._chips.show_counts(counts)
        self._chips.show_chosen(verdicts)
        if counts is None:
            self._rows = None
            self._total.setText(self.tr("Counting…"))
            return
        numbers = dict(
            zip(Verdict, (counts.passed, counts.review, counts.fail, counts.not_inspected), strict=True)
        )
        self._rows = sum(number for verdict, number in numbers.items() if not verdicts or verdict in verdicts)
        text = words.counted(self._rows, self.tr("{0} inspection"), self.tr("{0} inspections"))
        self._total.setText(text)

    def show_uncounted(self, error: StationError) -> None:
        """Say that the filter could not be counted, and why; what an export says meanwhile comes first."""
        self._chips.show_counts(None)
        self._rows = None
        self._total.setText(self.tr("Not counted"))
        if self._stop.isHidden():
            self._show_file.hide()
            self._failed(error)

    def show_chosen(self, verdicts: frozenset[Verdict]) -> None:
        """Press the chips of these verdicts."""
        self._chips.show_chosen(verdicts)

    def show_trend(self, oldest_first: tuple[LogRow, ...]) -> None:
        """Show the scores of these rows."""
        self._trend.show_rows(oldest_first)

    def show_news(self, number: int, complete: bool) -> None:
        """Offer to show so many new rows; 0: none."""
        count = words.whole(number) if complete else f"{words.whole(number)}+"
        self._news.setText(self.tr("{0} new — show").format(count))
        self._news.setVisible(number > 0)

    def offer_export(self, wanted: LogFilter) -> None:
        """Say what an export would contain now; there is none before the filter is counted."""
        self._export.offer(wanted, self._rows)

    def say(self, sentence: str) -> None:
        """Show a sentence below the counts, with the button that opens the export's folder."""
        self._said.setText(sentence)
        self._message.setVisible(bool(sentence))

    def _build(self) -> None:
        set_role(self._news, Role.CHIP)
        set_role(self._total, Role.HEADING)
        set_role(self._hide, Role.QUIET)
        self._total.setFont(figures(13, bold=True))
        self._news.setAccessibleName(self.tr("Show new inspections"))
        self._order.setAccessibleName(self.tr("Order"))
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self._total)
        row.addSpacing(GAP)
        row.addWidget(self._chips)
        row.addSpacing(GAP)
        row.addWidget(self._trend, 1)
        row.addWidget(self._news)
        row.addWidget(self._order)
        for control in (self._order, self._export):
            control.setFixedHeight(EDITOR_HEIGHT)
        row.addWidget(self._export)
        message = QHBoxLayout(self._message)
        message.setContentsMargins(0, 0, 0, 0)
        message.setSpacing(MARGIN)
        message.addWidget(self._said)
        message.addWidget(self._stop)
        message.addWidget(self._show_file)
        message.addWidget(self._hide)
        message.addStretch(1)
        self._stop.hide()
        self._message.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addLayout(row)
        column.addWidget(self._message)

    def _connect(self) -> None:
        self._chips.changed.connect(self.verdicts_chosen)
        self._news.clicked.connect(self._show_news)
        self._order.activated.connect(self._order_activated)
        self._export.started.connect(self._started)
        self._export.exported.connect(self._exported)
        self._export.failed.connect(self._failed)
        self._stop.clicked.connect(self._export.stop)
        self._show_file.clicked.connect(self._open)
        self._hide.clicked.connect(self._message.hide)
        theme().changed.connect(self._recolor)

    def _show_news(self) -> None:
        self.news_wanted.emit()

    def _order_activated(self, _at: int) -> None:
        self.order_chosen.emit(LogOrder(self._order.currentData()))

    def _started(self, target: Path) -> None:
        self.say(self.tr("Writing {0}…").format(target))
        self._show_file.hide()
        self._hide.hide()
        self._stop.show()

    def _failed(self, error: StationError) -> None:
        self._stop.hide()
        self._hide.show()
        self.say(str(error))

    def _exported(self, exported: Exported) -> None:
        self._target = exported.target.parent
        self._show_file.show()
        self._stop.hide()
        self._hide.show()
        self.exported.emit(exported)

    def _open(self) -> None:
        open_folder(self._target)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        self._news.setIcon(icon(Icon.RESET, tokens().accent_text))
        self._news.setStyleSheet(f"color: {tokens().accent_text};")
