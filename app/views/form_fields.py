"""One field of a form: its name, its editor, and below it a hint or the sentence that says what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.services.trial import Found, SourceTrial
from app.theme import GAP, MARGIN, STEP, TARGET, Role, Tokens, set_role, theme, tokens

NAME_WIDTH = 176
EDITOR_WIDTH = 340
EDITOR_HEIGHT = 32
CAPTION_WIDTH = 480
CLEAR_STYLE = "QToolButton { border: none; padding: 0; min-height: 0; }"  # the button within a search field
TOUCH_STYLE = """
QLineEdit, QComboBox, QAbstractSpinBox { min-height: 36px; }
QPushButton { min-height: 34px; }
QCheckBox { min-height: 44px; }
"""  # with padding and border 44 px each
INSET = 6  # px: a number begins where a text begins


class WheelGuard(QObject):
    """Keeps the wheel from changing a value while a form is scrolled: only an editor with focus takes it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Swallow the wheel over what has no focus, and let the form scroll."""
        if event.type() is QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False

    def watch(self, editor: QWidget) -> None:
        """Guard an editor."""
        editor.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        editor.installEventFilter(self)


class Field(QWidget):
    """Name left, editor right, hint or complaint below the editor."""

    def __init__(self, name: str, editor: QWidget, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hint, self._wrong = hint, False
        self.editor = editor
        title, self._caption = QLabel(name, self), QLabel(self)
        self._title = title
        title.setBuddy(editor)
        title.setWordWrap(True)
        title.setFixedWidth(NAME_WIDTH)
        title.setMinimumHeight(EDITOR_HEIGHT)
        editor.setAccessibleName(name)
        editor.setFixedSize(EDITOR_WIDTH, EDITOR_HEIGHT)
        self._caption.setWordWrap(True)
        self._caption.setFixedWidth(CAPTION_WIDTH)
        set_role(self._caption, Role.CAPTION)
        right = QVBoxLayout()
        right.setSpacing(2)
        right.addWidget(editor, 0, Qt.AlignmentFlag.AlignLeft)
        right.addWidget(self._caption)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(MARGIN)
        row.addWidget(title, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(right)
        row.addStretch(1)
        self.complain("")
        if isinstance(editor, QComboBox | QAbstractSpinBox):
            WheelGuard(editor).watch(editor)
        theme().changed.connect(self._recolor)

    @property
    def complaint(self) -> str:
        """What is said to be wrong, empty when nothing is."""
        return self._caption.text() if self._wrong else ""

    def complain(self, sentence: str) -> None:
        """Say what is wrong with the value; "" when nothing is."""
        self._wrong = bool(sentence)
        self._caption.setText(sentence or self._hint)
        self._caption.setVisible(bool(sentence or self._hint))
        self._recolor()

    def enlarge(self) -> None:
        """Make the editor large enough for a finger."""
        self.setStyleSheet(TOUCH_STYLE)
        self._title.setMinimumHeight(TARGET)
        self.editor.setFixedHeight(TARGET)
        for part in self.editor.findChildren(QWidget):
            if isinstance(self.editor, PathEdit):
                part.setFixedHeight(TARGET)

    def hint(self, sentence: str) -> None:
        """Say something else below the editor."""
        self._hint = sentence
        if not self._wrong:
            self.complain("")

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        self._caption.setStyleSheet(f"color: {tokens().fail};" if self._wrong else "")


class Card(QFrame):
    """A heading, a sentence where one is needed, and what belongs together."""

    def __init__(self, heading: str, sentence: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(MARGIN + STEP, MARGIN, MARGIN + STEP, MARGIN + STEP)
        self.column.setSpacing(MARGIN)
        self.heading = QLabel(heading, self)
        set_role(self.heading, Role.HEADING)
        self.column.addWidget(self.heading)
        if sentence:
            text = QLabel(sentence, self)
            text.setWordWrap(True)
            set_role(text, Role.MUTED)
            self.column.addWidget(text)

    def field(self, name: str, editor: QWidget, hint: str = "") -> Field:
        """Add a field and return it."""
        made = Field(name, editor, hint, self)
        self.column.addWidget(made)
        return made


class PathEdit(QWidget):
    """A path as text, and a button that looks for it; whether it is there is asked for by `trial`, if given."""

    changed = Signal(str)
    looked = Signal(object)  # Found: what lies at this path

    def __init__(
        self,
        folder: bool,
        kinds: str = "",
        parent: QWidget | None = None,
        trial: SourceTrial | None = None,
        holds: str = "",
    ) -> None:
        """Make the field, of a folder or a file; the folder of a model `holds` a file of this name."""
        super().__init__(parent)
        self._folder, self._kinds, self._trial, self._holds = folder, kinds, trial, holds
        self._found: Found | None = None  # at this path; None until it is known
        self._generation, self._asking = 0, False
        self._text, self._browse = QLineEdit(self), QPushButton(self.tr("Browse…"), self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        for widget in (self._text, self._browse):
            widget.setFixedHeight(EDITOR_HEIGHT)
        row.addWidget(self._text, 1)
        row.addWidget(self._browse)
        self.setFocusProxy(self._text)
        self._text.textChanged.connect(self._text_changed)
        self._browse.clicked.connect(self._open_dialog)

    def text(self) -> str:
        """Return the path."""
        return self._text.text().strip()

    def set_text(self, text: str) -> None:
        """Show a path."""
        if text != self.text():
            self._text.setText(text)

    def look(self) -> None:
        """Ask again what lies at the path; one question at a time, for a dead network share holds a worker."""
        if self._trial is not None and self.text() and not self._asking:
            self._asking = True
            self._trial.look(self.text(), self._holds, partial(self._answered, self._generation))

    def _text_changed(self, text: str) -> None:
        self._generation += 1
        self._found = None
        self.look()
        self.changed.emit(text)

    def _answered(self, generation: int, found: Found) -> None:
        self._asking = False
        if generation != self._generation:  # another path by now
            self.look()
            return
        self._found = found
        self.looked.emit(found)

    def _open_dialog(self) -> None:
        dialog = QFileDialog(self.window(), self.tr("Choose"), self.text(), self._kinds)
        if self._folder:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        else:
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.set_text)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def problem(self) -> str:
        """Return what is known to be wrong with the path, empty when it is there or nobody knows yet."""
        if not self.text():
            return self.tr("Choose a folder.") if self._folder else self.tr("Choose a file.")
        if self._found is Found.BARE_FOLDER:
            return self.tr("This folder holds no trained model: there is no {0} in it.").format(self._holds)
        if self._found in (None, Found.FOLDER if self._folder else Found.FILE):
            return ""
        return (
            self.tr("This folder does not exist.") if self._folder else self.tr("This file does not exist.")
        )


def choices(values: Iterable[tuple[object, str]], parent: QWidget | None = None) -> QComboBox:
    """Return a box of (value, words)."""
    box = QComboBox(parent)
    for value, text in values:
        box.addItem(text, value)
    return box


def choose(box: QComboBox, value: object) -> None:
    """Select the entry with this value, or the first one."""
    found = next((at for at in range(box.count()) if box.itemData(at) == value), 0)
    box.setCurrentIndex(found)


def choose_or_add(box: QComboBox, value: str) -> None:
    """Select the entry with this value, which is added where it is missing."""
    if box.findData(value) < 0:
        box.addItem(value, value)
    choose(box, value)


def whole_number(least: int, most: int, unit: str = "", zero: str = "") -> QSpinBox:
    """Return an editor for a whole number; its least value reads `zero` where that is given."""
    box = QSpinBox()
    box.lineEdit().setTextMargins(INSET, 0, 0, 0)
    box.setRange(least, most)
    box.setSuffix(f" {unit}" if unit else "")
    box.setSpecialValueText(zero)
    return box


def real_number(least: float, most: float, unit: str = "", digits: int = 1, zero: str = "") -> QDoubleSpinBox:
    """Return an editor for a number; its least value reads `zero` where that is given."""
    box = QDoubleSpinBox()
    box.lineEdit().setTextMargins(INSET, 0, 0, 0)
    box.setDecimals(digits)
    box.setRange(least, most)
    box.setSuffix(f" {unit}" if unit else "")
    box.setSpecialValueText(zero)
    box.setSingleStep(10**-digits if digits else 1)
    return box
