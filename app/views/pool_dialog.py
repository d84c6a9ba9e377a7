"""All pictures of a pool, or some of them that are doubted, to look at and to take out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from almrr_core.types import Label, SampleRow
from app.services.samples import Samples
from app.services.thumbnails import Thumb
from app.theme import GAP, MARGIN, Role, set_role
from app.views.log_words import local_time
from app.views.thumbs import CELL, ThumbGrid, pixmap_of

MOST = 600  # pictures shown, the newest
SIZE = (880, 620)


class PoolDialog(QDialog):
    """Chosen pictures are taken out with a reason; their rows and files stay for the lineage of models."""

    def __init__(self, samples: Samples, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.resize(*SIZE)
        self._samples = samples
        self._rows: dict[Path, int] = {}
        self._said, self._grid = QLabel(self), ThumbGrid(self)
        self._reason = QLineEdit(self)
        self._remove, self._close = QPushButton(self), QPushButton(self.tr("Close"), self)
        self._build()
        self._connect()
        self._choice_changed()

    @property
    def grid(self) -> ThumbGrid:
        """Return the pictures."""
        return self._grid

    @property
    def reason(self) -> QLineEdit:
        """Return the line for the reason."""
        return self._reason

    @property
    def remove_button(self) -> QPushButton:
        """Return what takes the chosen ones out."""
        return self._remove

    def show_samples(self, rows: Sequence[SampleRow]) -> None:
        """Show these samples."""
        shown = rows[:MOST]
        self._grid.clear()
        for row in shown:
            words = local_time(row.added_at)[:-3]
            if row.label is Label.BAD:
                words += "\n" + self.tr("defect")
            self._grid.add(words, row)
        paths = [self._samples.path_of(row) for row in shown]
        self._rows = {path: at for at, path in enumerate(paths)}
        self._samples.thumbnails.fetch(paths, self._take)
        words = self.tr("{0} pictures.").format(len(rows))
        if len(rows) > len(shown):
            words = self.tr("The newest {0} of {1} pictures.").format(len(shown), len(rows))
        self._said.setText(words)

    def remove_chosen(self) -> None:
        """Take the chosen pictures out."""
        chosen = [row for row in self._grid.chosen() if isinstance(row, SampleRow)]
        self._samples.remove(chosen, self._reason.text().strip())
        for item in self._grid.selectedItems():
            self._grid.takeItem(self._grid.row(item))
        self._rows = {}
        self._reason.clear()
        self._choice_changed()

    def _build(self) -> None:
        set_role(self._said, Role.MUTED)
        set_role(self._remove, Role.DANGER)
        self._reason.setPlaceholderText(self.tr("Why: it is written to the log"))
        self._reason.setAccessibleName(self.tr("Reason"))
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self._reason, 1)
        row.addWidget(self._remove)
        row.addWidget(self._close)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addWidget(self._said)
        column.addWidget(self._grid, 1)
        column.addLayout(row)
        self._close.setDefault(True)

    def _connect(self) -> None:
        self._grid.itemSelectionChanged.connect(self._choice_changed)
        self._reason.textChanged.connect(self._choice_changed)
        self._remove.clicked.connect(self.remove_chosen)
        self._close.clicked.connect(self.accept)
        self.finished.connect(self.deleteLater)

    def _choice_changed(self, *_unused: object) -> None:
        count = len(self._grid.selectedItems())
        self._remove.setText(self.tr("Take {0} out of the pool").format(count))
        self._remove.setEnabled(count > 0 and bool(self._reason.text().strip()))

    def _take(self, thumbs: tuple[Thumb, ...]) -> None:
        for path, picture in thumbs:
            at = self._rows.get(path)
            if at is not None:
                self._grid.item(at).setIcon(QIcon(pixmap_of(picture, CELL)))
