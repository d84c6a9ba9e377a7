"""Pictures of every page, light and dark, in two sizes, of a demo line that has run for a while.

    python -m app --screenshots DIR [--bundle DIR]

The demo line runs in a temporary folder, with more defects than usual. Works without a screen. Beside every
picture of the larger size there is a sheet of them all. The README's (resources/images) are pictures of the
smaller size and the light sheet.
"""

from __future__ import annotations

import functools
import itertools
import os
import sys
import tempfile
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QObject, Qt, QTimer
from PySide6.QtGui import QCursor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QTableView

from almrr_core.files import write_atomic
from almrr_core.settings import (
    Settings,
    SimulatedSettings,
    SourceKind,
    SourceSettings,
    ThemeName,
    save_settings,
)
from almrr_core.types import Shown, Verdict
from app.compose import Program, make_application
from app.options import Options
from app.services.journal import journal
from app.services.station import Station
from app.theme import VERDICT_LOOK, apply_theme
from app.views.inspect_page import InspectPage
from app.views.pages import Page

SIZES = ((1366, 768), (1920, 1080))
LOOKS = tuple(itertools.product(SIZES, (ThemeName.LIGHT, ThemeName.DARK)))
PARTS = 40  # of the demo line before the first picture of it
SETTLE, BLINK = 700, 100  # ms for a page to fetch and draw what it shows; for a part that must not pass
PATIENCE = 600_000  # ms
DEFECTS = 0.25
QUALITY = 25  # of a WebP picture: words stay sharp, and the repository small
COLUMNS, CELL, GAP = 3, (640, 360), 8  # of a sheet; the cells' size and distance in pixels

Look = tuple[tuple[int, int], ThemeName]


def run(options: Options) -> int:
    """Write the pictures; return 0, or 1 where the line did not get as far."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = make_application()
    with tempfile.TemporaryDirectory() as temporary, journal(Path(temporary)) as log:
        folder = Path(temporary) / "station"
        folder.mkdir()
        source = SourceSettings(
            "demo", SourceKind.SIMULATED, simulated=SimulatedSettings(defect_rate=DEFECTS)
        )
        save_settings(folder, Settings(sources=(source,)))
        program = Program(application, folder, log, Options(folder, bundle=options.bundle))
        session = _Session(application, program, options.screenshots or Path())
        program.ended.connect(application.quit)
        QCursor.setPos(application.primaryScreen().geometry().bottomRight())  # nothing is hovered
        program.window.show()
        QTimer.singleShot(PATIENCE, application.quit)
        application.exec()
        program.end()
    return 0 if session.complete else 1


class _Session(QObject):
    """First the welcome, then the demo line, then every page; closes the program at the end."""

    def __init__(self, application: QApplication, program: Program, target: Path) -> None:
        super().__init__()
        self._application, self._program, self._target = application, program, target
        self._steps: deque[Callable[[], None]] = deque()
        self.complete = False
        self._sheets = defaultdict[ThemeName, list[QImage]](list)
        self._wanted = 0  # parts to wait for; 0: none
        self._pending: Callable[[], None] | None = None  # a picture that waits for a FAIL
        self._opening = QTimer(self)
        self._opening.timeout.connect(self._begin)
        self._opening.start(50)

    @property
    def _station(self) -> Station:
        assert self._program.station is not None
        return self._program.station

    def _begin(self) -> None:
        if self._program.station is None:
            return
        self._opening.stop()
        self._station.showed.connect(self._count)
        for look in LOOKS:
            self._add_page(look, None)
        self._steps.append(self._run_demo)
        self._next()

    def _run_demo(self) -> None:
        self._wanted = PARTS
        self._station.load_demo()

    def _count(self, shown: Shown) -> None:
        if self._wanted and shown.number >= self._wanted:
            self._wanted = 0
            for look, page in itertools.product(LOOKS, self._program.window.pages):
                self._add_page(look, page)
                if page is Page.INSPECT:
                    self._add_limits(look)
            self._steps.append(self._finish)
            self._next()
        elif self._pending is not None and shown.record.verdict is Verdict.FAIL:
            take, self._pending = self._pending, None
            QTimer.singleShot(BLINK, take)

    def _add_page(self, look: Look, page: Page | None) -> None:
        self._steps.append(functools.partial(self._dress, look, page))
        take = functools.partial(self._take, look, page)
        self._steps.append(functools.partial(self._await_fail, take) if page is Page.INSPECT else take)

    def _add_limits(self, look: Look) -> None:
        """Add the Inspect page with its limits panel open."""
        self._steps.append(functools.partial(self._open_limits, True))
        take = functools.partial(self._take, look, "limits")
        self._steps.append(functools.partial(self._await_fail, take))
        self._steps.append(functools.partial(self._open_limits, False))

    def _open_limits(self, is_open: bool) -> None:
        page = self._program.window.findChild(InspectPage)
        assert page is not None
        page.side.limits_section.set_open(is_open)
        QTimer.singleShot(SETTLE, self._next)

    def _next(self) -> None:
        if self._steps:
            self._steps.popleft()()

    def _dress(self, look: Look, page: Page | None) -> None:
        apply_theme(self._application, look[1])
        self._program.window.resize(*look[0])
        if page is not None:
            self._program.window.go(page)
        if page is Page.LOG:
            QTimer.singleShot(SETTLE, self._choose_fail)
        QTimer.singleShot(2 * SETTLE, self._next)

    def _choose_fail(self) -> None:
        table = self._program.window.findChild(QTableView)
        if table is not None:
            model, word = table.model(), VERDICT_LOOK[Verdict.FAIL].word
            found = model.match(
                model.index(0, 1), Qt.ItemDataRole.DisplayRole, word, 1, Qt.MatchFlag.MatchExactly
            )
            if found:
                table.selectRow(found[0].row())

    def _await_fail(self, take: Callable[[], None]) -> None:
        self._pending = take

    def _take(self, look: Look, page: str | None) -> None:
        size, theme = look
        picture = self._program.window.grab().toImage()
        wide = "" if size == SIZES[0] else f"-{size[0]}"
        if wide:
            self._sheets[theme].append(picture.scaled(*CELL, mode=Qt.TransformationMode.SmoothTransformation))
        write_atomic(self._target / f"{page or 'welcome'}-{theme}{wide}.webp", _webp(picture))
        self._next()

    def _finish(self) -> None:
        for theme, pictures in self._sheets.items():
            write_atomic(self._target / f"sheet-{theme}-{SIZES[1][0]}.webp", _webp(_sheet(pictures)))
        self.complete = True
        self._station.close()


def _sheet(pictures: Sequence[QImage]) -> QImage:
    """Return the pictures, all of CELL's size, row after row."""
    width, height = CELL[0] + GAP, CELL[1] + GAP
    rows = -(-len(pictures) // COLUMNS)
    sheet = QImage(COLUMNS * width + GAP, rows * height + GAP, QImage.Format.Format_RGB32)
    sheet.fill(Qt.GlobalColor.gray)
    painter = QPainter(sheet)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, COLUMNS)
        painter.drawImage(GAP + column * width, GAP + row * height, picture)
    painter.end()
    return sheet


def _webp(picture: QImage) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "WEBP", QUALITY)  # type: ignore[call-overload]  # the stub wants bytes, Qt takes str
    return bytes(buffer.data().data())
