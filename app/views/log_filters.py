"""The chips over the log's table: what must hold for a row to be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QPushButton, QToolButton, QWidget

from almrr_core.types import Counts, Verdict
from app.theme import GAP, ICON, VERDICT_LOOK, Role, Tokens, set_role, theme
from app.views import log_words as words
from app.views.form_fields import CLEAR_STYLE
from app.views.log_choice import Choice, LabelChoice, Period
from app.views.log_filter_dialogs import RangeDialog, ScoreDialog

TYPING_PAUSE = 250  # ms between the last key and the question


class MenuChip(QToolButton):
    """A chip whose menu offers values of which one is chosen; checked while it restricts."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CHIP)
        self.setCheckable(True)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setStyleSheet("QToolButton { padding-right: 22px; }")  # room for the arrow
        self._menu = QMenu(self)
        self._group = QActionGroup(self)
        self.setMenu(self._menu)

    def offer(self, values: Iterable[tuple[object, str]], current: object) -> None:
        """Fill the menu with (value, words); `current` is ticked."""
        for action in self._group.actions():
            self._group.removeAction(action)
        self._menu.clear()
        for value, text in values:
            action = QAction(text.replace("&", "&&"), self._menu)
            action.setCheckable(True)
            action.setChecked(value == current)
            action.triggered.connect(partial(self._choose, value))
            self._group.addAction(action)
            self._menu.addAction(action)

    def show_choice(self, text: str, restricts: bool) -> None:
        """Show what is chosen on the chip."""
        self.setText(text.replace("&", "&&"))
        self.setChecked(restricts)

    def _choose(self, value: object, _checked: bool = False) -> None:
        self.chosen.emit(value)


class FilterBar(QWidget):
    """Chips for time, product, source, score and label, and the search field."""

    changed = Signal(object)  # Choice

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choice = Choice()
        self._products: tuple[str, ...] = ()
        self._sources: tuple[str, ...] = ()
        self._chips = {name: MenuChip(self) for name in ("time", "product", "source", "score", "label")}
        self._search = self._build_search()
        self._clear = QToolButton(self)
        self._typed = QTimer(self, singleShot=True, interval=TYPING_PAUSE)
        self._build()
        self._show()

    @property
    def choice(self) -> Choice:
        """What is chosen now."""
        return self._choice

    def choose(self, choice: Choice) -> None:
        """Choose all at once, as if by hand."""
        if choice != self._choice:
            self._choice = choice
            self._show()
            self.changed.emit(choice)

    def clear(self) -> None:
        """Take all restrictions away but the time."""
        now = self._choice
        self.choose(Choice(period=now.period, since=now.since, until=now.until))

    def offer(self, products: Sequence[str], sources: Sequence[str]) -> None:
        """Say which products and sources can be chosen."""
        if (tuple(products), tuple(sources)) != (self._products, self._sources):
            self._products, self._sources = tuple(products), tuple(sources)
            self._show()

    def search(self) -> None:
        """Put the cursor into the search field."""
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def _build_search(self) -> QLineEdit:
        field = QLineEdit(self)
        field.setPlaceholderText(self.tr("Search part, lot, serial, file, reason"))
        field.setClearButtonEnabled(True)
        field.setMinimumWidth(120)
        field.setMaximumWidth(360)
        field.setAccessibleName(self.tr("Search the log"))
        field.setMaxLength(200)
        field.setStyleSheet(CLEAR_STYLE)
        return field

    def _build(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        for chip in self._chips.values():
            row.addWidget(chip)
        row.addWidget(self._search, 1)
        self._clear.setText(self.tr("Clear"))
        self._clear.setToolTip(self.tr("Show all verdicts, products, sources, scores and labels again"))
        set_role(self._clear, Role.QUIET)
        row.addWidget(self._clear)
        row.addStretch(0)
        self._clear.clicked.connect(self.clear)
        self._search.textEdited.connect(self._edited)
        self._typed.timeout.connect(self._searched)
        self._search.returnPressed.connect(self._searched)
        QShortcut(QKeySequence.StandardKey.Find, self, self.search)
        names = {
            "time": self.tr("Time"),
            "product": self.tr("Product"),
            "source": self.tr("Source"),
            "score": self.tr("Score"),
            "label": self.tr("Label"),
        }
        handlers: dict[str, Callable[[object], None]] = {
            "time": self._choose_time,
            "product": self._choose_product,
            "source": self._choose_source,
            "score": self._choose_score,
            "label": self._choose_label,
        }
        for name, chip in self._chips.items():
            chip.setAccessibleName(names[name])
            chip.setToolTip(names[name])
            chip.chosen.connect(handlers[name])

    def _show(self) -> None:
        """Write the choice onto the chips."""
        now = self._choice
        self._chips["time"].offer(((p, words.period_word(p)) for p in Period), now.period)
        self._chips["time"].show_choice(words.time_of(now), now.period is not Period.ALL)
        everything = self.tr("All products")
        products = [("", everything), *((name, name) for name in self._products)]
        self._chips["product"].offer(products, now.product)
        self._chips["product"].show_choice(now.product or everything, bool(now.product))
        anywhere = self.tr("All sources")
        self._chips["source"].offer(
            [("", anywhere), *((name, name) for name in self._sources)], now.source_id
        )
        self._chips["source"].show_choice(now.source_id or anywhere, bool(now.source_id))
        bounded = now.least_score is not None or now.most_score is not None
        any_score = self.tr("Any score")
        self._chips["score"].offer([(False, any_score), (True, self.tr("Score range…"))], bounded)
        self._chips["score"].show_choice(words.scores_of(now) or any_score, bounded)
        self._chips["label"].offer(((c, words.label_choice_word(c)) for c in LabelChoice), now.label)
        labelled = now.label is not LabelChoice.ANY
        self._chips["label"].show_choice(words.label_choice_word(now.label), labelled)
        if self._search.text().strip() != now.text:
            self._search.setText(now.text)
        self._clear.setEnabled(not now.is_plain)

    def _choose_time(self, value: object) -> None:
        period = Period(str(value))
        if period is not Period.CUSTOM:
            self.choose(replace(self._choice, period=period, since=None, until=None))
            return
        self._show()  # the tick stays where it was until the dialog is accepted
        dialog = RangeDialog(self._choice.since, self._choice.until, self)
        dialog.chosen.connect(self._choose_range)
        dialog.open()

    def _choose_range(self, since_until: object) -> None:
        assert isinstance(since_until, tuple)
        since, until = since_until
        self.choose(replace(self._choice, period=Period.CUSTOM, since=since, until=until))

    def _choose_product(self, value: object) -> None:
        self.choose(replace(self._choice, product=str(value)))

    def _choose_source(self, value: object) -> None:
        self.choose(replace(self._choice, source_id=str(value)))

    def _choose_score(self, bounded: object) -> None:
        if not bounded:
            self.choose(replace(self._choice, least_score=None, most_score=None))
            return
        self._show()
        dialog = ScoreDialog(self._choice.least_score, self._choice.most_score, self)
        dialog.chosen.connect(self._choose_scores)
        dialog.open()

    def _choose_scores(self, least_most: object) -> None:
        assert isinstance(least_most, tuple)
        least, most = least_most
        self.choose(replace(self._choice, least_score=least, most_score=most))

    def _choose_label(self, value: object) -> None:
        self.choose(replace(self._choice, label=LabelChoice(str(value))))

    def _edited(self, _text: str) -> None:
        self._typed.start()

    def _searched(self) -> None:
        self._typed.stop()
        self.choose(replace(self._choice, text=self._search.text().strip()))


class VerdictChips(QWidget):
    """The counts of the filter by verdict; each is a chip that shows only such parts. None pressed: all."""

    changed = Signal(object)  # frozenset[Verdict]

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        self._chips = {verdict: self._build(verdict) for verdict in Verdict}
        for chip in self._chips.values():
            row.addWidget(chip)
        self.show_counts(None)
        self._recolor()
        theme().changed.connect(self._recolor)

    def _build(self, verdict: Verdict) -> QPushButton:
        chip = QPushButton(self)
        set_role(chip, Role.CHIP)
        chip.setCheckable(True)
        chip.setIconSize(QSize(ICON - 4, ICON - 4))
        chip.setToolTip(self.tr("Show only {0}").format(VERDICT_LOOK[verdict].word))
        chip.clicked.connect(self._clicked)
        return chip

    def show_counts(self, counts: Counts | None) -> None:
        """Show how many there are; None while nobody knows."""
        known = counts or Counts()
        numbers = (known.passed, known.review, known.fail, known.not_inspected)
        for (verdict, chip), number in zip(self._chips.items(), numbers, strict=True):
            text = words.whole(number) if counts else "…"
            chip.setText(f"{VERDICT_LOOK[verdict].word}  {text}")
            chip.setAccessibleName(f"{VERDICT_LOOK[verdict].word} {text}")

    def show_chosen(self, verdicts: frozenset[Verdict]) -> None:
        """Press the chips of these verdicts."""
        for verdict, chip in self._chips.items():
            chip.setChecked(verdict in verdicts)

    def _clicked(self, _checked: bool) -> None:
        self.changed.emit(frozenset(v for v, chip in self._chips.items() if chip.isChecked()))

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        for verdict, made in words.verdict_icons().items():
            self._chips[verdict].setIcon(made)
