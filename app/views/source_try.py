"""The "Try it" of a source: what it says of itself, and its first picture."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from almrr_core.errors import StationError
from almrr_core.settings import SourceSettings
from almrr_core.types import Picture, SourceState
from app.icons import Icon
from app.services.trial import SourceTrial, Tried
from app.theme import GAP, MARGIN, Role, Tokens, icon, set_role, theme, tokens

THUMBNAIL = QSize(208, 156)


class SourceTry(QWidget):
    """A button that tries a source, and what came of it."""

    def __init__(self, trial: SourceTrial, parent: QWidget | None = None, touch: bool = False) -> None:
        super().__init__(parent)
        self._trial = trial
        self._source: SourceSettings | None = None
        self._good: bool | None = None
        self._button = QPushButton(self.tr("Try it"), self)
        self._sentence, self._thumbnail = QLabel(self), QLabel(self)
        if touch:
            set_role(self._button, Role.TOUCH)
        self._sentence.setWordWrap(True)
        self._sentence.setMinimumHeight(self._button.sizeHint().height())
        self._thumbnail.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        set_role(self._sentence, Role.MUTED)
        row = QHBoxLayout()
        row.setSpacing(MARGIN)
        row.addWidget(self._button, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._sentence, 1, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addLayout(row)
        column.addWidget(self._thumbnail)
        self._button.clicked.connect(self._try)
        theme().changed.connect(self._recolor)
        self._recolor()

    def offer(self, source: SourceSettings | None, usable: bool) -> None:
        """Offer to try a source as it is edited; what was said of another one is forgotten."""
        if source != self._source:
            self._source = source
            self._say("", None)
        self._button.setEnabled(usable and source is not None)

    def _try(self) -> None:
        if self._source is not None:
            self._say(self.tr("Trying it… at most ten seconds"), None)
            self._button.setEnabled(False)
            self._trial.attempt(self._source, self._tried, self._failed)

    def _tried(self, tried: Tried) -> None:
        if tried.source != self._source:
            return
        self._button.setEnabled(True)
        status, picture = tried.status, tried.frame.picture if tried.frame else None
        good = picture is not None
        words = [status.sentence or self._state_word(status.state)]
        if picture is not None:
            words.append(self.tr("{0} × {1} pixels.").format(picture.shape[1], picture.shape[0]))
        elif tried.frame is not None:
            words.append(tried.frame.fault)
        self._say(" ".join(words), good)
        if picture is not None:
            self._thumbnail.setPixmap(thumbnail(picture, THUMBNAIL))
            self._thumbnail.show()
            QTimer.singleShot(0, self._reveal)

    def _reveal(self) -> None:
        """Scroll the picture into sight once it has its place."""
        area = self.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None:
            area.ensureWidgetVisible(self._thumbnail)

    def _failed(self, error: StationError) -> None:
        self._button.setEnabled(self._source is not None)
        self._say(f"{error.sentence} {error.remedy}", False)

    def _state_word(self, state: SourceState) -> str:
        return {
            SourceState.CLOSED: self.tr("It is closed."),
            SourceState.OPENING: self.tr("It does not answer yet."),
            SourceState.LIVE: self.tr("It gives pictures."),
            SourceState.LOST: self.tr("It was lost."),
            SourceState.ENDED: self.tr("It has no picture left."),
        }[state]

    def _say(self, sentence: str, good: bool | None) -> None:
        self._good = good
        sign = {True: "✓ ", False: "✕ ", None: ""}[good]
        self._sentence.setText(sign + sentence if sentence else "")
        self._thumbnail.clear()
        self._thumbnail.hide()
        self._recolor()

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        now = tokens()
        colors = {True: now.passed, False: now.fail, None: now.muted}
        self._sentence.setStyleSheet(f"color: {colors[self._good]};")
        self._button.setIcon(icon(Icon.LIVE))


def thumbnail(picture: Picture, size: QSize) -> QPixmap:
    """Return a picture, (H, W) or (H, W, 3) RGB uint8, as a pixmap that fits into `size`."""
    step = max(1, picture.shape[1] // (4 * size.width()))  # a 5 MP frame need not be copied whole
    small = picture[::step, ::step].copy()
    height, width = small.shape[:2]
    kind = QImage.Format.Format_Grayscale8 if small.ndim == 2 else QImage.Format.Format_RGB888
    image = QImage(small.data, width, height, small.strides[0], kind)
    return QPixmap.fromImage(
        image.scaled(size, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    )
