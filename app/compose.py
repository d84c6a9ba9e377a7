"""The one place that builds what lives as long as the program, and hands it to each other."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QWidget

from almrr_core.errors import StationError
from almrr_core.settings import Settings, load_settings
from almrr_core.types import Actor, this_user
from app.options import Options
from app.services.faults import Faults
from app.services.journal import journal
from app.services.memory import limit_heaps
from app.services.tasks import Tasks
from app.theme import apply_theme
from app.views.main_window import MainWindow
from app.views.pages import Page

if TYPE_CHECKING:
    from almrr_core.cameras import PictureMaker
    from almrr_core.settings import SourceSettings
    from almrr_core.store.store import Store
    from app.services.heavy import Heavy
    from app.services.history import History
    from app.services.plant import Plant
    from app.services.recipes import Recipes
    from app.services.review import Review
    from app.services.school import School
    from app.services.station import Station


def run(options: Options) -> int:
    """Show the window until it is closed; return the exit code."""
    application = make_application()
    folder = (options.data_dir or _default_folder()).absolute()
    spare = Path(tempfile.gettempdir()) / application.applicationName()
    with journal(folder, spare) as log:
        program = Program(application, folder, log, options)
        program.ended.connect(application.quit)
        program.window.show()
        code = application.exec()
        program.end()
    return code


def make_application() -> QApplication:
    """Return the QApplication of this process, which is made at the first call."""
    limit_heaps()
    application = QApplication.instance() or QApplication(["almrr"])
    assert isinstance(application, QApplication)
    application.setApplicationName("almrr-line-inspector")
    application.setQuitOnLastWindowClosed(False)  # the log is closed after the window
    return application


class Program(QObject):
    """Builds the window at once, and the rest when the log is open; takes it down in the other order."""

    ended = Signal(bool)  # the line has ended, the log and the window are closed

    def __init__(self, application: QApplication, folder: Path, log: Path, options: Options) -> None:
        super().__init__()
        self._application, self._options, self._over = application, options, False
        self._settings, fault = load_settings(folder)
        apply_theme(application, self._settings.theme)
        self.faults = Faults(log, self)
        self.faults.install_excepthook()
        self.tasks = Tasks(self.faults, self)
        self.window = MainWindow(self.faults, self._settings.layout)
        self.window.leaving.connect(self._leave)
        self.window.closed.connect(self.ended)
        self.store: Store | None = None
        self.station: Station | None = None
        self.recipes: Recipes | None = None
        self.school: School | None = None
        self._exports: Heavy | None = None
        if fault is not None:
            self.faults.report(fault)
        opening = functools.partial(open_folder, folder, options.bundle)
        self.tasks.run(opening, self._opened, self._refused, database=True)
        self.tasks.run(_warm)

    def end(self) -> None:
        """Wait for the threads; the window is gone. A second call does nothing."""
        if not self._over:
            self._over = True
            self.tasks.wait_closed()
            self.faults.remove_excepthook()
            self.window.deleteLater()

    def _opened(self, opened: Opened) -> None:
        from app.services.heavy import Heavy
        from app.services.history import History
        from app.services.housekeeping import Housekeeping
        from app.services.recipes import Recipes
        from app.services.review import Review
        from app.services.school import School
        from app.services.station import Station

        store, plant, actor = opened.store, opened.plant, opened.actor
        self.store = store
        self.station = Station(plant, self._settings, self.tasks, self.faults, self)
        self._exports = Heavy(self.tasks, self.faults, self)
        history = History(store, self.tasks, self._exports, actor, self)
        self.recipes = Recipes(self.station, store, plant.tally, self.tasks, history, self.faults, self)
        self._housekeeping = Housekeeping(plant, self.station, self.tasks, self)
        self.station.settings_changed.connect(self._dress)
        self.station.closed.connect(self._close_log)
        self._say_recovered(store.recovered)
        first = not (self._settings.first_start_done or self._options.demo or self._options.start)
        self.school = School(store, self.station, self.tasks, self.faults, actor, picture_maker, self)
        review = Review(store, self.tasks, self.faults, actor, self)
        review.labelled.connect(history.labelled)
        self._furnish(history, self.recipes, review, first)
        self._begin(self.station)

    def _furnish(self, history: History, recipes: Recipes, review: Review, first: bool) -> None:
        from app.services.trial import SourceTrial
        from app.views.first_start import FirstStart
        from app.views.help_page import HelpPage
        from app.views.inspect_page import InspectPage
        from app.views.log_page import LogPage
        from app.views.models_page import ModelsPage
        from app.views.review_page import ReviewPage
        from app.views.settings_page import SettingsPage
        from app.views.train_page import TrainPage

        assert self.station is not None and self.school is not None
        school = self.school
        trial = SourceTrial(self.tasks, picture_maker, self)
        pages: dict[Page, QWidget] = {
            Page.INSPECT: InspectPage(self.station, recipes, history, self.tasks),
            Page.REVIEW: ReviewPage(review, self.station),
            Page.TRAIN: TrainPage(self.station, school.samples, school.capture, school.training),
            Page.MODELS: ModelsPage(
                self.station, school.samples, school.models, school.comparison, school.drift
            ),
            Page.LOG: LogPage(history, self.station),
            Page.SETTINGS: SettingsPage(self.station, trial),
            Page.HELP: HelpPage(),
        }
        welcome = FirstStart(self.station, trial) if first else None
        self.window.furnish(self.station, school.training.trainer, pages, welcome)

    def _begin(self, station: Station) -> None:
        if self._options.demo:
            station.load_demo()
            return
        station.prepare()
        if self._options.start:
            station.start()

    def _say_recovered(self, parts: int) -> None:
        if parts:
            sentence = self.tr("{count} parts were being recorded when the program last ended.")
            remedy = self.tr("They are not in the log; its events name them.")
            self.faults.say(sentence.format(count=parts), remedy, serious=True)

    def _refused(self, error: StationError) -> None:
        self.window.refuse(error.sentence, error.remedy)

    def _dress(self, settings: Settings) -> None:
        apply_theme(self._application, settings.theme)

    def _leave(self, lose: bool) -> None:
        assert self.station is not None
        self.station.close(lose)

    def _close_log(self, _status: object) -> None:
        assert self.store is not None and self.school is not None and self._exports is not None
        self.school.stop()
        self._exports.stop()
        work = functools.partial(_close, self.school, self._exports, self.store)
        self.tasks.run(work, self._closed, database=True)

    def _closed(self, _none: None) -> None:
        self.window.finish()


def _close(school: School, exports: Heavy, store: Store) -> None:
    """End the training and the export, then close the log; for a worker."""
    school.close()
    exports.wait()
    store.close()


def picture_maker(source: SourceSettings) -> PictureMaker | None:
    """Return what makes the pictures of a simulated source."""
    from almrr_core.line.assembly import picture_maker as make

    return make(source)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A data folder in use: its log, and what works on it for this person."""

    store: Store
    plant: Plant
    actor: Actor


def open_folder(folder: Path, demo_bundle: Path | None = None) -> Opened:
    """Take the data folder for this station; raises what `Store.open` raises. For a worker thread."""
    from almrr_core.store.store import Store
    from app.services.plant import Plant

    _import_pages()
    store, actor = Store.open(folder), this_user()
    return Opened(store, Plant(store, actor, demo_bundle), actor)


def _import_pages() -> None:
    """Import what the pages need, so that building them on the GUI thread is short."""
    from app.services import recipes, review, school, station, trial  # noqa: F401
    from app.views import (  # noqa: F401
        first_start,
        help_page,
        inspect_page,
        log_page,
        models_page,
        review_page,
        settings_page,
        train_page,
    )


def _warm() -> None:
    """Load torch beside the window, for the first start of the line."""
    import almrr_core.runtime.engine  # noqa: F401


def _default_folder() -> Path:
    from almrr_core.line.assembly import default_data_folder

    return default_data_folder()
