"""The log: chips over a dense table, counts and a small trend above it, one inspection whole at its right."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from almrr_core.errors import StationError
from almrr_core.settings import Settings
from almrr_core.types import Counts, Label, LogDetail, LogFilter, LogOrder, LogRow, Verdict
from app.icons import Icon
from app.services.history import History
from app.services.station import Station
from app.theme import GAP, MARGIN, Tokens, theme
from app.views import log_words as words
from app.views.empty_state import EmptyState
from app.views.log_bar import LogBar
from app.views.log_choice import Choice, Period
from app.views.log_detail import LogDetailPanel
from app.views.log_export import Exported
from app.views.log_filters import FilterBar
from app.views.log_live import LogWatch, News
from app.views.log_model import LogModel
from app.views.log_table import LogTable

DETAIL_PAUSE = 80  # ms a row must stay chosen before its picture is read
KEPT_WHILE_LIVE = 1000  # rows


class LogPage(QWidget):
    """Every inspection, to search, look at and export."""

    def __init__(self, history: History, station: Station, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history, self._station = history, station
        self._model = LogModel(history, words.verdict_icons(), self)
        self._watch = LogWatch(history, self)
        self._filters, self._bar = FilterBar(self), LogBar(history, station.data_dir, self)
        self._table, self._detail = LogTable(self._model, self), LogDetailPanel(self)
        self._empty, self._pages = EmptyState(Icon.LOG, self), QStackedWidget(self)
        self._order, self._wanted = LogOrder.NEWEST, LogFilter()
        self._tally_generation, self._detail_generation = 0, 0
        self._pending: News | None = None
        self._trend: tuple[LogRow, ...] = ()
        self._met: set[str] = set()
        self._rest = QTimer(self, singleShot=True, interval=DETAIL_PAUSE)
        self._asked = self._failed = False
        self._build()
        self._connect()
        self._offer()

    def reload(self) -> None:
        """Ask the log again with the filter chosen."""
        self._asked = True
        now = datetime.now(UTC)
        self._wanted = self._filters.choice.wanted(now, self._station.shift_at)
        self._show_pending(None)
        self._model.ask(self._wanted, self._order)
        self._watch.follow(self._wanted)
        self._bar.show_counts(None, self._filters.choice.verdicts)
        self._bar.offer_export(self._wanted)
        self._count()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Read the log when the page is opened for the first time; go on watching later."""
        super().showEvent(event)
        if not self._asked:
            self.reload()
        self._watch.listen(True)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Ask nothing while nobody looks."""
        super().hideEvent(event)
        self._watch.listen(False)

    def _build(self) -> None:
        self._pages.addWidget(self._table)
        self._pages.addWidget(self._empty)
        self._splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(MARGIN)
        self._splitter.addWidget(self._pages)
        self._splitter.addWidget(self._detail)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setSizes([860, 392])
        top = QHBoxLayout()
        top.addWidget(self._filters, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(top)
        column.addWidget(self._bar)
        column.addWidget(self._splitter, 1)
        self._detail.set_heat_opacity(self._station.settings.heat_opacity)

    def _connect(self) -> None:
        self._filters.changed.connect(self._chosen)
        self._bar.verdicts_chosen.connect(self._verdicts_chosen)
        self._bar.order_chosen.connect(self._order_chosen)
        self._bar.news_wanted.connect(self._show_news)
        self._bar.exported.connect(self._exported)
        self._model.answered.connect(self._answered)
        self._model.refused.connect(self._refused)
        self._table.chosen.connect(self._row_chosen)
        self._rest.timeout.connect(self._ask_detail)
        self._watch.trended.connect(self._trended)
        self._watch.came.connect(self._came)
        self._detail.labelled.connect(self._label)
        self._empty.pressed.connect(self._help_out)
        self._station.status_changed.connect(self._watch.line_said)
        self._station.products_changed.connect(self._products_changed)
        self._station.settings_changed.connect(self._settings_changed)
        theme().changed.connect(self._recolor)
        QShortcut(QKeySequence.StandardKey.Refresh, self, self.reload)

    # What is asked, and what comes back

    def _count(self) -> None:
        self._tally_generation += 1
        everything, now = replace(self._wanted, verdicts=()), self._tally_generation
        self._history.tally(everything, partial(self._counted, now), partial(self._uncounted, now))

    def _counted(self, generation: int, counts: Counts) -> None:
        if generation == self._tally_generation:
            self._bar.show_counts(counts, self._filters.choice.verdicts)
            self._bar.offer_export(self._wanted)

    def _uncounted(self, generation: int, error: StationError) -> None:
        if generation == self._tally_generation:
            self._bar.show_uncounted(error)
            self._bar.offer_export(self._wanted)

    def _answered(self, rows: int) -> None:
        self._failed = False
        self._pages.setCurrentIndex(0 if rows else 1)
        if not rows:
            self._say_empty()
        if self._order is LogOrder.NEWEST and rows:
            self._watch.known(self._model.row(0))
        self._table.keep_chosen()

    def _refused(self, error: StationError) -> None:
        self._failed = True
        self._pages.setCurrentIndex(1)
        heading = self.tr("The log cannot be read now")
        self._empty.say(heading, f"{error.sentence} {error.remedy}", self.tr("Try again"))

    def _trended(self, rows: tuple[LogRow, ...]) -> None:
        self._show_trend(rows)
        if rows and self._order is not LogOrder.NEWEST:
            self._watch.known(rows[-1])

    def _show_trend(self, oldest_first: tuple[LogRow, ...]) -> None:
        self._trend = oldest_first[-200:]
        self._met.update(row.source_id for row in oldest_first)
        self._offer()
        self._bar.show_trend(self._trend)

    # What the line adds meanwhile

    def _came(self, news: News) -> None:
        verdicts = self._filters.choice.verdicts
        rows = tuple(row for row in news.rows if not verdicts or row.verdict in verdicts)
        self._count()
        if not rows:
            return
        self._show_pending(News(rows, news.complete))
        in_view = self._order is LogOrder.NEWEST and self._table.at_top and self._table.chosen_row is None
        if in_view or not self._model.rowCount():
            self._show_news()

    def _show_pending(self, news: News | None) -> None:
        self._pending = news
        self._bar.show_news(len(news.rows) if news else 0, news is None or news.complete)

    def _show_news(self) -> None:
        news = self._pending
        if news is None:
            return
        self._table.scrollToTop()
        if self._order is not LogOrder.NEWEST or not news.complete or not self._model.rowCount():
            self.reload()
            return
        self._show_pending(None)
        self._model.put_on_top(news.rows)
        if self._table.chosen_row is None:
            self._model.forget_beyond(KEPT_WHILE_LIVE)
        self._watch.known(news.rows[0])
        self._show_trend((*self._trend, *reversed(news.rows)))

    # What a person does

    def _chosen(self, choice: Choice) -> None:
        self._bar.show_chosen(choice.verdicts)
        self._table.scrollToTop()
        self.reload()

    def _verdicts_chosen(self, verdicts: frozenset[Verdict]) -> None:
        self._filters.choose(replace(self._filters.choice, verdicts=verdicts))

    def _order_chosen(self, order: LogOrder) -> None:
        self._order = order
        self._table.scrollToTop()
        self.reload()

    def _row_chosen(self, row: LogRow | None) -> None:
        self._detail_generation += 1
        if row is None:
            self._rest.stop()
            self._detail.show_nothing()
        else:
            self._rest.start()

    def _ask_detail(self) -> None:
        row = self._table.chosen_row
        if row is not None:
            self._history.detail(row.inspection_id, partial(self._detailed, self._detail_generation))

    def _detailed(self, generation: int, detail: LogDetail) -> None:
        if generation == self._detail_generation:
            self._detail.show_detail(detail)
            self._model.replace(detail.row)

    def _label(self, label: Label) -> None:
        row = self._table.chosen_row
        if row is not None:
            self._history.label(row.inspection_id, label, "", "", self._labelled)

    def _labelled(self, _done: object) -> None:
        self._detail_generation += 1
        self._ask_detail()

    def _exported(self, exported: Exported) -> None:
        count = words.counted(exported.rows, self.tr("{0} inspection"), self.tr("{0} inspections"))
        self._bar.say(self.tr("{0} written to {1}").format(count, exported.target))

    # Empty states

    def _say_empty(self) -> None:
        choice = self._filters.choice
        if not choice.is_plain:
            self._empty.say(
                self.tr("No inspection matches"),
                self.tr("Nothing in the log fits all of these filters."),
                self.tr("Clear filters"),
            )
        elif choice.period is not Period.ALL:
            self._empty.say(
                self.tr("Nothing in this time"),
                self.tr("There is no inspection in the time chosen ({0}).").format(words.time_of(choice)),
                self.tr("Show all time"),
            )
        else:
            self._empty.say(
                self.tr("The log is empty"),
                self.tr("Every part the line inspects will be here, with its picture, score and limits."),
                "" if self._station.running else self.tr("Start line"),
            )

    def _help_out(self) -> None:
        choice = self._filters.choice
        if self._failed:
            self.reload()
        elif not choice.is_plain:
            self._filters.clear()
        elif choice.period is not Period.ALL:
            self._filters.choose(Choice(period=Period.ALL))
        else:
            self._station.start()
            self._say_empty()

    # What changes elsewhere

    def _offer(self) -> None:
        """Offer the products, the sources of the settings and those met in the log."""
        sources = (source.source_id for source in self._station.settings.sources)
        self._filters.offer(self._station.products, tuple(dict.fromkeys((*sources, *sorted(self._met)))))

    def _products_changed(self, _products: tuple[str, ...]) -> None:
        self._offer()

    def _settings_changed(self, settings: Settings) -> None:
        self._offer()
        self._detail.set_heat_opacity(settings.heat_opacity)

    def _recolor(self, _tokens: Tokens) -> None:
        self._model.set_icons(words.verdict_icons())
