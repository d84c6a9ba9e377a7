"""Takes normal pictures now: from the line while it runs, else from the source, which is opened for it."""

from __future__ import annotations

import functools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from almrr_core.errors import ErrorCode, StationError
from almrr_core.settings import SourceSettings
from almrr_core.types import GOOD, Frame, Shown, SourceState, TriggerKind, Verdict
from app.services.heavy import Heavy
from app.services.samples import Samples
from app.services.station import Station
from app.services.tasks import Tasks
from app.services.training_values import Captured

if TYPE_CHECKING:
    from almrr_core.cameras.protocol import PictureMaker
    from almrr_core.lifecycle.quality import Reference
    from almrr_core.store.store import Store

PATIENCE = 20.0  # s without a picture until the source is given up
STEP = 0.2  # s between two looks at a source

Taken = tuple[Frame, tuple[str, ...]]  # a frame, and what the line says against it


class Capture(QObject):
    """One attempt after the other; `stop` or `count` pictures end it."""

    took = Signal(object)  # Captured
    ended = Signal(str)  # a sentence where it ended before its time, else ""
    _looked = Signal(object)  # Captured, from a worker

    def __init__(
        self,
        store: Store,
        samples: Samples,
        station: Station,
        tasks: Tasks,
        heavy: Heavy,
        make_picture: Callable[[SourceSettings], PictureMaker | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._samples, self._station = store, samples, station
        self._tasks, self._heavy, self._make_picture = tasks, heavy, make_picture
        self._stop, self._wanted, self._seen = threading.Event(), 0, 0
        self._from_line = self._looking = False
        self._waiting: deque[Taken] = deque()
        self._known = set[int]()  # when the frames of this attempt were grabbed, ns
        self._reference: Reference | None = None
        self._looked.connect(self._take)
        station.showed.connect(self._shown)
        station.live_changed.connect(self._live)
        station.stopped.connect(self._line_stopped)

    @property
    def running(self) -> bool:
        """Return whether pictures are being taken."""
        return self._wanted > 0

    def start(self, count: int) -> None:
        """Take so many pictures; `took` brings each with its remarks, `ended` says the end."""
        self._wanted, self._seen, self._stop = count, 0, threading.Event()
        self._from_line, self._reference = self._station.running, None
        self._waiting.clear()
        self._known = set()
        product, source = self._samples.product, self._station.settings.source
        if self._from_line:
            work: Callable[[], object] = functools.partial(self._read_reference, product)
            self._heavy.run(work, functools.partial(self._begin, self._stop), self._failed)
        elif source is None:
            self._end(self.tr("There is no source: choose one in the settings."))
        else:
            work = functools.partial(self._grab_all, product, source, count, self._stop)
            self._heavy.run(work, functools.partial(self._source_ended, self._stop), self._failed)

    def stop(self) -> None:
        """Take no more."""
        self._stop.set()
        if self.running:
            self._end("")

    # The line's own pictures

    def _begin(self, attempt: threading.Event, reference: Reference) -> None:
        if attempt is self._stop and not attempt.is_set():
            self._reference = reference
            self._look_next()

    def _shown(self, shown: Shown) -> None:
        if not (self.running and self._from_line):
            return
        record = shown.record
        said: tuple[str, ...] = ()
        if record.verdict in (Verdict.REVIEW, Verdict.FAIL):
            said = (self.tr("The line says {0}.").format(record.verdict.value),)
        self._queue(record.frame, said)

    def _live(self, frame: Frame) -> None:
        """Take what no trigger took, where parts are triggered by hand."""
        recipe = self._station.recipe
        by_hand = recipe is not None and recipe.trigger.kind is TriggerKind.MANUAL
        if self.running and self._from_line and by_hand:
            self._queue(frame, ())

    def _queue(self, frame: Frame, said: tuple[str, ...]) -> None:
        if frame.picture is None or self._reference is None or frame.grabbed_ns in self._known:
            return
        if self._seen < self._wanted:
            self._seen += 1
            self._known.add(frame.grabbed_ns)
            self._waiting.append((frame, said))
            self._look_next()

    def _look_next(self) -> None:
        if self._waiting and not self._looking and self._reference is not None:
            self._looking = True
            frame, said = self._waiting.popleft()
            work = functools.partial(self._look, self._reference, self._samples.product, frame, said)
            self._tasks.run(work, functools.partial(self._line_looked, self._stop))

    def _line_looked(self, attempt: threading.Event, captured: Captured) -> None:
        self._looking = False
        if attempt is self._stop and not attempt.is_set():
            self._take(captured)
        self._look_next()

    def _line_stopped(self, _status: object) -> None:
        if self.running and self._from_line:
            self._stop.set()
            self._end(self.tr("The line was stopped."))

    # On workers

    def _read_reference(self, product: str) -> Reference:
        from almrr_core.lifecycle.quality import Reference

        return Reference.of(self._store, product)

    def _look(self, reference: Reference, product: str, frame: Frame, said: tuple[str, ...]) -> Captured:
        from almrr_core.data.samples import content_hash
        from almrr_core.lifecycle.quality import look_of

        assert frame.picture is not None
        look, remarks = look_of(frame.picture), list(said)
        if frame.truth not in (None, GOOD):
            remarks.append(f"The simulation put a defect into it: {frame.truth}.")
        if self._store.find_sample(product, content_hash(frame.picture)) is not None:
            remarks.append("It is in the pools already.")
        else:
            remarks += [one.sentence for one in reference.remarks(look)]
        if not remarks:
            reference.add(look)
        name = frame.name or f"{frame.source_id} {frame.grabbed_at:%Y-%m-%d %H:%M:%S.%f}"
        return Captured(name, frame.picture, tuple(remarks))

    def _grab_all(self, product: str, source: SourceSettings, count: int, stop: threading.Event) -> int:
        from almrr_core.cameras import build_camera

        reference = self._read_reference(product)
        recipe = self._store.active_recipe(product)
        depth = recipe.bit_depth if recipe else None
        camera = build_camera(source, self._make_picture(source), depth)
        camera.open()
        taken, last = 0, time.monotonic()
        try:
            while taken < count and not stop.is_set() and not self._heavy.over:
                frame = camera.take(STEP)
                if frame is not None and frame.picture is not None:
                    self._looked.emit(self._look(reference, product, frame, ()))
                    taken, last = taken + 1, time.monotonic()
                elif camera.status().state is SourceState.ENDED or time.monotonic() - last > PATIENCE:
                    break
            if not taken and not stop.is_set() and not self._heavy.over:
                raise _silent(camera.status().sentence)
            return taken
        finally:
            camera.close()

    # On the GUI thread

    def _take(self, captured: Captured) -> None:
        if not self.running:
            return
        self.took.emit(captured)
        if self._from_line:
            self._wanted -= 1
            self._seen -= 1
            if not self._wanted:
                self._stop.set()
                self._end("")

    def _source_ended(self, attempt: threading.Event, taken: int) -> None:
        if attempt is self._stop and self.running:
            short = taken < self._wanted
            self._end(self.tr("The source has no more pictures.") if short else "")

    def _failed(self, error: StationError) -> None:
        if self.running:
            self._end(f"{error.sentence} {error.remedy}".strip())

    def _end(self, sentence: str) -> None:
        self._wanted = 0
        self._waiting.clear()
        self.ended.emit(sentence)


def _silent(said: str) -> StationError:
    sentence = said or "The source gave no picture."
    return StationError(ErrorCode.SOURCE_UNUSABLE, sentence, "Check the source in the settings.")
