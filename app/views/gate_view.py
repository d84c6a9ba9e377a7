"""The comparison of two models: light, figures, and the pictures whose verdict would change, side by side."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from almrr_core.types import Limits, Verdict
from app.services.comparison import Comparison
from app.services.thumbnails import Thumb, Thumbnails
from app.services.training_values import Compared, GateReport, Pair
from app.theme import GAP, STEP, Role, set_role
from app.views.gate_table import GateTable, LightBar
from app.views.image_view import ImageView
from app.views.log_words import number, verdict_word
from app.views.thumbs import DATA, SIDE, pixmap_of
from app.views.train_words import change_words

MOST = 100  # changes listed


class GateView(QWidget):
    """Shows a `GateReport`; pictures come from the `Comparison` that made it."""

    def __init__(self, comparison: Comparison, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._comparison, self._thumbnails = comparison, thumbnails
        self.bar, self._table = LightBar(self), GateTable(self)
        self._heading, self._list = QLabel(self), QListWidget(self)
        self._views = (ImageView(self), ImageView(self))
        self._captions = (QLabel(self), QLabel(self))
        self._pictures = QWidget(self)
        self._report: GateReport | None = None
        self._build()
        self._list.currentItemChanged.connect(self._choose)

    @property
    def report(self) -> GateReport | None:
        """Return what is shown."""
        return self._report

    @property
    def changes(self) -> QListWidget:
        """Return the list of changed verdicts."""
        return self._list

    @property
    def captions(self) -> tuple[str, str]:
        """Return what stands over the two pictures."""
        return self._captions[0].text(), self._captions[1].text()

    def show_report(self, report: GateReport) -> None:
        """Show a comparison; the first change is shown at once."""
        self._report = report
        self.bar.show_report(report)
        self._table.show_report(report)
        changes, shown = report.changes, report.changes[:MOST]
        words = self.tr("No verdict would change.")
        if changes:
            words = self.tr("{0} of {1} verdicts would change").format(len(changes), len(report.pictures))
        self._heading.setText(words)
        self._list.clear()
        self._pictures.setVisible(bool(shown))
        for view, caption in zip(self._views, self._captions, strict=True):
            view.clear()
            caption.clear()
        for one in shown:
            item = QListWidgetItem(QIcon(pixmap_of(None, SIDE)), change_words(one), self._list)
            item.setData(DATA, one)
        self._thumbnails.fetch([one.path for one in shown], self._take)
        if shown:
            self._list.setCurrentRow(0)

    def _choose(self, item: QListWidgetItem | None, _before: QListWidgetItem | None = None) -> None:
        one = item.data(DATA) if item is not None else None
        if isinstance(one, Compared):
            self._comparison.pair(one, self._show_pair)

    def _show_pair(self, pair: Pair) -> None:
        item = self._list.currentItem()
        if item is None or item.data(DATA) != pair.one or self._report is None:
            return
        one, report = pair.one, self._report
        sides = (
            (report.active, one.active, one.active_score, pair.active_map, pair.active_limits),
            (report.candidate, one.candidate, one.candidate_score, pair.candidate_map, pair.candidate_limits),
        )
        roi = self._comparison.roi
        for view, caption, side in zip(self._views, self._captions, sides, strict=True):
            name, verdict, score, score_map, limits = side
            caption.setText(self._caption(str(name), verdict, score, limits))
            view.show_frame(pair.picture, score_map, None, limits, roi=roi, verdict=verdict)
            view.fit()

    def _caption(self, name: str, verdict: Verdict, score: float, limits: Limits) -> str:
        words = self.tr("{0}: {1} {2} (review {3}, fail {4})")
        return words.format(
            name, verdict_word(verdict), number(score), number(limits.review), number(limits.fail)
        )

    def _take(self, thumbs: tuple[Thumb, ...]) -> None:
        found = dict(thumbs)
        for at in range(self._list.count()):
            item = self._list.item(at)
            one = item.data(DATA)
            if isinstance(one, Compared) and one.path in found:
                item.setIcon(QIcon(pixmap_of(found[one.path], SIDE)))

    def _build(self) -> None:
        set_role(self._heading, Role.HEADING)
        self._list.setFixedWidth(196)
        self._list.setWordWrap(True)
        self._list.setIconSize(pixmap_of(None, SIDE).size())
        self._list.setAccessibleName(self.tr("Changed verdicts"))
        sides = QHBoxLayout(self._pictures)
        sides.setContentsMargins(0, 0, 0, 0)
        sides.setSpacing(GAP)
        sides.addWidget(self._list)
        for view, caption in zip(self._views, self._captions, strict=True):
            set_role(caption, Role.CAPTION)
            caption.setWordWrap(True)
            side = QVBoxLayout()
            side.setSpacing(STEP)
            side.addWidget(caption)
            side.addWidget(view, 1)
            sides.addLayout(side, 1)
        self._pictures.setMinimumHeight(220)
        right = QVBoxLayout()
        right.setSpacing(STEP)
        right.addWidget(self._heading, 0, Qt.AlignmentFlag.AlignTop)
        right.addWidget(self._pictures, 1)
        right.addStretch(0)
        middle = QHBoxLayout()
        middle.setSpacing(GAP)
        middle.addWidget(self._table, 0, Qt.AlignmentFlag.AlignTop)
        middle.addLayout(right, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(self.bar)
        column.addLayout(middle, 1)
