"""The training process: a job comes in, progress goes out, a bundle is left. No window, no log of the station.

`python -m almrr_core.train` reads one line of JSON from standard input, `{"job": ..., "threads": n}` (see
`train.wire`), and writes one line per event to standard output: `progress`, then `done`, `fault` or `bug`. It
ends at once when standard input is closed: whoever started it is gone. With a FILE it reads the job from there
and goes on alone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

ABANDONED = 3  # exit code: whoever started the process is gone
NICENESS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as asked; 0 when a bundle was left, 1 for a fault, 2 for a bug, 3 when nobody is there any more."""
    arguments = sys.argv[1:] if arguments is None else arguments
    out = _own_output()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for whoever started it
    _be_polite()
    if arguments:
        order = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    else:
        order = json.loads(sys.stdin.readline())
        threading.Thread(target=_end_with_starter, name="starter", daemon=True).start()
    return _work(order, _writer(out))


def _own_output() -> TextIO:
    """Keep standard output for events; what a library prints goes to standard error."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _be_polite() -> None:
    if hasattr(os, "setpriority"):  # on Windows whoever starts it sets the priority
        own = os.getpriority(os.PRIO_PROCESS, 0)  # perhaps that of a thread which gives way already
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, max(own, NICENESS))


def _end_with_starter() -> None:
    with suppress(OSError, ValueError):
        while sys.stdin.readline():
            pass
    os._exit(ABANDONED)


def _writer(out: TextIO) -> Callable[[str], None]:
    def write(line: str) -> None:
        try:
            out.write(f"{line}\n")
            out.flush()
        except OSError:
            os._exit(ABANDONED)

    return write


def _work(order: dict[str, Any], write: Callable[[str], None]) -> int:
    import cv2
    import torch

    from almrr_core.errors import StationError
    from almrr_core.runtime.engine import Engine
    from almrr_core.train import wire
    from almrr_core.train.fallback import train_where_it_fits
    from almrr_core.train.job import Progress, Stage
    from almrr_core.train.loop import train

    torch.set_num_threads(order["threads"])
    cv2.setNumThreads(order["threads"])

    def report(progress: Progress) -> None:
        write(wire.line_of("progress", wire.progress_to_json(progress)))

    try:
        job = wire.job_from_json(order["job"])
        card = train_where_it_fits(job, report, train)
        report(Progress(Stage.CHECKING, card.steps, seconds=card.seconds, fraction=1.0))
        Engine.load(job.out, "cpu", job.weights)
    except StationError as fault:
        write(wire.line_of("fault", wire.fault_to_json(fault)))
        return 1
    except Exception:
        write(wire.line_of("bug", traceback.format_exc()))
        return 2
    write(wire.line_of("done", card.seal))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
