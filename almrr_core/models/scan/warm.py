"""Compiles the numba scan into the user's cache, at set-up: `python -m almrr_core.models.scan.warm`."""

from __future__ import annotations

from almrr_core.models.scan import ScanPath, available_paths, parity


def warm() -> None:
    """Run forward and backward once where numba is there; later processes load what was compiled."""
    if ScanPath.NUMBA in available_paths():
        parity(ScanPath.NUMBA)


if __name__ == "__main__":
    warm()
