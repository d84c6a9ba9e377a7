"""The log as a table: pages of the database asked for by keyset, never on the GUI thread.

Every `ask` starts a new generation; an answer of an older one is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from typing import Any, Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QIcon

from almrr_core.errors import StationError
from almrr_core.types import LogFilter, LogOrder, LogRow, Verdict
from app.views import log_words as words
from app.views.log_words import translate

PAGE = 200  # rows asked for at a time

Index = QModelIndex | QPersistentModelIndex
RowRole = int(Qt.ItemDataRole.UserRole)


class Pages(Protocol):
    """What the model needs of the history service."""

    def page(
        self,
        wanted: LogFilter,
        order: LogOrder,
        after: LogRow | None,
        limit: int,
        done: Callable[[tuple[LogRow, ...]], None],
        failed: Callable[[StationError], None] | None = None,
    ) -> None:
        """Answer with at most `limit` rows that follow `after`, later, on the GUI thread."""


class Column(Enum):
    """The columns from left to right."""

    TIME = "time"
    VERDICT = "verdict"
    SCORE = "score"
    LIMITS = "limits"
    PART = "part"
    LABEL = "label"
    PRODUCT = "product"
    LOT = "lot"
    SERIAL = "serial"
    SOURCE = "source"
    RECIPE = "recipe"
    LATENCY = "latency"
    NOTE = "note"


COLUMNS = tuple(Column)
_RIGHT = {Column.SCORE, Column.LIMITS, Column.LATENCY}


def cell(row: LogRow, column: Column) -> str:  # noqa: PLR0912
    """Return the text of one cell."""
    match column:
        case Column.TIME:
            return words.local_time(row.at)
        case Column.VERDICT:
            return words.verdict_word(row.verdict)
        case Column.SCORE:
            return words.number(row.score)
        case Column.LIMITS:
            return f"{words.number(row.review_limit)} / {words.number(row.fail_limit)}"
        case Column.PART:
            return row.part_id
        case Column.LABEL:
            return words.label_of(row)
        case Column.PRODUCT:
            return row.product
        case Column.LOT:
            return row.lot
        case Column.SERIAL:
            return row.serial
        case Column.SOURCE:
            return row.source_id
        case Column.RECIPE:
            return f"v{row.recipe_version} · {row.model_id}"
        case Column.LATENCY:
            return words.milliseconds(row.latency_ms)
        case Column.NOTE:
            return row.reason or row.name


def titles() -> dict[Column, tuple[str, str]]:
    """Return each column's title and the sentence that explains it."""
    zone = words.zone_of(datetime.now(UTC))
    return {
        Column.TIME: (
            translate("Log", "Decided ({0})").format(zone),
            translate("Log", "Local time of the verdict"),
        ),
        Column.VERDICT: (translate("Log", "Verdict"), translate("Log", "What the line said")),
        Column.SCORE: (translate("Log", "Score"), translate("Log", "Raw score; higher is worse")),
        Column.LIMITS: (
            translate("Log", "Review / fail"),
            translate("Log", "The limits that applied at that moment"),
        ),
        Column.PART: (translate("Log", "Part"), translate("Log", "Part id")),
        Column.LABEL: (translate("Log", "Label"), translate("Log", "What a person said last")),
        Column.PRODUCT: (translate("Log", "Product"), translate("Log", "Kind of part")),
        Column.LOT: (translate("Log", "Lot"), translate("Log", "Lot, where the trigger named it")),
        Column.SERIAL: (
            translate("Log", "Serial"),
            translate("Log", "Serial number, where the trigger named it"),
        ),
        Column.SOURCE: (translate("Log", "Source"), translate("Log", "Where the picture came from")),
        Column.RECIPE: (translate("Log", "Recipe · model"), translate("Log", "What judged the part")),
        Column.LATENCY: (translate("Log", "Latency"), translate("Log", "From grab to verdict")),
        Column.NOTE: (
            translate("Log", "File or reason"),
            translate("Log", "The file's name, or why there is no verdict"),
        ),
    }


class LogModel(QAbstractTableModel):
    """The rows of one filter in one order; `fetchMore` appends the next page as the view nears the end."""

    answered = Signal(object)  # int: rows now loaded
    refused = Signal(object)  # StationError: there is no answer

    def __init__(self, pages: Pages, icons: dict[Verdict, QIcon], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pages, self._icons = pages, icons
        self._rows: list[LogRow] = []
        self._wanted, self._order = LogFilter(), LogOrder.NEWEST
        self._generation, self._waiting, self._more = 0, False, False

    @property
    def wanted(self) -> LogFilter:
        """The filter last asked for."""
        return self._wanted

    @property
    def order(self) -> LogOrder:
        """The order last asked for."""
        return self._order

    @property
    def waiting(self) -> bool:
        """Whether an answer is on its way."""
        return self._waiting

    def ask(self, wanted: LogFilter, order: LogOrder) -> None:
        """Show another filter or order; the old rows stay until the first page of the new ones is here."""
        self._wanted, self._order = wanted, order
        self._generation += 1
        self._request(None)

    def row(self, index: Index | int) -> LogRow:
        """Return the row under an index or at a position."""
        return self._rows[index if isinstance(index, int) else index.row()]

    def position(self, inspection_id: int) -> int | None:
        """Return where an inspection stands among the loaded rows."""
        found = (at for at, row in enumerate(self._rows) if row.inspection_id == inspection_id)
        return next(found, None)

    def put_on_top(self, rows: Sequence[LogRow]) -> None:
        """Insert rows newer than the first one (order NEWEST only); selection and loaded rows stay."""
        if rows:
            self.beginInsertRows(QModelIndex(), 0, len(rows) - 1)
            self._rows[:0] = rows
            self.endInsertRows()

    def forget_beyond(self, kept: int) -> None:
        """Drop the rows after the first `kept`, to be fetched again: a page left open all shift stays small."""
        if len(self._rows) > kept and not self._waiting:
            self.beginRemoveRows(QModelIndex(), kept, len(self._rows) - 1)
            del self._rows[kept:]
            self.endRemoveRows()
            self._more = True

    def replace(self, row: LogRow) -> None:
        """Show a row that changed (a new label)."""
        position = self.position(row.inspection_id)
        if position is not None:
            self._rows[position] = row
            self.dataChanged.emit(self.index(position, 0), self.index(position, len(COLUMNS) - 1))

    def set_icons(self, icons: dict[Verdict, QIcon]) -> None:
        """Use other verdict icons, after a change of theme."""
        self._icons = icons
        if self._rows:
            column = COLUMNS.index(Column.VERDICT)
            self.dataChanged.emit(self.index(0, column), self.index(len(self._rows) - 1, column))

    def _request(self, after: LogRow | None) -> None:
        self._waiting = True
        done = partial(self._received, self._generation, after)
        failed = partial(self._failed, self._generation)
        self._pages.page(self._wanted, self._order, after, PAGE, done, failed)

    def _received(self, generation: int, after: LogRow | None, rows: tuple[LogRow, ...]) -> None:
        if generation != self._generation:
            return
        self._waiting, self._more = False, len(rows) == PAGE
        if after is None:
            self.beginResetModel()
            self._rows = list(rows)
            self.endResetModel()
        elif rows:
            first = len(self._rows)
            self.beginInsertRows(QModelIndex(), first, first + len(rows) - 1)
            self._rows += rows
            self.endInsertRows()
        self.answered.emit(len(self._rows))

    def _failed(self, generation: int, error: StationError) -> None:
        if generation == self._generation:
            self._waiting = self._more = False
            self.refused.emit(error)

    # Qt's names from here on.

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """Return how many rows are loaded."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def canFetchMore(self, parent: Index) -> bool:  # noqa: N802
        """Return whether rows may follow and none are on their way."""
        return not parent.isValid() and self._more and not self._waiting

    def fetchMore(self, parent: Index) -> None:  # noqa: N802
        """Ask for the page that follows the last row."""
        if self.canFetchMore(parent):
            self._request(self._rows[-1])

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        """Return what the view asks of one cell."""
        row, column = self._rows[index.row()], COLUMNS[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.ToolTipRole:
                return cell(row, column)
            case Qt.ItemDataRole.DecorationRole if column is Column.VERDICT:
                return self._icons.get(row.verdict)
            case Qt.ItemDataRole.TextAlignmentRole if column in _RIGHT:
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            case _ if role == RowRole:
                return row
        return None

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        """Return a column's title; rows have none."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return titles()[column][0]
        if role == Qt.ItemDataRole.ToolTipRole:
            return titles()[column][1]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column in _RIGHT else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None
