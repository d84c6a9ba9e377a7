"""Start ALMRR Line Inspector from a checkout: set up `.venv` when needed, then run.

    python3 packaging/launch.py                 open the program
    python3 packaging/launch.py test [...]      check style, types, layers and behaviour; [...] goes to pytest
    python3 packaging/launch.py COMMAND [...]   run the command line, for example: inspect BUNDLE PICTURES

Standard library only. This file must stay readable to any Python 3, so that an old one gets a sentence
instead of a syntax error: what needs a newer Python is in setup_venv.py beside it.
"""

import os
import signal
import subprocess
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this may have any Python
    sys.stderr.write(
        "launch: this program needs Python 3.11 or newer, and this is Python "
        + ".".join(map(str, sys.version_info[:2]))
        + ". Install a newer one from https://www.python.org (or your system's packages) "
        "and start this file with it.\n"
    )
    sys.exit(1)

from setup_venv import ROOT, Environment, SetupError, say

CHECKS = (
    ("ruff check", ["-m", "ruff", "check", "."]),
    ("ruff format", ["-m", "ruff", "format", "--check", "."]),
    ("mypy", ["-m", "mypy"]),
    ("lint-imports", ["-c", "from importlinter.cli import lint_imports_command as lint; lint()"]),
    # two workers, a file to each at a time; one thread each, or their threads would wait for each other
    ("pytest", ["-m", "pytest", "-n", "2", "--dist", "loadfile"]),
)


def program(arguments: "list[str]") -> "list[str]":
    """Return what Python runs for these arguments: the window, the demonstration or a command."""
    if arguments:
        return ["-m", "almrr_core.cli", *arguments]
    if (ROOT / "app" / "__main__.py").is_file():
        return ["-m", "app"]
    return ["-m", "almrr_core.cli", "demo"]


def run_checks(python: str, pytest_arguments: "list[str]") -> int:
    """Run every check, whatever the others say; return 0 if all passed, else 1."""
    failed, settings = [], os.environ | {"OMP_NUM_THREADS": "1"}
    for name, command in CHECKS:
        say("runs " + name + ".")
        extra = pytest_arguments if name == "pytest" else []
        if subprocess.call([python, *command, *extra], cwd=ROOT, env=settings) != 0:
            failed.append(name)
    if failed:
        say("failed: " + ", ".join(failed) + ". What is wrong stands above, under each one's name.")
        return 1
    say("all checks passed.")
    return 0


def hand_over(python: str, command: "list[str]") -> int:
    """Run the program in this one's place, with its exit code (-P: no module from the user's folder)."""
    whole = [python, "-P", *command]
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(python, whole)
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl+C is the program's, which then ends by itself
    return subprocess.call(whole)


def main(arguments: "list[str]") -> int:
    """Set up what these arguments need and run it; return the exit code."""
    testing = arguments[:1] == ["test"]
    environment = Environment(ROOT)
    python = str(environment.python)
    try:
        environment.prepare({"dev"} if testing else set())
        if testing:
            return run_checks(python, arguments[1:])
        return hand_over(python, program(arguments))
    except SetupError as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        say("interrupted. Start again: set-up goes on where it stopped.")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
