"""The thread that takes parts: trigger, frame, verdict, outputs, and the queue to the recorder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from almrr_core.cameras.protocol import Camera, Gap
from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.flight import InFlight
from almrr_core.line.judging import Judge
from almrr_core.line.ledger import Ledger
from almrr_core.line.outputs import VerdictOutput
from almrr_core.line.pairing import MOST_GIVEN_UP, Owed
from almrr_core.line.recorder import Recorder
from almrr_core.line.setup import Active, Clock, LineSetup, broken
from almrr_core.line.trigger import PartIds, Requests, Trigger, build_trigger, nameless
from almrr_core.types import Frame, OnLateOutput, PartRequest, Record, SourceState, TriggerSettings

TICK = 0.1  # seconds after which stop, swap and a lost source are noticed
PAUSE = 0.01  # seconds between two looks at a source that gives nothing and does not wait either
STOPPED = "The line stopped before its picture was taken."
TARDY = "The line was busy when it was triggered, and a later picture would show another part."
MOST_FAILURES = 3  # of the model, in a row


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What the inspector works with; all of it is the line's."""

    setup: LineSetup
    clock: Clock
    camera: Camera
    requests: Requests
    ids: PartIds
    flight: InFlight
    recorder: Recorder
    ledger: Ledger
    outputs: Sequence[VerdictOutput]
    gap: Callable[[Gap], None]


class Inspector:
    """Takes parts until it is told to stop, its source has ended or something failed; runs once."""

    def __init__(
        self, parts: Parts, active: Callable[[], Active], failed: Callable[[StationError], None]
    ) -> None:
        self._parts, self._active, self._failed = parts, active, failed
        self._judge = Judge(parts.setup, parts.clock)
        self._stop = threading.Event()
        self._trigger: tuple[TriggerSettings, Trigger] | None = None
        self._lost = False
        self._owed = Owed(parts.clock, parts.setup.quiet)
        self._complained: dict[int, ErrorCode] = {}  # by output, so that a lasting fault is said once
        self._taken, self._source_id = 0, ""
        self._thread = threading.Thread(target=self._run, name="inspector", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end after the part in hand."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Wait for its end, at most `timeout` seconds; return whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def running(self) -> bool:
        """Whether the thread lives."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._source_id = self._parts.camera.status().source_id
            self._parts.camera.open()
            while not self._stop.is_set() and not self._ended():
                self._watch_source()
                self._next_part()
        except StationError as fault:
            self._fail(fault)
        except Exception as error:
            self._fail(broken("The inspector", error))
        self._refuse_the_rest()
        self._close()

    def _fail(self, fault: StationError) -> None:
        self._failed(fault)
        self._stop.set()

    def _ended(self) -> bool:
        enough = self._parts.setup.parts is not None and self._taken >= self._parts.setup.parts
        return enough or self._parts.camera.status().state is SourceState.ENDED

    def _watch_source(self) -> None:
        """Say when the source is lost, once, and log the gaps that ended."""
        status = self._parts.camera.status()
        lost = status.state is SourceState.LOST
        if lost and not self._lost:
            sentence = f"The source {status.source_id} gives no pictures. {status.sentence}".strip()
            remedy = "Check its cable and its power; the line goes on by itself when it is back."
            self._parts.ledger.notice(StationError(ErrorCode.SOURCE_UNUSABLE, sentence, remedy))
        self._lost = lost
        if lost:
            self._owed.stir()
        for gap in self._parts.camera.gaps():
            self._parts.gap(gap)

    def _next_part(self) -> None:
        recorder = self._parts.recorder
        if self._parts.camera.can_wait and not recorder.waits_for_room(TICK):
            self._owed.stir()
            return
        request = self._due_trigger().wait(TICK)
        if request is None:
            self._look_for_late_pictures()
        elif (frame := self._frame_or_fault(request)) is not None:
            self._inspect(request, frame)

    def _inspect(self, request: PartRequest, frame: Frame) -> None:
        if not request.part_id:
            request = replace(request, part_id=self._parts.ids.new())
            self._parts.flight.add(request.part_id)
        self._taken += 1
        active = self._active()  # of this part to its end
        if self._parts.camera.can_wait or self._parts.recorder.waits_for_room(0):
            self._finish(self._judge.judge(active, request, frame))
            self._give_up_a_model_that_fails()
        else:
            self._overrun(active, request, frame)

    def _due_trigger(self) -> Trigger:
        settings = self._active().recipe.trigger
        if self._trigger is None or self._trigger[0] != settings:
            trigger = build_trigger(settings, self._parts.requests, self._parts.clock)
            self._trigger = (settings, trigger)
        return self._trigger[1]

    def _frame_or_fault(self, request: PartRequest) -> Frame | None:
        """Return the part's frame; None for a nameless one that gets none, which then is no part."""
        if self._is_tardy(request):
            return self._judge.missing(self._source_id, TARDY)
        try:
            frame = self._frame_for(request)
        except StationError as error:
            self._fail(error)
            frame, reason = None, error.sentence
        except Exception as error:
            fault = broken("The source", error)
            self._fail(fault)
            frame, reason = None, fault.sentence
        else:
            reason = STOPPED if self._stop.is_set() else self._nothing_came()
        if frame is None and request.part_id:
            if self._parts.camera.arrives:
                self._owe(request)
            return self._judge.missing(self._source_id, reason)
        return frame

    def _owe(self, request: PartRequest) -> None:
        """Expect the picture of a part that was given up; stop where pictures and parts are out of step."""
        self._owed.add(self._earliest(request))
        if self._owed.out_of_step and not self._stop.is_set():
            sentence = (
                f"{MOST_GIVEN_UP} parts in a row got no picture although pictures came: one is missing or they"
                " are late, so nobody can tell whose they are."
            )
            remedy = (
                "Start the line again; if it comes back, check that every trigger gets one picture within"
                f" {self._parts.setup.patience:g} s."
            )
            self._fail(StationError(ErrorCode.SOURCE_UNUSABLE, sentence, remedy))

    def _nothing_came(self) -> str:
        said = self._parts.camera.status().sentence if self._parts.camera.can_wait else ""
        return f"There was no picture within {self._parts.setup.patience:g} s. {said}".strip()

    def _frame_for(self, request: PartRequest) -> Frame | None:
        """Wait for a frame; nobody waits for a nameless part, so it yields to what somebody asked for."""
        parts, active = self._parts, self._active()
        end = parts.clock.ns() + round(parts.setup.patience * 1e9)
        if request.part_id:
            self._owed.stir()
        while parts.clock.ns() < end and not self._stop.is_set():
            frame = parts.camera.take(TICK, self._earliest(request))
            if frame is not None:
                if not self._owed.pay() or not request.part_id:
                    return frame
                end += self._inspect_late(frame)
                continue
            self._watch_source()
            if self._ended() or not (request.part_id or self._may_wait(active)):
                return None
            self._stop.wait(PAUSE)
        return None

    def _earliest(self, request: PartRequest) -> int:
        """When the request's file, or one that is owed, can have come, in ns of the clock; 0 without a name."""
        if not request.part_id:
            return 0
        earliest = request.trigger_ns - round(self._parts.setup.patience * 1e9)
        since = self._owed.since
        return max(1, earliest if since is None else min(since, earliest))

    def _look_for_late_pictures(self) -> None:
        camera, since = self._parts.camera, self._owed.since
        if since is None:
            camera.look()
        elif (frame := camera.take(0, since)) is not None:
            self._owed.pay()
            self._inspect_late(frame)

    def _inspect_late(self, frame: Frame) -> int:
        """Inspect it as a part without a name, wait for room for the next, and return the ns it took."""
        clock, quiet = self._parts.clock, self._parts.setup.quiet
        began = clock.ns()
        if self._owed.first_time():
            sentence = (
                f"The picture {frame.name} came too late to tell whose it is: it is a part without a name."
            )
            remedy = f"If every part is NOT INSPECTED from now on, trigger none for {quiet:g} s."
            self._parts.ledger.notice(StationError(ErrorCode.SOURCE_UNUSABLE, sentence, remedy))
        self._inspect(nameless(clock), frame)
        while not self._parts.recorder.waits_for_room(TICK) and not self._stop.is_set():
            pass
        self._owed.stir()
        return clock.ns() - began

    def _is_tardy(self, request: PartRequest) -> bool:
        """Whether a live picture taken from now on would show another part than the one that was asked for."""
        waited = (self._parts.clock.ns() - request.trigger_ns) / 1e9
        live = not self._parts.camera.can_wait
        return live and bool(request.part_id) and waited > self._parts.setup.tardiness

    def _may_wait(self, active: Active) -> bool:
        return active is self._active() and not self._parts.requests.waiting

    def _overrun(self, active: Active, request: PartRequest, frame: Frame) -> None:
        """Log the part without its picture, for memory is what is short, and stop: parts would be lost."""
        sentence = "The log does not keep up with the line: a part came while its queue was full."
        bare = replace(frame, picture=None)
        self._finish(self._judge.not_inspected(active, request, bare, sentence))
        remedy = "Check the disk and what else uses it, or trigger more slowly; then start the line again."
        self._fail(StationError(ErrorCode.LINE_OVERRUN, sentence, remedy))

    def _give_up_a_model_that_fails(self) -> None:
        if self._judge.failures >= MOST_FAILURES:
            sentence = f"The model failed on {MOST_FAILURES} parts in a row."
            remedy = "See the reasons in the log; go back to the model before it, or check the pictures."
            self._fail(StationError(ErrorCode.LINE_BROKEN, sentence, remedy))

    def _finish(self, record: Record) -> None:
        """Send the verdict out, then queue it for the log: nothing may come between the two."""
        on_late = record.recipe.on_late_output
        sent = [self._send(number, record, on_late) for number in range(len(self._parts.outputs))]
        if sent and all(sent):
            record = replace(record, output_at=self._parts.clock.now())
        self._parts.ledger.inspected(record)
        self._parts.recorder.put(record)

    def _send(self, number: int, record: Record, on_late: OnLateOutput) -> bool:
        try:
            self._parts.outputs[number].send(record, self._parts.setup.deadline)
        except StationError as fault:
            if on_late is OnLateOutput.FAULT:
                self._fail(fault)
            elif self._complained.get(number) is not fault.code:
                self._complained[number] = fault.code
                self._parts.ledger.notice(fault)
            return False
        except Exception as error:
            self._fail(broken("An output", error))
            return False
        self._complained.pop(number, None)
        return True

    def _refuse_the_rest(self) -> None:
        """Log the parts that were asked for and get no picture any more."""
        active = self._active()
        for request in self._parts.requests.close():
            frame = self._judge.missing(self._source_id, STOPPED)
            self._finish(self._judge.not_inspected(active, request, frame, STOPPED))

    def _close(self) -> None:
        try:
            self._parts.camera.close()
            self._watch_source()  # closing ends a gap
        except Exception as error:
            self._failed(broken("The source", error))
