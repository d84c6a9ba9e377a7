"""The command `almrr`: exit code 0 good, 1 bad input or anything NOT_INSPECTED, 2 an internal error.

Nothing heavy is imported here, so that `almrr --help` answers at once: each command loads what it needs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from almrr_core.cli.console import GOOD, INTERNAL, REFUSED, Outcome, OutputClosed, abandon_output, say
from almrr_core.cli.parser import parse
from almrr_core.cli.results import error_result, log_bug, write_result
from almrr_core.errors import StationError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (by default that of the process) and return its exit code; never raises."""
    options = argparse.Namespace(json=None)
    try:
        options = parse(argv)
        outcome: Outcome = options.run(options)
        if options.json is not None:
            write_result(options.json, outcome.result)
        return outcome.code
    except SystemExit as end:  # argparse after --help
        return end.code if isinstance(end.code, int) else GOOD
    except StationError as fault:
        say(str(fault))
        return _failed(options.json, REFUSED, fault.code, fault.sentence, fault.remedy)
    except OutputClosed:  # whoever read it has seen enough: `almrr inspect ... | head`
        abandon_output()
        return REFUSED
    except KeyboardInterrupt:
        say("Interrupted.")
        return _failed(options.json, REFUSED, "interrupted", "Interrupted.")
    except Exception as bug:
        sentence = f"{type(bug).__name__}: this is a bug in the program, not in what you gave it."
        remedy = f"The details are in {log_bug()}."
        say(f"{sentence} {remedy}")
        return _failed(options.json, INTERNAL, "internal", sentence, remedy)


def _failed(path: Path | None, exit_code: int, code: str, sentence: str, remedy: str = "") -> int:
    """Leave the fault in the result file too: an old result must not pass for this run's."""
    if path is not None:
        try:
            write_result(path, error_result(code, sentence, remedy))
        except StationError as fault:
            say(str(fault))
    return exit_code
