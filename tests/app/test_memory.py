"""What is freed goes back to the system, and what stands still on the screen makes nothing new."""

from __future__ import annotations

import ctypes
import dataclasses
import sys

import pytest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from almrr_core.types import LineState
from app.services.memory import give_back, limit_heaps
from app.services.plant import CLOSED
from app.views.inspect_header import InspectHeader

PIECES, PIECE = 2000, 100_000  # bytes: below what glibc maps by itself


def _resident() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def test_heaps_are_limited_and_given_back_on_any_system() -> None:
    limit_heaps()
    give_back()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_what_was_freed_below_something_kept_is_given_back() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("not glibc")
    pieces = [bytearray(PIECE) for _ in range(PIECES)]
    full, kept = _resident(), pieces[::100]
    del pieces
    give_back()
    assert full - _resident() > PIECES * PIECE // 2 and len(kept) == 20


def test_the_sign_is_drawn_anew_only_for_another_state(qtbot: QtBot, qapp: QApplication) -> None:
    header = InspectHeader()
    qtbot.addWidget(header)
    running = dataclasses.replace(CLOSED, state=LineState.RUNNING)

    def signs() -> set[int]:
        return {label.pixmap().cacheKey() for label in header.findChildren(QLabel) if label.pixmap()}

    header.show_status(running)
    first = signs()
    header.show_status(dataclasses.replace(running, pictures_per_second=2.0))
    assert first and signs() == first
    header.show_status(CLOSED)
    assert signs() != first
