"""Another process, for what one process cannot show: `python -m tests.core.store.child WHAT FOLDER`."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from almrr_core.types import Region
from tests.core.store.helpers import a_picture, open_store, prepare, record_of


class Fatal(tuple[Region, ...]):
    """Regions that end the process when they are written: the files lie there, the rows are not committed."""

    def __getitem__(self, index: object) -> object:  # type: ignore[override]  # it never returns
        os.kill(os.getpid(), 9)
        raise AssertionError("unreachable")


def say(text: str) -> None:
    """Write a line that has left this process when it dies."""
    os.write(1, f"{text}\n".encode())


def record_for_ever(folder: Path) -> None:
    """Say the id of each part before and after it is recorded."""
    store = open_store(folder)
    recipe = store.active_recipe("weave") or prepare(store)
    picture, first = a_picture(160, 240), os.getpid()
    for number in range(10**9):
        part_id = f"{first}-{number}"
        say(f"begun {part_id}")
        store.record(record_of(recipe, part_id, 3.0, number, picture=picture), keep_picture=number % 4 > 0)
        say(f"done {part_id}")


def die_between_file_and_row(folder: Path) -> None:
    """Record one part, and die with the next one's files written and its rows open."""
    store = open_store(folder)
    recipe = prepare(store)
    store.record(record_of(recipe, "whole", picture=a_picture()), keep_picture=True)
    half = record_of(recipe, "half", 3.0, picture=a_picture())
    store.record(replace(half, regions=Fatal(half.regions)), keep_picture=True)


def hold_lock(folder: Path) -> None:
    """Keep the log from being written until a line comes in."""
    with closing(sqlite3.connect(folder / "log.sqlite", isolation_level=None)) as log:
        log.execute("BEGIN IMMEDIATE")
        say("held")
        sys.stdin.readline()
        log.execute("COMMIT")


def hold_station(folder: Path) -> None:
    """Keep the folder's station lock until a line comes in."""
    store = open_store(folder)
    say("held")
    sys.stdin.readline()
    store.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
