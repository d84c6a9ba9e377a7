"""Makes the manual's pictures of a retraining: `python -m app.bench.manual`, about 5 minutes.

The clicks of the chapter Retrain are done in the real window, from an empty data folder to a promoted model,
and counted. Each picture is small enough for the page Help (PICTURE_WIDTH pixels, at most LARGEST bytes), with
a ring around what is pressed next. `--looks DIR` also writes the whole window at these moments, light and dark.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QCursor, QImage, QPainter, QPen
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QToolButton, QWidget

from almrr_core.files import write_atomic
from almrr_core.settings import Settings, ThemeName, save_settings
from app.bench.drive import running_program, until, wait_for
from app.compose import Program
from app.options import Options
from app.services.training_values import Learning, Phase
from app.theme import LIGHT, apply_theme
from app.views.capture_dialog import CaptureDialog
from app.views.first_start import FirstStart
from app.views.help_page import PICTURE_WIDTH, PICTURES
from app.views.pages import PAGES, Page
from app.views.promote_dialog import PromoteDialog
from app.views.train_page import TrainPage

LARGEST, QUALITIES = 25_000, (40, 32, 24, 16, 10)
SIZE, LOOKS = (1024, 640), ((1366, 768), (1920, 1080))
HIGH = 760  # px, for what needs more
NORMALS = 60
SETTLE = 1.0  # s until a page has drawn what it shows
PATIENCE = 1200.0  # s for a training on a busy machine
LEFT = Qt.MouseButton.LeftButton
DONE = (Phase.READY, Phase.IDLE, Phase.DOUBTFUL)

Rows = tuple[int, int] | None  # what of a picture is kept
W = TypeVar("W", bound=QWidget)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pictures and say how many clicks there were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PICTURES)
    parser.add_argument("--looks", type=Path)
    parser.add_argument("--normals", type=int, default=NORMALS)
    parser.add_argument("--steps", type=int, default=0, help="of the training (0: as the button does it)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="almrr-manual-") as place:
        station = Path(place)
        save_settings(station, Settings(theme=ThemeName.LIGHT))
        with running_program(station, Options(station), SIZE) as program:
            QCursor.setPos(QApplication.primaryScreen().geometry().bottomRight())  # nothing is hovered
            walk = Walk(program, options)
            walk.walk()
    print(f"{walk.clicks} clicks")


class Walk:
    """The clicks, with a picture before most of them."""

    def __init__(self, program: Program, options: argparse.Namespace) -> None:
        self._program, self._options = program, options
        self._far = 0.0  # of the training
        self.clicks = 0

    def walk(self) -> None:
        """Go from an empty data folder to a promoted model."""
        program = self._program
        until(lambda: program.school is not None)
        welcome = _shown(program, FirstStart)
        self._click("welcome", welcome, _button(welcome, "Try the demo line"), rows=(64, 450))
        until(lambda: program.station is not None and program.station.counts_since_reset.total > 2)
        rail = next(one for one in program.window.findChildren(QToolButton) if one.text() == _TRAIN)
        self._click("", program.window, rail)
        page = _shown(program, TrainPage)
        self._click("empty", program.window, page.capture_button, rail, rows=(0, 226))
        self._capture()
        self._train(page)
        self._promote(page)
        self._look("promoted")

    def _capture(self) -> None:
        dialog = _shown(self._program, CaptureDialog)
        dialog.resize(PICTURE_WIDTH, 470)
        dialog.number.setValue(self._options.normals)
        self._click("", dialog, dialog.take_button)
        until(lambda: dialog.grid.count() == self._options.normals, PATIENCE)
        self._click("captured", dialog, dialog.keep_button)

    def _train(self, page: TrainPage) -> None:
        training, card = self._training, page.retrain_card
        until(lambda: "were added" in page.said)
        until(card.button.isEnabled, PATIENCE)
        self._picture("filled", page, card.button, rows=(0, 352))
        card.steps.setValue(self._options.steps)
        wait_for(SETTLE)
        until(card.button.isEnabled, PATIENCE)
        self._click("", page, card.button)
        training.trainer.learned.connect(self._hear)
        until(lambda: training.phase in (Phase.TRAINING, *DONE), PATIENCE)
        if training.phase is Phase.DOUBTFUL:
            self._look("doubt")
            self._click("", page, page.doubt.go_on_button)
        until(lambda: self._far > 0.8 or training.phase in DONE, PATIENCE)
        self._picture("training", page, rows=(0, 566))
        until(lambda: training.phase in DONE, PATIENCE)
        assert training.phase is Phase.READY, page.said

    def _promote(self, page: TrainPage) -> None:
        self._program.window.resize(SIZE[0], HIGH)
        self._click("decision", page, page.decision.promote_button)
        dialog = _shown(self._program, PromoteDialog)
        QTest.keyClicks(dialog.text, "new material since Monday")
        if dialog.confirmation.isVisible():
            self._click("", dialog, dialog.confirmation)
        self._click("note", dialog, dialog.yes)
        until(lambda: self._training.phase is Phase.IDLE)

    @property
    def _training(self) -> Any:
        assert self._program.school is not None
        return self._program.school.training

    def _hear(self, news: Learning) -> None:
        self._far = news.fraction if news.losses is not None else self._far

    def _click(self, name: str, inside: QWidget, target: QWidget, *more: QWidget, rows: Rows = None) -> None:
        """Make a picture with a ring around what is then clicked."""
        if name:
            self._picture(name, inside, target, *more, rows=rows)
        QTest.mouseClick(target, LEFT)
        self.clicks += 1
        wait_for(SETTLE)

    def _picture(self, name: str, inside: QWidget, *rings: QWidget, rows: Rows = None) -> None:
        wait_for(SETTLE)
        picture = inside.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        _draw_rings(picture, inside, rings)
        if rows is not None:
            picture = picture.copy(0, rows[0], picture.width(), rows[1] - rows[0])
        if picture.width() > PICTURE_WIDTH:
            smooth = Qt.TransformationMode.SmoothTransformation
            picture = picture.scaledToWidth(PICTURE_WIDTH, smooth)
        content = _small_webp(picture)
        write_atomic(self._options.out / f"{name}.webp", content)
        self._look(name)
        print(f"{name}.webp {picture.width()} x {picture.height()}, {len(content)} bytes", flush=True)

    def _look(self, name: str) -> None:
        """Write the whole window in all looks, for whoever judges them."""
        if self._options.looks is None:
            return
        window, application = self._program.window, QApplication.instance()
        assert isinstance(application, QApplication)
        before = window.size()
        for size in LOOKS:
            window.resize(*size)
            for theme in (ThemeName.DARK, ThemeName.LIGHT):
                apply_theme(application, theme)
                wait_for(SETTLE)
                top = application.activeModalWidget() or window
                path = self._options.looks / f"{name}-{theme}-{size[0]}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                top.grab().save(str(path))
        window.resize(before)
        wait_for(SETTLE)


_TRAIN = PAGES[Page.TRAIN].word


def _draw_rings(picture: QImage, inside: QWidget, rings: Sequence[QWidget]) -> None:
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(LIGHT.fail), 3))
    for one in rings:
        place = QRect(one.mapTo(inside, QPoint()), one.size()).adjusted(-4, -4, 4, 4)
        painter.drawRoundedRect(QRectF(place.intersected(picture.rect().adjusted(2, 2, -2, -2))), 8, 8)
    painter.end()


def _small_webp(picture: QImage) -> bytes:
    """Return the picture as WebP of the highest quality that is small enough."""
    content = b""
    for quality in QUALITIES:
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        picture.save(buffer, "WEBP", quality)  # type: ignore[call-overload]  # the stub wants bytes, Qt takes str
        content = bytes(buffer.data().data())
        if len(content) <= LARGEST:
            break
    return content


def _shown(program: Program, kind: type[W]) -> W:
    until(lambda: any(one.isVisible() for one in program.window.findChildren(kind)))
    return next(one for one in program.window.findChildren(kind) if one.isVisible())


def _button(inside: QWidget, text: str) -> QPushButton:
    return next(one for one in inside.findChildren(QPushButton) if one.text() == text)


if __name__ == "__main__":
    main()
