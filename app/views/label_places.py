"""Where the labels of several lines stand, one below the other, so that none covers another."""

from __future__ import annotations

from collections.abc import Sequence


def tops_apart(centres: Sequence[float], tall: float, most: float) -> tuple[float, ...]:
    """Return the tops of labels of height `tall` within 0..`most`, each as near to its centre as it can be.

    `centres` go from top to bottom.
    """
    tops: list[float] = []
    free = 0.0
    for centre in centres:
        tops.append(max(centre - tall / 2, free))
        free = tops[-1] + tall
    end = most
    for at in reversed(range(len(tops))):
        tops[at] = min(tops[at], end - tall)
        end = tops[at]
    return tuple(tops)
