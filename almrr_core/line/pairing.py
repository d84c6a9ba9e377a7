"""Whose a picture is, where pictures arrive by themselves: each trigger gets one, in order, or its part none.

A watched folder says neither whose a file is nor which trigger it answers. So a part that was asked for gets
only a file that came at most `patience` before its trigger or after it: what lay there when the line started,
and what nobody asked for in time, stays where it is. A part that is given up leaves one picture owed. While one
is owed, the next file pays: it may be that part's or another's, so it becomes a part without a name. After
`quiet` without a trigger and a file nothing is owed any more; only such a pause, or a start of the line, can
tell a picture that never comes from one that is late by more than a part. A line that does not pause would stay
out of step, so after five parts without a picture of their own in a row, while five pictures came, it stops in
FAULT. What the order cannot show is a picture that is missing while later parts wait for theirs already.
Replays and videos owe nothing: their pictures are all there, and the next one is the next part's.
"""

from __future__ import annotations

from collections import deque

from almrr_core.line.setup import Clock

MOST_GIVEN_UP = 5  # parts in a row, while as many pictures came


class Owed:
    """The pictures of parts that were given up, until they come or nothing does for `quiet` seconds."""

    def __init__(self, clock: Clock, quiet: float) -> None:
        self._clock, self._quiet = clock, round(quiet * 1e9)
        self._parts: deque[int] = deque()  # when their pictures could come first, in ns of the clock
        self._active, self._told = 0, False
        self._given_up = self._paid = 0  # since a picture came and nothing was owed

    def stir(self) -> None:
        """Say that a trigger or a file came, or that nobody could see one."""
        self._active = self._clock.ns()

    def add(self, after_ns: int) -> None:
        """Say that a part was given up whose picture comes after that moment, if it comes."""
        self.stir()
        self._parts.append(after_ns)
        self._given_up += 1

    def pay(self) -> bool:
        """Return whether the file that came may be of a part that was given up; then one less is owed."""
        owed = self.since is not None
        self.stir()
        if owed:
            self._parts.popleft()
            self._paid += 1
        else:
            self._in_step()
        return owed

    def _in_step(self) -> None:
        self._told, self._given_up, self._paid = False, 0, 0

    @property
    def out_of_step(self) -> bool:
        """Whether pictures come, but for a while none that is surely of the part that waits."""
        return min(self._given_up, self._paid) >= MOST_GIVEN_UP

    def first_time(self) -> bool:
        """Return whether nobody was told yet since pictures and parts were in step."""
        told, self._told = self._told, True
        return not told

    @property
    def since(self) -> int | None:
        """When the first picture that is owed could come, in ns of the clock; None if nothing is owed."""
        if self._clock.ns() - self._active > self._quiet:
            self._parts.clear()
            self._in_step()
        return self._parts[0] if self._parts else None
