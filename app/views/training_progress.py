"""A training while it runs: loss curves, speed, time left, the oddest normals, and a way to stop it."""

from __future__ import annotations

from pathlib import Path

import pyqtgraph
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.services.thumbnails import Thumbnails
from app.services.training_values import Counted, Learning
from app.theme import GAP, MARGIN, STEP, Role, Tokens, figures, set_role, theme, tokens
from app.views.log_words import whole
from app.views.plot import quiet_plot
from app.views.thumbs import ThumbRow
from app.views.train_words import duration, stage_word

MOST = 2000  # points of a curve; then every other one is dropped
WORST = 72  # px a side
DASHES = ("SolidLine", "DashLine", "DotLine")


class TrainingProgress(QFrame):
    """Shows `Learning` and `Counted` values."""

    cancelled = Signal(bool)

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._stage, self._numbers = QLabel(self), QLabel(self)
        self._bar, self._cancel = QProgressBar(self), QPushButton(self.tr("Cancel"), self)
        self._plot = quiet_plot(self)
        self._names = (self.tr("reconstruction"), self.tr("focal"), self.tr("Dice"))
        self._curves = [self._plot.plot(name=name) for name in self._names]
        self._points: list[tuple[float, ...]] = []
        self._step, self._every = 0, 1
        self._legend = QLabel(self)
        self._worst_heading = QLabel(self.tr("Normals it finds oddest so far"), self)
        self._worst = ThumbRow(thumbnails, WORST, self)
        self._build()
        self._recolor()
        theme().changed.connect(self._recolor)
        self._cancel.clicked.connect(self._ask_cancel)

    @property
    def points(self) -> int:
        """Return how many points the loss curves have."""
        return len(self._points)

    @property
    def cancel_button(self) -> QPushButton:
        """Return what stops the training."""
        return self._cancel

    def begin(self, sentence: str) -> None:
        """Forget the last training and say what begins."""
        self._points, self._step, self._every = [], 0, 1
        for curve in self._curves:
            curve.setData([], [])
        self._worst.show_paths(())
        self._show_learning_parts(False)
        self.say(sentence)

    def say(self, sentence: str) -> None:
        """Say what is being done, how far is not known."""
        self._stage.setText(sentence)
        self._numbers.setText("")
        self._bar.setRange(0, 0)
        self._cancel.setEnabled(True)

    def count(self, counted: Counted) -> None:
        """Say how far something is that is counted."""
        self._bar.setRange(0, max(counted.total, 1))
        self._bar.setValue(counted.done)
        words = self.tr("{0} of {1} pictures")
        self._numbers.setText(words.format(whole(counted.done), whole(counted.total)))

    def learn(self, news: Learning) -> None:
        """Show news of the training."""
        self._stage.setText(stage_word(news.stage))
        self._bar.setRange(0, 1000)
        self._bar.setValue(round(1000 * news.fraction))
        self._numbers.setText(" · ".join(self._figures(news)))
        if news.losses is not None and news.step > self._step:
            self._step = news.step
            self._add_point((float(news.step), *news.losses))
        if news.worst:
            self._worst.show_paths(tuple(Path(path) for path in news.worst))
        self._show_learning_parts(bool(self._points))

    def _figures(self, news: Learning) -> list[str]:
        found = []
        if news.step:
            found.append(self.tr("step {0}").format(whole(news.step)))
        if news.pictures_per_second:
            found.append(self.tr("{0} pictures/s").format(f"{news.pictures_per_second:.1f}"))
        if news.seconds_left is not None:
            found.append(self.tr("{0} left").format(duration(news.seconds_left)))
        return found

    def _add_point(self, point: tuple[float, ...]) -> None:
        if int(point[0]) % self._every == 0 or not self._points:
            self._points.append(point)
        if len(self._points) > MOST:
            self._points, self._every = self._points[::2], 2 * self._every
        columns = list(zip(*self._points, strict=True))
        for curve, values in zip(self._curves, columns[1:], strict=True):
            curve.setData(columns[0], values)

    def _show_learning_parts(self, visible: bool) -> None:
        for part in (self._plot, self._legend, self._worst, self._worst_heading):
            part.setVisible(visible)

    def _ask_cancel(self) -> None:
        self._cancel.setEnabled(False)
        self.cancelled.emit(True)

    def _build(self) -> None:
        set_role(self._stage, Role.HEADING)
        set_role(self._legend, Role.CAPTION)
        set_role(self._worst_heading, Role.CAPTION)
        set_role(self._cancel, Role.TOUCH)
        self._numbers.setFont(figures(13))
        self._bar.setTextVisible(False)
        self._plot.setMinimumHeight(120)
        self._plot.setAccessibleName(self.tr("Loss curves"))
        words, row = QVBoxLayout(), QHBoxLayout()
        words.setSpacing(STEP)
        words.addWidget(self._stage)
        words.addWidget(self._numbers)
        row.setSpacing(MARGIN)
        row.addLayout(words, 1)
        row.addWidget(self._cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN + STEP, MARGIN, MARGIN + STEP, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(row)
        column.addWidget(self._bar)
        column.addWidget(self._legend)
        column.addWidget(self._plot, 1)
        column.addWidget(self._worst_heading)
        column.addWidget(self._worst)
        column.addStretch(0)

    def _recolor(self, _tokens: Tokens | None = None) -> None:
        now = tokens()
        self._plot.setBackground(now.surface)
        colors = (now.accent_text, now.review, now.passed)
        styles = (pyqtgraph.QtCore.Qt.PenStyle[name] for name in DASHES)
        for curve, color, style in zip(self._curves, colors, styles, strict=True):
            curve.setPen(pyqtgraph.mkPen(color, width=1.6, style=style))
        for side in ("bottom", "left"):
            axis = self._plot.getAxis(side)
            axis.setPen(now.line)
            axis.setTextPen(now.muted)
        signs = ("━", "╍", "┅")
        parts = (
            f'<span style="color: {color}">{sign}</span> {name}'
            for color, sign, name in zip(colors, signs, self._names, strict=True)
        )
        heading = self.tr("Losses of each step")  # not at the axes: there pyqtgraph writes "x0.001"
        self._legend.setText("&nbsp;&nbsp;&nbsp;".join((heading, *parts)))
