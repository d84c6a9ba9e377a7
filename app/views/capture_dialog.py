"""Takes normal pictures now, and points out what is odd about them before they enter the pools."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidgetItem,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.services.capture import Capture
from app.services.training_values import Captured
from app.theme import GAP, MARGIN, Icon, Role, icon, set_role, tokens
from app.views.form_fields import whole_number
from app.views.thumbs import CELL, DATA, ThumbGrid, pixmap_of

AT_FIRST, MOST = 20, 200
SIZE = (900, 640)


class CaptureDialog(QDialog):
    """Pictures with remarks are not ticked; a person may tick them all the same."""

    kept = Signal(object)  # tuple[Captured, ...]

    def __init__(self, capture: Capture, from_line: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Take normal pictures now"))
        self.resize(*SIZE)
        self._capture, self._wanted = capture, 0
        self._advice, self._said = QLabel(self), QLabel(self)
        self._number = whole_number(1, MOST, self.tr("pictures"))
        self._take, self._grid = QPushButton(self), ThumbGrid(self)
        self._all = QPushButton(self.tr("Tick all"), self)
        self._keep, self._close = QPushButton(self), QPushButton(self.tr("Cancel"), self)
        words = self.tr("Let only normal parts pass while pictures are taken.")
        if from_line:
            words += " " + self.tr("They come from the line, which goes on inspecting.")
        else:
            words += " " + self.tr("The line is stopped: they come straight from the source.")
        self._advice.setText(words)
        self._build()
        self._connect()
        self._count()

    @property
    def number(self) -> QSpinBox:
        """Return how many shall be taken."""
        return self._number

    @property
    def take_button(self) -> QPushButton:
        """Return what begins and ends."""
        return self._take

    @property
    def keep_button(self) -> QPushButton:
        """Return what gives the ticked ones to the pools."""
        return self._keep

    @property
    def grid(self) -> ThumbGrid:
        """Return the pictures taken."""
        return self._grid

    def _build(self) -> None:
        self._advice.setWordWrap(True)
        self._said.setWordWrap(True)
        set_role(self._advice, Role.MUTED)
        set_role(self._take, Role.TOUCH)
        self._take.setMinimumWidth(148)
        set_role(self._keep, Role.PRIMARY_TOUCH)
        for button in (self._close, self._all):
            set_role(button, Role.TOUCH)
        self._number.setValue(AT_FIRST)
        self._number.setFixedHeight(34)
        self._number.setAccessibleName(self.tr("How many"))
        self._grid.setSelectionMode(ThumbGrid.SelectionMode.SingleSelection)
        top, bottom = QHBoxLayout(), QHBoxLayout()
        for row in (top, bottom):
            row.setSpacing(GAP)
        top.addWidget(self._number)
        top.addWidget(self._take)
        top.addWidget(self._advice, 1)
        bottom.addWidget(self._said, 1)
        bottom.addWidget(self._all)
        bottom.addWidget(self._close)
        bottom.addWidget(self._keep)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(top)
        column.addWidget(self._grid, 1)
        column.addLayout(bottom)
        self._show_running(False)

    def _connect(self) -> None:
        self._take.clicked.connect(self._toggle)
        self._capture.took.connect(self._took)
        self._capture.ended.connect(self._ended)
        self._grid.itemChanged.connect(self._count)
        self._grid.currentItemChanged.connect(self._explain)
        self._all.clicked.connect(self.tick_all)
        self._keep.clicked.connect(self.accept)
        self._close.clicked.connect(self.reject)
        self.finished.connect(self._finish)

    def start(self) -> None:
        """Begin to take pictures."""
        self._wanted = self._grid.count() + self._number.value()
        self._show_running(True)
        self._said.setText(self.tr("Looking at the normals that are there…"))
        self._capture.start(self._number.value())

    def tick_all(self) -> None:
        """Tick those with remarks too."""
        for at in range(self._grid.count()):
            self._grid.item(at).setCheckState(Qt.CheckState.Checked)

    def accept(self) -> None:
        """Give what is ticked to the pools."""
        items = [self._grid.item(at) for at in range(self._grid.count())]
        chosen = [item.data(DATA) for item in items if item.checkState() is Qt.CheckState.Checked]
        self._capture.stop()
        self.kept.emit(tuple(one for one in chosen if isinstance(one, Captured)))
        super().accept()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Take no more pictures."""
        self._capture.stop()
        super().closeEvent(event)

    def _finish(self, _result: int) -> None:
        self._capture.stop()
        self.deleteLater()

    def _toggle(self) -> None:
        if self._capture.running:
            self._capture.stop()
        else:
            self.start()

    def _took(self, captured: Captured) -> None:
        fine = not captured.remarks
        words = self.tr("fine") if fine else captured.remarks[0]
        item = self._grid.add(words, captured, pixmap_of(captured.picture, CELL))
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Checked if fine else Qt.CheckState.Unchecked)
        item.setToolTip("\n".join((captured.name, *captured.remarks)))
        self._said.setText(self.tr("{0} of {1} taken.").format(self._grid.count(), self._wanted))
        self._grid.scrollToBottom()
        self._count()

    def _ended(self, sentence: str) -> None:
        self._show_running(False)
        odd = sum(bool(_captured(self._grid.item(at)).remarks) for at in range(self._grid.count()))
        words = self.tr("{0} taken.").format(self._grid.count())
        if odd:
            words += " " + self.tr("{0} of them are not ticked: choose one to read why.").format(odd)
        self._said.setText(f"{sentence} {words}".strip())

    def _explain(self, item: QListWidgetItem | None, _before: QListWidgetItem | None = None) -> None:
        if item is not None and not self._capture.running:
            captured = _captured(item)
            self._said.setText(" ".join(captured.remarks) or self.tr("Nothing is odd about this picture."))

    def _count(self, *_unused: object) -> None:
        items = [self._grid.item(at) for at in range(self._grid.count())]
        ticked = sum(item.checkState() is Qt.CheckState.Checked for item in items)
        self._keep.setText(self.tr("Add {0} normal pictures").format(ticked))
        self._keep.setEnabled(ticked > 0)
        self._all.setEnabled(ticked < len(items))

    def _show_running(self, running: bool) -> None:
        self._take.setText(self.tr("Stop taking") if running else self.tr("Take pictures"))
        self._take.setIcon(icon(Icon.STOP if running else Icon.CAMERA, tokens().text))
        self._number.setEnabled(not running)


def _captured(item: QListWidgetItem) -> Captured:
    captured = item.data(DATA)
    assert isinstance(captured, Captured)
    return captured
