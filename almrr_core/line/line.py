"""A line: source → model → log, run by an inspector and a recorder thread.

READY: nothing runs. RUNNING: parts are taken. FAULT: something failed; it says what, nothing is taken any more,
and what was inspected is still being logged, or is kept in memory until `start` or `stop` tries it again.
`status().inspected - status().recorded` is how many parts are not in the log yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from almrr_core.cameras.protocol import Camera, Gap
from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.flight import InFlight, duplicate
from almrr_core.line.inspector import Inspector, Parts
from almrr_core.line.ledger import Ledger
from almrr_core.line.mailbox import Mailbox
from almrr_core.line.outputs import VerdictOutput
from almrr_core.line.recorder import Recorder
from almrr_core.line.setup import Active, Clock, Inspects, LineSetup, SystemClock
from almrr_core.line.trigger import PartIds, Requests, checked_word
from almrr_core.types import Action, Frame, LineState, LineStatus, PartId, PartRequest, Recipe, Record, Shown

BUSY = 10.0  # seconds that a start waits for the end of the part before it


def _no_event(action: Action, subject: str, reason: str) -> None:
    """Log nothing."""


def _never_given(part_id: PartId) -> bool:
    return False


class Line:
    """Every method may be called from any thread.

    `record` puts a record into the log and returns its id; raises StationError. `event` logs what is no part
    (action, subject, reason). `known_part`: whether the log has a part of this id.
    """

    def __init__(
        self,
        setup: LineSetup,
        recipe: Recipe,
        engine: Inspects,
        camera: Camera,
        record: Callable[[Record], int],
        outputs: Sequence[VerdictOutput] = (),
        event: Callable[[Action, str, str], None] = _no_event,
        known_part: Callable[[PartId], bool] = _never_given,
        clock: Clock | None = None,
    ) -> None:
        self._active = Active.fitted(recipe, engine)
        self._camera, self._event, self._known_part = camera, event, known_part
        self._clock = clock or SystemClock()
        self._control = threading.Lock()  # start and stop, one at a time
        self._fault_lock = threading.Lock()
        self._fault: StationError | None = None
        self._inspector: Inspector | None = None
        self._unsettled = False
        self.shown: Mailbox[Shown] = Mailbox()
        self._ids, self._requests, self._ledger = PartIds(self._clock), Requests(), Ledger(self._clock)
        self._flight = InFlight(setup.flight_file, self._failed)
        self._recorder = Recorder(record, self._logged, self._failed, setup.queue_size)
        self._parts = Parts(
            setup=setup,
            clock=self._clock,
            camera=camera,
            requests=self._requests,
            ids=self._ids,
            flight=self._flight,
            recorder=self._recorder,
            ledger=self._ledger,
            outputs=outputs,
            gap=self._log_gap,
        )

    def start(self) -> None:
        """Take parts from now on; first what the log did not take before is tried again. Clears a fault.

        Raises LINE_BROKEN while the model still works on the last part of the time before.
        """
        with self._control:
            if self._state is LineState.RUNNING:
                return
            self._end_inspector(BUSY)
            self._ledger.begin()
            inspector = Inspector(self._parts, lambda: self._active, self._failed)
            with self._fault_lock:
                self._fault = None
                # known before the recorder tries again: if that fails at once, this is what must stop
                self._inspector = inspector
            self._requests.open()
            inspector.start()
            self._recorder.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End after the part in hand and log everything, within `timeout` seconds; harmless when stopped.

        Acknowledges a fault. Parts that the log does not take are a new one: they stay in memory for `start`.
        Raises LINE_BROKEN while the model still works on the last part.
        """
        end = self._clock.ns() + round(timeout * 1e9)
        with self._control:
            self._end_inspector(timeout)
            with self._fault_lock:
                self._fault = None
            self._recorder.start()  # it may have ended in a fault, with parts or events left
            if not self._recorder.finish(max(0.1, (end - self._clock.ns()) / 1e9)):
                self._failed(_not_logged(len(self._recorder.waiting)))

    def _end_inspector(self, timeout: float) -> None:
        if self._inspector is not None:
            self._inspector.stop()
            if not self._inspector.join(timeout):
                sentence = "The line is still busy with its last part."
                raise StationError(ErrorCode.LINE_BROKEN, sentence, "Wait a moment and try again.")

    def trigger(self, lot: str = "", serial: str = "", part_id: str | None = None) -> PartId:
        """Ask for a part and return its id: it will be in the log, NOT_INSPECTED if no picture comes.

        Raises TRIGGER_REFUSED: the line does not run or is far behind, the id was given before, or a word could
        not name a file.
        """
        for word, what in ((part_id, "part id"), (lot, "lot"), (serial, "serial")):
            if word or (what == "part id" and word is not None):
                checked_word(word, what)
        request = PartRequest(
            PartId(part_id or self._ids.new()), self._clock.now(), self._clock.ns(), lot, serial
        )
        self._flight.add(request.part_id)
        try:
            if part_id is not None and self._known_part(request.part_id):
                raise duplicate(part_id)
            self._requests.put(request)
        except BaseException:
            self._flight.remove(request.part_id)
            raise
        return request.part_id

    def swap(self, recipe: Recipe, engine: Inspects | None = None) -> None:
        """Judge by this recipe (and model) from the next part on; raises GEOMETRY_MISMATCH."""
        self._active = Active.fitted(recipe, engine or self._active.engine)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the next part."""
        return self._active.recipe

    def status(self) -> LineStatus:
        """Return what the line is doing; cheap."""
        figures = self._ledger.figures()
        fault = self._fault
        return LineStatus(
            state=self._state,
            source=self._camera.status(),
            counts=figures.counts,
            inspected=figures.inspected,
            recorded=figures.recorded,
            queue=len(self._recorder.waiting),
            pictures_per_second=figures.pictures_per_second,
            latency_p50=figures.latency_p50,
            latency_p95=figures.latency_p95,
            fault=fault.sentence if fault else "",
            remedy=fault.remedy if fault else "",
            notices=figures.notices,
        )

    def live(self) -> Frame | None:
        """Return the source's newest frame, part or not."""
        return self._camera.latest()

    def unrecorded(self) -> tuple[PartId, ...]:
        """Return the parts that left the inspector and are not in the log, oldest first."""
        return self._recorder.waiting

    @property
    def _state(self) -> LineState:
        if self._fault is not None:
            return LineState.FAULT
        running = self._inspector is not None and self._inspector.running
        return LineState.RUNNING if running else LineState.READY

    def _failed(self, fault: StationError) -> None:
        """Remember the first fault and let the inspector end."""
        with self._fault_lock:
            if self._fault is None:
                self._fault = fault
                self._ledger.notice(fault, serious=True)
            inspector = self._inspector
        if inspector is not None:
            inspector.stop()

    def _logged(self, record: Record, inspection_id: int) -> None:
        """What follows once a record is in the log; on the recorder's thread."""
        self._flight.remove(record.request.part_id)
        number = self._ledger.recorded()
        self.shown.put(Shown(number, inspection_id, record))
        if record.frame.name:
            self._settle(record.frame)

    def _settle(self, frame: Frame) -> None:
        try:
            self._camera.settle(frame)
            self._unsettled = False
        except StationError as fault:
            if not self._unsettled:  # once, until it works again
                self._ledger.notice(fault)
            self._unsettled = True

    def _log_gap(self, gap: Gap) -> None:
        reason = f"No pictures from {gap.since:%H:%M:%S} to {gap.until:%H:%M:%S} UTC. {gap.reason}"
        source_id = self._camera.status().source_id
        self._recorder.event(lambda: self._event(Action.GAP, source_id, reason))


def _not_logged(parts: int) -> StationError:
    return StationError(
        ErrorCode.LOG_BEHIND,
        f"{parts} inspected parts are not in the log yet; they are kept in memory.",
        "Free disk space or wait for whoever locks the log, then press start or stop again before closing.",
        parts=parts,
    )
