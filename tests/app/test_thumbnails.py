"""Small pictures of many files: a few at a time, the newest wish first, none for a widget that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import shiboken6
from pytestqt.qtbot import QtBot

from almrr_core.imaging import write_png
from app.services.faults import Faults
from app.services.tasks import Tasks
from app.services.thumbnails import TOGETHER, Thumb, Thumbnails
from app.views.thumbs import ThumbRow


@pytest.fixture
def tasks(qapp: object) -> Iterator[Tasks]:
    made = Tasks(Faults(Path("station.log")))
    yield made
    made.wait_closed()


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{number:02}.png" for number in range(5 * TOGETHER)]
    for number, path in enumerate(found):
        write_png(path, np.full((20, 30), number, np.uint8))
    return found


def level(thumb: Thumb) -> int:
    assert thumb[1] is not None
    return int(thumb[1][0, 0])


def test_many_files_take_one_worker_and_what_is_wanted_last_comes_first(
    tasks: Tasks, paths: list[Path], qtbot: QtBot
) -> None:
    thumbnails, many, few = Thumbnails(tasks), list[Thumb](), list[Thumb]()
    before = list[int]()

    def take_few(found: tuple[Thumb, ...]) -> None:
        few.extend(found)
        before.append(len(many))

    thumbnails.fetch(paths[2:], many.extend)
    assert tasks.pending == 1, "the other worker is free, and so is this one after a few pictures"
    thumbnails.fetch(paths[:2], take_few)
    assert tasks.pending == 1
    qtbot.waitUntil(lambda: len(many) == len(paths) - 2)
    assert [level(one) for one in few] == [0, 1]
    assert before == [TOGETHER]
    assert [path for path, _ in many] == paths[2:]
    assert [level(one) for one in many] == list(range(2, len(paths)))
    qtbot.waitUntil(lambda: not tasks.pending)


def test_a_new_wish_takes_the_place_of_the_one_before(tasks: Tasks, paths: list[Path], qtbot: QtBot) -> None:
    thumbnails, found = Thumbnails(tasks), list[Thumb]()
    take = found.extend
    thumbnails.fetch(paths, take)
    thumbnails.fetch(paths[-2:], take)
    qtbot.waitUntil(lambda: not tasks.pending)
    assert [path for path, _ in found] == [*paths[:TOGETHER], *paths[-2:]]


def test_what_a_closed_window_wanted_is_not_read(tasks: Tasks, paths: list[Path], qtbot: QtBot) -> None:
    thumbnails, found = Thumbnails(tasks), list[Thumb]()
    row = ThumbRow(thumbnails)
    row.show_paths(paths)
    shiboken6.delete(row)
    qtbot.waitUntil(lambda: not tasks.pending)
    write_png(paths[-1], np.full((20, 30), 200, np.uint8))
    thumbnails.fetch(paths[-1:], found.extend)
    qtbot.waitUntil(lambda: bool(found))
    assert level(found[0]) == 200, "it was not read before"


def test_a_file_that_cannot_be_read_hinders_no_other(tasks: Tasks, paths: list[Path], qtbot: QtBot) -> None:
    thumbnails, found = Thumbnails(tasks), list[Thumb]()
    paths[0].write_bytes(b"no picture")
    thumbnails.fetch(paths, found.extend)
    qtbot.waitUntil(lambda: len(found) == len(paths))
    assert found[0] == (paths[0], None)
