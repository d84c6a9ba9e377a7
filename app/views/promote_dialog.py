"""Two questions before something grave: a note for a promotion, a typed name for a deletion."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.services.training_values import Light
from app.theme import GAP, MARGIN, Role, set_role

WIDTH = 460


class _Question(QDialog):
    """A sentence, a line of text, and two buttons; the first is enabled by `ready`."""

    def __init__(self, title: str, sentence: str, button: str, role: Role, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(WIDTH)
        self._sentence, self._text = QLabel(sentence, self), QLineEdit(self)
        self._yes, self._no = QPushButton(button, self), QPushButton(self.tr("Cancel"), self)
        self._sentence.setWordWrap(True)
        set_role(self._yes, role)
        self.column = QVBoxLayout()
        self.column.setSpacing(GAP)
        for widget in (self._sentence, self._text):
            self.column.addWidget(widget)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self._no)
        row.addWidget(self._yes)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        whole.setSpacing(MARGIN)
        whole.addLayout(self.column)
        whole.addLayout(row)
        self._text.textChanged.connect(self.check)
        self._yes.clicked.connect(self.accept)
        self._no.clicked.connect(self.reject)
        self.finished.connect(self.deleteLater)

    @property
    def text(self) -> QLineEdit:
        """Return the line to type in."""
        return self._text

    @property
    def yes(self) -> QPushButton:
        """Return the button that does it."""
        return self._yes

    def ready(self) -> bool:
        """Return whether it may be done."""
        raise NotImplementedError

    def check(self, *_unused: object) -> None:
        """Allow the first button or not."""
        self._yes.setEnabled(self.ready())


class PromoteDialog(_Question):
    """Asks for a note; against a red light also for a confirmation, which is written to the log."""

    promoted = Signal(str, bool)  # note, confirmed

    def __init__(
        self, model: str, light: Light | None, back: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__("", "", "", Role.PRIMARY, parent)
        title = self.tr("Go back to {0}") if back else self.tr("Promote {0}")
        self.setWindowTitle(title.format(model))
        self._yes.setText(self.tr("Go back") if back else self.tr("Promote"))
        self._sentence.setText(
            self.tr(
                "{0} judges from the next part on; the line does not stop. Why? The note is logged."
            ).format(model)
        )
        self._text.setPlaceholderText(self.tr("Note"))
        self._text.setAccessibleName(self.tr("Note"))
        self._confirm = QCheckBox(self.tr("Promote it although the comparison is RED; this is logged"), self)
        self._confirm.setVisible(light is Light.RED)
        self._needs = light is Light.RED
        self._confirm.toggled.connect(self.check)
        self.column.addWidget(self._confirm)
        self.check()

    @property
    def confirmation(self) -> QCheckBox:
        """Return what must be ticked against a red light."""
        return self._confirm

    def ready(self) -> bool:
        """Return whether there is a note, and a confirmation where one is needed."""
        return bool(self._text.text().strip()) and (not self._needs or self._confirm.isChecked())

    def accept(self) -> None:
        """Say the note."""
        if self.ready():
            self.promoted.emit(self._text.text().strip(), self._needs and self._confirm.isChecked())
            super().accept()


class TypedDialog(_Question):
    """Asks to type a name before something is deleted."""

    confirmed = Signal(str)

    def __init__(
        self, title: str, sentence: str, button: str, name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(title, sentence, button, Role.DANGER, parent)
        self._name = name
        self._text.setPlaceholderText(name)
        self._text.setAccessibleName(self.tr("Type {0}").format(name))
        self.check()

    def ready(self) -> bool:
        """Return whether the name was typed."""
        return self._text.text().strip() == self._name

    def accept(self) -> None:
        """Say it."""
        if self.ready():
            self.confirmed.emit(self._name)
            super().accept()
