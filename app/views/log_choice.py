"""What a person chose in the log's filter chips, and the `LogFilter` it means at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from almrr_core.types import Label, LogFilter, Verdict


class Period(StrEnum):
    """Which time the log shows; all but ALL and CUSTOM move with the clock."""

    HOUR = "hour"
    SHIFT = "shift"
    TODAY = "today"
    WEEK = "week"
    ALL = "all"
    CUSTOM = "custom"


class LabelChoice(StrEnum):
    """What a person must have said of a part."""

    ANY = "any"
    GOOD = "good"
    BAD = "bad"
    UNSURE = "unsure"
    NONE = "none"
    DISAGREES = "disagrees"


@dataclass(frozen=True, slots=True)
class Choice:
    """The state of all chips; `since` and `until` (UTC) belong to CUSTOM only."""

    period: Period = Period.WEEK
    since: datetime | None = None
    until: datetime | None = None
    verdicts: frozenset[Verdict] = frozenset()
    product: str = ""
    source_id: str = ""
    least_score: float | None = None
    most_score: float | None = None
    label: LabelChoice = LabelChoice.ANY
    text: str = ""

    def wanted(self, now: datetime, shift_start: datetime) -> LogFilter:
        """Return the filter as of `now`; both times UTC."""
        since, until = self._times(now, shift_start)
        labels = () if self.label.value not in set(Label) else (Label(self.label.value),)
        return LogFilter(
            since=since,
            until=until,
            verdicts=tuple(v for v in Verdict if v in self.verdicts),
            product=self.product,
            source_id=self.source_id,
            least_score=self.least_score,
            most_score=self.most_score,
            labels=labels,
            unlabelled=self.label is LabelChoice.NONE,
            disagrees=self.label is LabelChoice.DISAGREES,
            text=self.text.strip(),
        )

    def _times(self, now: datetime, shift_start: datetime) -> tuple[datetime | None, datetime | None]:
        midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        starts = {
            Period.HOUR: now - timedelta(hours=1),
            Period.SHIFT: shift_start,
            Period.TODAY: midnight,
            Period.WEEK: now - timedelta(days=7),
        }
        if self.period is Period.CUSTOM:
            return self.since, self.until
        return starts.get(self.period), None

    @property
    def is_plain(self) -> bool:
        """Return whether nothing but the time is restricted."""
        return self == Choice(period=self.period, since=self.since, until=self.until)
