"""The queue as a list model, and how a part is painted: picture, score, edge in the verdict's colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from almrr_core.types import Label, LogRow, Picture
from app.theme import BODY, CAPTION, GAP, STEP, VERDICT_LOOK, figures, tokens
from app.views import log_words as words
from app.views.verdict_shape import draw_shape

ROW = Qt.ItemDataRole.UserRole
LIST_CELL, GALLERY_CELL = QSize(220, 76), QSize(184, 168)
EDGE, SHAPE = 4, 18
MOST_SCALED = 400  # small pictures kept as they are painted
LABEL_SIGN = {Label.GOOD: "✓", Label.BAD: "✕", Label.UNSURE: "?"}
Index = QModelIndex | QPersistentModelIndex


class QueueModel(QAbstractListModel):
    """The parts of the queue; pictures come later, by `touch`."""

    more_wanted = Signal()  # somebody scrolls to the last part

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[LogRow] = []
        self._more = self._asked = False

    @property
    def rows(self) -> Sequence[LogRow]:
        """Return the parts."""
        return self._rows

    @property
    def more(self) -> bool:
        """Return whether the log holds more parts of the queue."""
        return self._more

    def fill(self, rows: Sequence[LogRow], more: bool) -> None:
        """Hold these parts, `more` may follow; the same ones with more behind them keep what is selected."""
        self._more, self._asked = more, False
        if list(rows) == self._rows:
            return
        known = len(self._rows)
        same = len(rows) > known > 0 and all(
            one.inspection_id == other.inspection_id for one, other in zip(self._rows, rows, strict=False)
        )
        if same:
            self.beginInsertRows(QModelIndex(), known, len(rows) - 1)
            self._rows = list(rows)
            self.endInsertRows()
        else:
            self.beginResetModel()
            self._rows = list(rows)
            self.endResetModel()

    def put(self, at: int, row: LogRow) -> None:
        """Show a part as it is now."""
        if at < len(self._rows):
            self._rows[at] = row
            self.dataChanged.emit(self.index(at), self.index(at))

    def touch(self, inspection_id: int) -> None:
        """Paint a part again: its small picture came."""
        for at, row in enumerate(self._rows):
            if row.inspection_id == inspection_id:
                self.dataChanged.emit(self.index(at), self.index(at))

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802
        """Return the number of parts."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def canFetchMore(self, parent: Index) -> bool:  # noqa: N802
        """Return whether parts may follow that nobody asked for yet."""
        return not parent.isValid() and self._more and not self._asked

    def fetchMore(self, parent: Index) -> None:  # noqa: N802
        """Ask for the parts that follow."""
        if self.canFetchMore(parent):
            self._asked = True
            self.more_wanted.emit()

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> LogRow | str | None:
        """Return the row for ROW, else words for who cannot see it."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == ROW:
            return row
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            said = words.label_of(row) or self.tr("no label yet")
            verdict, score = words.verdict_word(row.verdict), words.number(row.score)
            return f"{verdict} {score} · {said}\n{row.part_id}\n{words.local_time(row.at)}"
        return None


class PartDelegate(QStyledItemDelegate):
    """Paints a part in a line of the list, or as a tile of the gallery."""

    def __init__(
        self, thumbnail: Callable[[int], Picture | None], tiles: bool, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._thumbnail, self._tiles = thumbnail, tiles
        self._scaled: dict[int, QPixmap] = {}

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802
        """Return the size of a cell."""
        return GALLERY_CELL if self._tiles else LIST_CELL

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw ground, picture, verdict's edge and shape, score and label."""
        row = index.data(ROW)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        cell = QRect(option.rect).adjusted(STEP // 2, STEP // 2, -STEP // 2, -STEP // 2)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens().selection if chosen else tokens().surface))
        painter.drawRoundedRect(cell, 6, 6)
        picture, text = self._places(cell)
        self._draw_picture(painter, row, picture)
        self._draw_words(painter, row, text, tokens().on_selection if chosen else tokens().text, chosen)
        painter.restore()

    def _places(self, cell: QRect) -> tuple[QRect, QRect]:
        inside = cell.adjusted(STEP, STEP, -STEP, -STEP)
        if self._tiles:
            return inside.adjusted(0, 0, 0, -36), QRect(
                inside.left(), inside.bottom() - 33, inside.width(), 33
            )
        wide = inside.height() * 4 // 3
        text = inside.adjusted(wide + GAP, 0, 0, 0)
        return QRect(inside.topLeft(), QSize(wide, inside.height())), text

    def _draw_picture(self, painter: QPainter, row: LogRow, place: QRect) -> None:
        look = VERDICT_LOOK[row.verdict]
        painter.fillRect(place, QColor(tokens().picture))
        pixmap = self._pixmap(row.inspection_id, place.size()) if row.has_picture else None
        if pixmap is not None:
            side = pixmap.deviceIndependentSize()
            corner = QRectF(place).center() - QRectF(0, 0, side.width(), side.height()).center()
            painter.drawPixmap(corner, pixmap)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        pen = QPen(QColor(look.color), EDGE)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        half = EDGE / 2
        painter.drawRect(QRectF(place).adjusted(half, half, -half, -half))
        shape = QRectF(place.right() - SHAPE - EDGE + 1, place.top() + EDGE, SHAPE, SHAPE)
        draw_shape(painter, row.verdict, shape, look.color, look.ink)

    def _pixmap(self, inspection_id: int, size: QSize) -> QPixmap | None:
        """Return the small picture scaled to its place, None while it is not here."""
        if inspection_id not in self._scaled:
            small = self._thumbnail(inspection_id)
            if small is None:
                return None
            if len(self._scaled) > MOST_SCALED:
                self._scaled.clear()
            self._scaled[inspection_id] = pixmap_of(small, size)
        return self._scaled[inspection_id]

    def _draw_words(self, painter: QPainter, row: LogRow, place: QRect, ink: str, chosen: bool) -> None:
        lines = [words.number(row.score), f"{row.at.astimezone():%H:%M:%S}"]
        if row.label is not None:
            lines.append(f"{LABEL_SIGN[row.label]} {row.defect_class or words.label_word(row.label)}")
        if self._tiles:
            lines = [f"{lines[0]} · {lines[1]}", *lines[2:]]
        high = min(place.height() // max(len(lines), 1), 20)
        top = place.top() if self._tiles else place.center().y() - high * len(lines) // 2
        for number, line in enumerate(lines):
            first = number == 0
            painter.setFont(figures(BODY if first else CAPTION, bold=first))
            painter.setPen(QColor(ink if first or chosen or number == 2 else tokens().muted))
            space = QRect(place.left(), top + number * high, place.width(), high)
            text = painter.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(space, int(Qt.AlignmentFlag.AlignVCenter), text)


def pixmap_of(picture: Picture, within: QSize) -> QPixmap:
    """Return a small picture, scaled to lie within a size."""
    gray = picture.ndim == 2
    kind = QImage.Format.Format_Grayscale8 if gray else QImage.Format.Format_RGB888
    image = QImage(picture.data, picture.shape[1], picture.shape[0], picture.strides[0], kind)
    smooth = Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image.scaled(within, Qt.AspectRatioMode.KeepAspectRatio, smooth))
