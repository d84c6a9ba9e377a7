"""One pool of a product: what it is for, how many pictures, the newest of them."""

from __future__ import annotations

import functools

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from almrr_core.types import Pool
from app.services.samples import Samples
from app.services.training_values import PoolContent
from app.theme import GAP, MARGIN, STEP, Role, set_role
from app.views.log_words import local_time, whole, zone_of
from app.views.thumbs import ThumbRow
from app.views.train_words import pool_purpose, pool_word


class PoolCard(QFrame):
    """Shows a `PoolContent`."""

    opened = Signal(object)  # Pool: all of it shall be shown

    def __init__(self, pool: Pool, samples: Samples, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._pool, self._samples = pool, samples
        self._count, self._kind, self._newest = QLabel("0", self), QLabel(self), QLabel(self)
        self._purpose = QLabel(pool_purpose(pool), self)
        self._thumbs = ThumbRow(samples.thumbnails, parent=self)
        self._all = QPushButton(self.tr("Show all…"), self)
        self._build()
        self.show_content(PoolContent(pool, 0, 0, None, ()))

    @property
    def count(self) -> str:
        """Return the figure shown."""
        return self._count.text()

    @property
    def thumbs(self) -> ThumbRow:
        """Return the row of pictures."""
        return self._thumbs

    def show_content(self, content: PoolContent) -> None:
        """Show what the pool holds now."""
        self._count.setText(whole(content.good))
        words = self.tr("normals")
        if content.bad:
            words = self.tr("normals, {0} defects").format(whole(content.bad))
        self._kind.setText(words)
        newest = self.tr("no picture yet")
        if content.newest is not None:
            at = f"{local_time(content.newest)[:-3]} {zone_of(content.newest)}"
            newest = self.tr("newest {0}").format(at)
        self._newest.setText(newest)
        self._all.setEnabled(content.newest is not None)
        self._thumbs.show_paths([self._samples.path_of(one) for one in content.samples])

    def set_compact(self, compact: bool) -> None:
        """Show the counts only, where something else needs the room."""
        self._thumbs.setVisible(not compact)
        self._purpose.setVisible(not compact)

    def _build(self) -> None:
        heading = QLabel(pool_word(self._pool), self)
        set_role(heading, Role.HEADING)
        set_role(self._count, Role.NUMBER)
        for caption in (self._purpose, self._newest):
            set_role(caption, Role.CAPTION)
        self._purpose.setWordWrap(True)
        set_role(self._all, Role.QUIET)
        self._all.setToolTip(self.tr("Look at all pictures of this pool, and take some out"))
        self._all.clicked.connect(functools.partial(_open, self))
        top, figures = QHBoxLayout(), QHBoxLayout()
        top.addWidget(heading, 1)
        top.addWidget(self._all)
        figures.setSpacing(GAP)
        figures.addWidget(self._count)
        figures.addWidget(self._kind)
        figures.addStretch(1)
        figures.addWidget(self._newest)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN + STEP, GAP, MARGIN, MARGIN)
        column.setSpacing(STEP)
        column.addLayout(top)
        column.addWidget(self._purpose)
        column.addLayout(figures)
        column.addWidget(self._thumbs)

    def open(self) -> None:
        """Ask to see all of it."""
        self.opened.emit(self._pool)


def _open(card: PoolCard, _checked: bool = False) -> None:
    card.open()
