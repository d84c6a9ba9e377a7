"""Small pictures: as pixmaps, in a row that shows as many as fit, and in a grid to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy, QWidget

from almrr_core.types import Picture
from app.services.thumbnails import Thumb, Thumbnails
from app.theme import STEP, STYLE, Tokens, theme, tokens

SIDE = 56  # of a picture in a row
CELL = 112  # of a picture in a grid
PATH = int(Qt.ItemDataRole.UserRole)
DATA = PATH + 1


def pixmap_of(picture: Picture | None, side: int) -> QPixmap:
    """Return a picture whose longer side has `side` pixels; a blank one where there is none."""
    if picture is None:
        blank = QPixmap(side, side)
        blank.fill(QColor(tokens().raised))
        return blank
    step = max(max(picture.shape[:2]) // (3 * side), 1)
    small = np.ascontiguousarray(picture[::step, ::step])
    kind = QImage.Format.Format_Grayscale8 if small.ndim == 2 else QImage.Format.Format_RGB888
    image = QImage(small.data, small.shape[1], small.shape[0], small.strides[0], kind)
    ratio, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image.scaled(side, side, ratio, smooth))


class ThumbRow(QWidget):
    """Pictures of files side by side, as many as fit."""

    def __init__(self, thumbnails: Thumbnails, side: int = SIDE, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails, self._side = thumbnails, side
        self._paths: tuple[Path, ...] = ()
        self._pixmaps: dict[Path, QPixmap] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(side)
        theme().changed.connect(self.update)

    @property
    def count(self) -> int:
        """Return how many pictures have arrived."""
        return sum(path in self._pixmaps for path in self._paths)

    def show_paths(self, paths: Sequence[Path]) -> None:
        """Show these files."""
        if tuple(paths) == self._paths:
            return
        self._paths = tuple(paths)
        self._pixmaps = {path: self._pixmaps[path] for path in self._paths if path in self._pixmaps}
        self._thumbnails.fetch([path for path in self._paths if path not in self._pixmaps], self._take)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw what has arrived, from the left."""
        painter, x = QPainter(self), 0.0
        for path in self._paths:
            pixmap = self._pixmaps.get(path)
            if pixmap is None or x + self._side > self.width():
                continue
            y = (self._side - pixmap.height()) / 2
            painter.drawPixmap(QRectF(x, y, pixmap.width(), pixmap.height()).toRect(), pixmap)
            x += pixmap.width() + STEP

    def _take(self, thumbs: tuple[Thumb, ...]) -> None:
        for path, picture in thumbs:
            if path in self._paths:
                self._pixmaps[path] = pixmap_of(picture, self._side)
        self.update()


class ThumbGrid(QListWidget):
    """Pictures with words below them; several can be chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setMovement(QListWidget.Movement.Static)
        self.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.setIconSize(QSize(CELL, CELL))
        self.setGridSize(QSize(CELL + 8 * STEP, CELL + 12 * STEP))
        self.setWordWrap(True)
        theme().changed.connect(self._recolor)
        self._recolor()

    def add(self, words: str, data: object, pixmap: QPixmap | None = None) -> QListWidgetItem:
        """Add a picture; without a pixmap it comes later by `set_pixmap`."""
        item = QListWidgetItem(QIcon(pixmap or pixmap_of(None, CELL)), words, self)
        item.setData(DATA, data)
        return item

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        now, check = tokens(), (STYLE / "check.svg").as_posix()
        box = f"width: 16px; height: 16px; border: 1px solid {now.line}; border-radius: 4px;"
        self.setStyleSheet(
            f"QListView {{ padding: {2 * STEP}px 0; }}"
            f"QListView::indicator {{ {box} background: {now.field}; }}"
            f"QListView::indicator:checked {{ background: {now.accent}; image: url({check}); }}"
        )

    def chosen(self) -> list[object]:
        """Return the data of what is selected, in order."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        return [self.item(row).data(DATA) for row in rows]
