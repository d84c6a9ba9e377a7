"""The dialog that edits a product's defect classes: name, colour, key."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QColorDialog,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from almrr_core.types import DefectClass
from app.icons import Icon
from app.theme import GAP, MARGIN, STEP, TARGET, Role, icon, set_role, tokens
from app.views.review_say import swatch

COLORS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999")
KEYS = "123456789"
MOST = 24


class _Line(QWidget):
    """One class."""

    removed = Signal(object)  # the line
    changed = Signal()

    def __init__(self, one: DefectClass, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._color = one.color
        self.name, self._key = QLineEdit(one.name, self), QComboBox(self)
        self._swatch, self._remove = QPushButton(self), QPushButton(self)
        self._key.addItems(["", *KEYS])
        self._key.setCurrentText(one.key)
        self._key.setAccessibleName(self.tr("Key"))
        self._key.setToolTip(self.tr("Digit that gives this class"))
        self.name.setAccessibleName(self.tr("Name"))
        self.name.setMaxLength(40)
        self._swatch.setToolTip(self.tr("Colour"))
        self._swatch.setIcon(swatch(one.color))
        self._remove.setToolTip(self.tr("Remove; labels keep the name"))
        self._remove.setIcon(icon(Icon.DELETE))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        for button in (self._swatch, self._remove):
            button.setFixedSize(TARGET, TARGET)
        for field in (self.name, self._key):
            field.setMinimumHeight(TARGET - 2 * STEP)
        self._key.setFixedWidth(64)
        row.addWidget(self._swatch)
        row.addWidget(self.name, 1)
        row.addWidget(self._key)
        row.addWidget(self._remove)
        self._swatch.clicked.connect(self._choose)
        self._remove.clicked.connect(partial(self.removed.emit, self))
        self.name.textChanged.connect(self.changed)
        self._key.currentIndexChanged.connect(self.changed)

    @property
    def value(self) -> DefectClass:
        """Return the class as it stands."""
        return DefectClass(self.name.text().strip(), self._color, self._key.currentText())

    def _choose(self) -> None:
        dialog = QColorDialog(QColor(self._color), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(self._take)
        dialog.open()

    def _take(self, color: QColor) -> None:
        self._color = color.name().upper()
        self._swatch.setIcon(swatch(self._color))


class DefectClassesDialog(QDialog):
    """Edits a copy; `saved` carries it."""

    saved = Signal(object)  # tuple[DefectClass, ...]

    def __init__(self, product: str, classes: tuple[DefectClass, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Defect classes of {0}").format(product))
        self.setMinimumWidth(440)
        self._lines: list[_Line] = []
        self._column, self._problem = QVBoxLayout(), QLabel(self)
        self._add = QPushButton(self.tr("Add class"), self)
        box = QDialogButtonBox.StandardButton
        self._buttons = QDialogButtonBox(box.Save | box.Cancel, self)
        self._build()
        for one in classes:
            self._append(one)
        if not classes:
            self._append_new()
        self._check()

    def _build(self) -> None:
        words = QLabel(
            self.tr("What a defect of this product can be. Its digit marks a part in one key."), self
        )
        words.setWordWrap(True)
        set_role(words, Role.MUTED)
        self._problem.setStyleSheet(f"color: {tokens().fail};")
        self._add.setIcon(icon(Icon.ADD))
        set_role(self._add, Role.TOUCH)
        self._add.clicked.connect(self._append_new)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        whole.setSpacing(GAP)
        whole.addWidget(words)
        whole.addLayout(self._column)
        whole.addWidget(self._add, 0, Qt.AlignmentFlag.AlignLeft)
        whole.addStretch(1)
        whole.addWidget(self._problem)
        whole.addWidget(self._buttons)
        self._buttons.accepted.connect(self._save)
        self._buttons.rejected.connect(self.reject)

    def _append(self, one: DefectClass) -> _Line:
        line = _Line(one, self)
        line.removed.connect(self._drop)
        line.changed.connect(self._check)
        self._lines.append(line)
        self._column.addWidget(line)
        self._add.setEnabled(len(self._lines) < MOST)
        return line

    def _append_new(self) -> None:
        used = {line.value.key for line in self._lines}
        key = next((key for key in KEYS if key not in used), "")
        line = self._append(DefectClass("", COLORS[len(self._lines) % len(COLORS)], key))
        line.name.setFocus()
        self._check()

    def _drop(self, line: _Line) -> None:
        self._lines.remove(line)
        self._column.removeWidget(line)
        line.deleteLater()
        self._check()

    def _check(self) -> None:
        """Say what is wrong, and let nobody save it."""
        named = [line.value for line in self._lines if line.value.name]
        keys = [one.key for one in named if one.key]
        problem = ""
        if len({one.name for one in named}) < len(named):
            problem = self.tr("Two classes have the same name.")
        elif len(set(keys)) < len(keys):
            problem = self.tr("Two classes have the same key.")
        self._problem.setText(problem)
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not problem)

    def _save(self) -> None:
        self.saved.emit(tuple(line.value for line in self._lines if line.value.name))
        self.accept()
