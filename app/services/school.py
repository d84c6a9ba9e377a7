"""All that has to do with samples, trainings and models, put together; it is closed before the log is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from almrr_core.settings import SourceSettings
from almrr_core.types import Actor
from app.services.capture import Capture
from app.services.comparison import Comparison
from app.services.drift import Drift
from app.services.faults import Faults
from app.services.heavy import Heavy
from app.services.models import Models
from app.services.samples import Samples
from app.services.station import Station
from app.services.tasks import Tasks
from app.services.trainer import Trainer
from app.services.training import Training

if TYPE_CHECKING:
    from almrr_core.cameras.protocol import PictureMaker
    from almrr_core.store.store import Store


class School(QObject):
    """The services of the pages Train and Models. `comparison` is that page's own; a training has another."""

    def __init__(
        self,
        store: Store,
        station: Station,
        tasks: Tasks,
        faults: Faults,
        actor: Actor,
        make_picture: Callable[[SourceSettings], PictureMaker | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._heavy = Heavy(tasks, faults, self)
        heavy = self._heavy
        self.samples = Samples(store, station, tasks, heavy, actor, self)
        self.capture = Capture(store, self.samples, station, tasks, heavy, make_picture, self)
        self.models = Models(store, station, self.samples, tasks, heavy, faults, actor, self)
        self.comparison = Comparison(store, tasks, heavy, self)
        self.drift = Drift(store, station, self.samples, heavy, faults, self)
        self.models.promoted.connect(self.drift.look)  # also of a product that is not inspected
        self._trainer = Trainer(tasks, heavy, faults, self)
        own = Comparison(store, tasks, heavy, self)
        self.training = Training(
            store, station, self.samples, self.models, self._trainer, own, heavy, actor, self
        )

    def stop(self) -> None:
        """Begin nothing more; what runs ends soon."""
        self._trainer.stop()
        self.capture.stop()
        self._heavy.stop()

    def close(self) -> None:
        """Wait until nothing runs and end the training; for a worker, before the log is closed."""
        self._heavy.wait()
        self._trainer.close()
