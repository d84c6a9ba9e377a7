"""The versions of a model from the newest to the oldest, with a line that shows which came from which."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSignalBlocker, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.services.training_values import ModelFacts, ModelState
from app.theme import BODY, CAPTION, GAP, STEP, figures, theme, tokens
from app.views.log_words import local_time, zone_of
from app.views.thumbs import DATA
from app.views.train_words import state_word, translate

HEIGHT, RAIL = 72, 40
DOT = 6.0


class Timeline(QListWidget):
    """One or two versions can be chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.setItemDelegate(_Delegate(self))
        self.setAccessibleName(self.tr("Versions of the model"))
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        theme().changed.connect(self.viewport().update)

    def show_facts(self, facts: tuple[ModelFacts, ...]) -> None:
        """Show these versions; what was chosen stays chosen, and nothing is said of a choice."""
        before = {one.row.model_id for one in self.chosen()}
        with QSignalBlocker(self):
            self.clear()
            for one in facts:
                item = QListWidgetItem(title_of(one), self)
                item.setData(DATA, one)
                item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, lineage_of(one))
                item.setSelected(one.row.model_id in before)

    def chosen(self) -> list[ModelFacts]:
        """Return the chosen versions, the newest first."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        found = [self.item(row).data(DATA) for row in rows]
        return [one for one in found if isinstance(one, ModelFacts)]


class _Delegate(QStyledItemDelegate):
    def sizeHint(  # noqa: N802
        self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(260, HEIGHT)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        facts = index.data(DATA)
        if not isinstance(facts, ModelFacts):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place, now = QRectF(option.rect), tokens()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(now.selection))
            painter.drawRoundedRect(place.adjusted(STEP, STEP, -STEP, -STEP), STEP, STEP)
        ink, quiet = (now.on_selection, now.on_selection) if chosen else (now.text, now.muted)
        last = index.row() == index.model().rowCount() - 1
        _draw_rail(painter, place, facts.state, index.row() == 0, last)
        lines = (
            (title_of(facts), BODY, facts.state is ModelState.ACTIVE, ink),
            (lineage_of(facts), CAPTION, False, quiet),
            (_made_words(facts), CAPTION, False, quiet),
        )
        top = place.top() + GAP + STEP / 2
        for words, size, bold, color in lines:
            painter.setFont(figures(size, bold))
            painter.setPen(QColor(color))
            height = painter.fontMetrics().height() + STEP / 2
            room = QRectF(place.left() + RAIL, top, place.width() - RAIL - GAP - STEP, height)
            text = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(room.width()))
            painter.drawText(room, text)
            top += height
        painter.restore()


def _draw_rail(painter: QPainter, place: QRectF, state: ModelState, first: bool, last: bool) -> None:
    """Draw the line of versions: the active one's dot is filled, a candidate's is not on the line yet."""
    now, x = tokens(), place.left() + RAIL / 2
    y = place.top() + GAP + STEP / 2 + DOT + 2
    painter.setPen(QPen(QColor(now.line), 2))
    if not first:
        painter.drawLine(QPointF(x, place.top()), QPointF(x, y - DOT))
    if not last:
        painter.drawLine(QPointF(x, y + DOT), QPointF(x, place.bottom() + 1))
    active = state is ModelState.ACTIVE
    painter.setPen(QPen(QColor(now.accent_text if active else now.line), 2))
    painter.setBrush(QColor(now.accent_text) if active else Qt.BrushStyle.NoBrush)
    painter.drawEllipse(QPointF(x, y), DOT, DOT)


def title_of(facts: ModelFacts) -> str:
    """Return a version's name and what it is now."""
    return f"{facts.row.model_id} · {state_word(facts.state)}"


def lineage_of(facts: ModelFacts) -> str:
    """Return where a version comes from, in a line."""
    row = facts.row
    words = list[str]()
    if row.parent is not None:
        words.append(translate("Timeline", "from {0}").format(row.parent))
    if facts.normals is not None and facts.held_out is not None:
        words.append(translate("Timeline", "{0} normals").format(facts.normals + facts.held_out))
    words.append(translate("Timeline", "by {0}").format(row.actor))
    return " · ".join(words)


def _made_words(facts: ModelFacts) -> str:
    at = facts.row.created_at
    return " · ".join(filter(None, (f"{local_time(at)[:-3]} {zone_of(at)}", facts.row.note or facts.fault)))
