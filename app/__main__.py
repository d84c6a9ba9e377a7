"""`python -m app`: the station's window. Everything is imported inside `main`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the program and return its exit code."""
    from app.options import parse

    options = parse(sys.argv[1:])
    if options.screenshots is not None:
        from app.screenshots import run as take_screenshots

        return take_screenshots(options)
    from app.compose import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
