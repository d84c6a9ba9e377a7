"""The frozen values of a review: what is asked for, what is shown, how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from almrr_core.types import Label, LogDetail, LogFilter, LogOrder, Mask, ScoreMap, Verdict

FLAGGED = (Verdict.REVIEW, Verdict.FAIL)


class Show(StrEnum):
    """Which parts the queue holds."""

    OPEN = "open"  # flagged, and nobody said anything yet
    FLAGGED = "flagged"
    UNSURE = "unsure"
    DISAGREES = "disagrees"  # the label contradicts the verdict


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the queue shall hold; of the PASS parts so many in a hundred."""

    product: str = ""
    show: Show = Show.OPEN
    order: LogOrder = LogOrder.NEWEST
    pass_percent: int = 0

    def filter(self) -> LogFilter:
        """Return this as a question to the log."""
        if self.show is Show.DISAGREES:
            return LogFilter(product=self.product, disagrees=True)
        if self.show is Show.UNSURE:
            return LogFilter(product=self.product, labels=(Label.UNSURE,))
        verdicts = (*FLAGGED, Verdict.PASS) if self.pass_percent else FLAGGED
        is_open = self.show is Show.OPEN
        return LogFilter(
            product=self.product, verdicts=verdicts, unlabelled=is_open, pass_percent=self.pass_percent
        )

    def open(self) -> LogFilter:
        """Return what is still to be reviewed, as a question to the log."""
        return Wanted(self.product, Show.OPEN, self.order, self.pass_percent).filter()


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A picture ready to be shown: its map at the size of the region of interest, the mask somebody drew."""

    detail: LogDetail
    score_map: ScoreMap | None
    mask: Mask | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the review is: `done` in this session, `left` in the log; seconds to go, None if not known.

    `escapes` and `false_rejects` are all of the product's labels that contradict the verdict.
    """

    done: int = 0
    left: int = 0
    seconds: float | None = None
    escapes: int = 0
    false_rejects: int = 0

    @property
    def total(self) -> int:
        """Return what there was to do when the session began, as far as it is known now."""
        return self.done + self.left
