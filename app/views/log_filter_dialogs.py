"""Two small questions of the log's chips: from when to when, and which scores."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QDateTime, Signal
from PySide6.QtWidgets import (
    QDateTimeEdit,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from app.theme import Role, set_role
from app.views import log_words as words


class _Question(QDialog):
    """Two fields, a sentence where they contradict each other, and Show or Cancel."""

    chosen = Signal(object)

    def __init__(self, title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(320)
        self.form = QFormLayout(self)
        self._problem = QLabel(self)
        self._problem.setWordWrap(True)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, parent=self)
        self._show = QPushButton(self.tr("Show"), self)
        set_role(self._show, Role.PRIMARY)
        self._buttons.addButton(self._show, QDialogButtonBox.ButtonRole.AcceptRole)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self.finished.connect(self.deleteLater)

    def finish(self) -> None:
        """Put the sentence and the buttons below the fields."""
        self.form.addRow(self._problem)
        self.form.addRow(self._buttons)
        self.check()

    def check(self) -> None:
        """Allow Show only when there is nothing to complain of."""
        problem = self.problem()
        self._problem.setText(problem)
        self._show.setEnabled(not problem)

    def problem(self) -> str:
        """Return what is wrong in a sentence, empty when nothing is."""
        raise NotImplementedError

    def answer(self) -> tuple[object, object]:
        """Return the pair that was asked for."""
        raise NotImplementedError

    def accept(self) -> None:
        """Close and tell the answer."""
        if not self.problem():
            self.chosen.emit(self.answer())
            super().accept()


class RangeDialog(_Question):
    """Asks from when to when, in local time; answers (since, until) in UTC."""

    def __init__(self, since: datetime | None, until: datetime | None, parent: QWidget | None) -> None:
        super().__init__("", parent)
        self.setWindowTitle(self.tr("Custom time range"))
        now = datetime.now(UTC)
        self._since = self._field(since or now - timedelta(days=1))
        self._until = self._field(until or now)
        zone = words.zone_of(now)
        self.form.addRow(self.tr("From ({0})").format(zone), self._since)
        self.form.addRow(self.tr("To ({0})").format(zone), self._until)
        self.finish()

    def _field(self, at: datetime) -> QDateTimeEdit:
        field = QDateTimeEdit(QDateTime.fromSecsSinceEpoch(int(at.timestamp())), self)
        field.setDisplayFormat("yyyy-MM-dd HH:mm:ss")
        field.setCalendarPopup(True)
        field.dateTimeChanged.connect(self._edited)
        return field

    def _edited(self, _at: QDateTime) -> None:
        self.check()

    def problem(self) -> str:
        """Return whether the end lies before the beginning."""
        wrong = self._until.dateTime() <= self._since.dateTime()
        return self.tr("The end must be later than the beginning.") if wrong else ""

    def answer(self) -> tuple[datetime, datetime]:
        """Return the beginning and the end in UTC."""
        seconds = (field.dateTime().toSecsSinceEpoch() for field in (self._since, self._until))
        since, until = (datetime.fromtimestamp(s, UTC) for s in seconds)
        return since, until


class ScoreDialog(_Question):
    """Asks for the least and the highest score; an empty field sets no bound."""

    def __init__(self, least: float | None, most: float | None, parent: QWidget | None) -> None:
        super().__init__("", parent)
        self.setWindowTitle(self.tr("Score range"))
        self._least, self._most = self._field(least), self._field(most)
        self.form.addRow(self.tr("At least"), self._least)
        self.form.addRow(self.tr("At most"), self._most)
        self.finish()

    def _field(self, value: float | None) -> QLineEdit:
        field = QLineEdit("" if value is None else f"{value:g}", self)
        field.setPlaceholderText(self.tr("no bound"))
        field.textChanged.connect(self._edited)
        return field

    def _edited(self, _text: str) -> None:
        self.check()

    def problem(self) -> str:
        """Return what keeps the two fields from being a range."""
        try:
            least, most = self.answer()
        except ValueError:
            return self.tr("A score is a number such as 2.5 or -1.")
        if least is None and most is None:
            return self.tr("Give at least one of the two.")
        if least is not None and most is not None and least > most:
            return self.tr("“At least” must not be higher than “at most”.")
        return ""

    def answer(self) -> tuple[float | None, float | None]:
        """Return both bounds, None where a field is empty; raises ValueError for what is no number."""
        return _number(self._least.text()), _number(self._most.text())


def _number(text: str) -> float | None:
    clean = text.strip().replace("−", "-").replace(",", ".")
    if not clean:
        return None
    value = float(clean)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
