"""`almrr run`: the line of a data folder without a window; what is printed of a part is in the log already."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any

from almrr_core.cli.console import GOOD, REFUSED, Outcome, OutputClosed, put, say
from almrr_core.cli.info import model_line
from almrr_core.cli.parser import Options
from almrr_core.cli.results import to_line
from almrr_core.errors import StationError
from almrr_core.types import GOOD as GOOD_PART
from almrr_core.types import Action, Actor, LineState, LineStatus, Notice, Record, Verdict, this_user

if TYPE_CHECKING:
    from almrr_core.line.assembly import Assembled
    from almrr_core.settings import Settings
    from almrr_core.store.store import Store

TICK = 0.1  # seconds between two looks at the line
RETENTION_EVERY = 60.0  # seconds
LONGEST_STOP = 15.0  # seconds for the last parts to reach the log


def run(options: Options) -> Outcome:
    """Run until N parts, S seconds, the source's end, a fault or Ctrl+C; 1 for a fault or NOT_INSPECTED."""
    from almrr_core.line.assembly import default_data_folder
    from almrr_core.line.products import with_demo
    from almrr_core.settings import load_settings
    from almrr_core.store.store import Store

    folder, actor = options.data_dir or default_data_folder(), this_user()
    with closing(Store.open(folder)) as store:
        settings, fault = load_settings(folder)
        if fault is not None:
            say(str(fault))
        if options.demo:
            settings = with_demo(store, settings, actor)
        return _run(store, settings, actor, options)


def _run(store: Store, settings: Settings, actor: Actor, options: Options) -> Outcome:
    from almrr_core.line.assembly import active_recipe, active_source, assemble, load_engine
    from almrr_core.line.products import renew_demo

    active_source(settings)  # what is missing is said before a model is loaded
    renew_demo(store, settings.product, actor)
    recipe = active_recipe(store, settings)
    engine = load_engine(store, recipe, settings.device)
    say(model_line(engine.card))
    printer = _Printer()
    assembled = assemble(store, settings, recipe, engine, actor, printer.record, options.parts)
    with closing(assembled):
        store.event(actor, Action.LINE_STARTED, settings.line_id, after=settings.active_source)
        watch = _Watch(assembled, printer, store, settings)
        status, seconds = watch.run(options.seconds)
        watch.try_to(lambda: store.event(actor, Action.LINE_STOPPED, settings.line_id, reason=status.fault))
    return _outcome(options, assembled, status, printer, seconds)


class _Printer:
    """Prints every logged part, on the recorder's thread: who reads slowly slows the line and loses nothing."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.truths: Counter[tuple[bool, Verdict]] = (
            Counter()
        )  # of simulated parts: is it good, what was said

    def record(self, record: Record) -> None:
        """Print one part; a failure is kept for the main thread, for the part itself is safe."""
        from almrr_core.line.outputs import verdict_json

        if record.frame.truth is not None:
            self.truths[record.frame.truth == GOOD_PART, record.verdict] += 1
        if self.trouble is None:
            try:
                put(to_line(verdict_json(record) | {"truth": record.frame.truth}))
            except (OutputClosed, StationError) as error:
                self.trouble = error


class _Watch:
    """Runs the line on the main thread's behalf: says its notices, tidies the pictures, stops it."""

    def __init__(self, assembled: Assembled, printer: _Printer, store: Store, settings: Settings) -> None:
        self._line, self._printer = assembled.line, printer
        self._store, self._settings = store, settings
        self._said = 0

    def run(self, seconds: float | None) -> tuple[LineStatus, float]:
        """Return the last status, with the fault that ended the line, and how long it ran."""
        began = time.monotonic()
        try:
            with _signals_as_interrupt():
                self._line.start()
                self._watch(None if seconds is None else began + seconds)
        except KeyboardInterrupt:
            say("Stopping.")
        before = self._line.status()
        self._line.stop(LONGEST_STOP)
        after = self._line.status()
        self._say_notices(after)
        if self._printer.trouble is not None:
            raise self._printer.trouble
        return (before if before.state is LineState.FAULT else after), time.monotonic() - began

    def _watch(self, end: float | None) -> None:
        tidied = time.monotonic()
        while (status := self._line.status()).state is LineState.RUNNING and self._printer.trouble is None:
            self._say_notices(status)
            now = time.monotonic()
            if end is not None and now >= end:
                return
            if now - tidied >= RETENTION_EVERY:
                self.try_to(
                    lambda: self._store.enforce_retention(self._settings.retention, datetime.now(UTC))
                )
                tidied = now
            time.sleep(TICK)

    def _say_notices(self, status: LineStatus) -> None:
        for notice in status.notices:
            if notice.number > self._said:
                say(_sentence(notice))
                self._said = notice.number

    @staticmethod
    def try_to(act: Callable[[], object]) -> None:
        """Do what the line can do without, and say why where it cannot be done."""
        try:
            act()
        except StationError as fault:
            say(str(fault))


def _sentence(notice: Notice) -> str:
    return f"{notice.sentence} {notice.remedy}".strip()


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Let SIGTERM, as services are stopped, end the line as Ctrl+C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _outcome(
    options: Options, assembled: Assembled, status: LineStatus, printer: _Printer, seconds: float
) -> Outcome:
    counts, left = status.counts, assembled.line.unrecorded()
    numbers = dict(
        zip(map(str, Verdict), (counts.passed, counts.review, counts.fail, counts.not_inspected), strict=True)
    )
    recipe = assembled.line.recipe
    result: dict[str, Any] = {
        "product": recipe.product,
        "recipe": recipe.version,
        "model": recipe.model_id,
        "counts": numbers,
        "inspected": counts.total,
        "recorded": counts.total - len(left),
        "unrecorded": list(left),
        "seconds": round(seconds, 3),
        "latency_p50_ms": status.latency_p50,
        "latency_p95_ms": status.latency_p95,
        "fault": status.fault or None,
        "simulated": _truths(printer.truths),
    }
    say(f"{counts.total} parts: " + ", ".join(f"{count} {name}" for name, count in numbers.items()) + ".")
    if left:
        say(f"{len(left)} of them are not in the log: {', '.join(left)}.")
    if result["simulated"] is not None:
        say(_truth_sentence(result["simulated"]))
    bad = status.fault or left or counts.not_inspected
    return Outcome(result, REFUSED if bad else GOOD)


def _truths(truths: Counter[tuple[bool, Verdict]]) -> dict[str, int] | None:
    """Return what became of simulated parts; a defect is caught when it does not PASS."""
    if not truths:
        return None
    good = {verdict: truths[True, verdict] for verdict in Verdict}
    bad = {verdict: truths[False, verdict] for verdict in Verdict}
    return {
        "good": sum(good.values()),
        "false_rejects": good[Verdict.FAIL],
        "good_to_review": good[Verdict.REVIEW],
        "defective": sum(bad.values()),
        "caught": bad[Verdict.FAIL] + bad[Verdict.REVIEW],
        "escaped": bad[Verdict.PASS],
    }


def _truth_sentence(truths: dict[str, int]) -> str:
    return (
        f"Caught {truths['caught']} of {truths['defective']} defective parts ({truths['escaped']} escaped); "
        f"rejected {truths['false_rejects']} of {truths['good']} good parts "
        f"and sent {truths['good_to_review']} to review."
    )
