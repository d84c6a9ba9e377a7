"""How the log's values read on the screen: local times with their zone, raw scores with their sign."""

from __future__ import annotations

import math
from datetime import datetime

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QIcon

from almrr_core.types import Label, LabelRow, LogRow, Verdict
from app.theme import VERDICT_LOOK, icon, tokens
from app.views.log_choice import Choice, LabelChoice, Period

NOTHING = "–"

translate = QCoreApplication.translate  # lupdate finds the name


def local_time(at: datetime, milliseconds: bool = False) -> str:
    """Return a UTC time as local date and time, without the zone (a header or `zone_of` names it)."""
    here = at.astimezone()
    text = here.strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{here.microsecond // 1000:03d}" if milliseconds else text


def zone_of(at: datetime) -> str:
    """Return the name of the local time zone at that time: "CET", "UTC"."""
    return at.astimezone().strftime("%Z")


def number(value: float, digits: int = 2) -> str:
    """Return a score or limit with a true minus sign; a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")


def milliseconds(value: float) -> str:
    """Return a duration in milliseconds with its unit; a dash for NaN."""
    return NOTHING if math.isnan(value) else translate("Log", "{0} ms").format(f"{value:,.1f}")


def whole(count: int) -> str:
    """Return a count with thousands apart."""
    return f"{count:,}"


def counted(count: int, one: str, many: str) -> str:
    """Return a count with its noun: `one` for exactly one, else `many`, both with {0} for the number."""
    return (one if count == 1 else many).format(whole(count))


def label_word(label: Label) -> str:
    """Return a label in words."""
    return {
        Label.GOOD: translate("Log", "Good"),
        Label.BAD: translate("Log", "Bad"),
        Label.UNSURE: translate("Log", "Unsure"),
    }[label]


def label_of(row: LogRow) -> str:
    """Return a row's last label with its defect class, empty without one."""
    if row.label is None:
        return ""
    word = label_word(row.label)
    return f"{word}: {row.defect_class}" if row.defect_class else word


def period_word(period: Period) -> str:
    """Return a period as it reads in the chip and its menu."""
    return {
        Period.HOUR: translate("Log", "Last hour"),
        Period.SHIFT: translate("Log", "This shift"),
        Period.TODAY: translate("Log", "Today"),
        Period.WEEK: translate("Log", "Last 7 days"),
        Period.ALL: translate("Log", "All time"),
        Period.CUSTOM: translate("Log", "Custom range…"),
    }[period]


def label_choice_word(choice: LabelChoice) -> str:
    """Return a choice of labels as it reads in the chip and its menu."""
    return {
        LabelChoice.ANY: translate("Log", "Any label or none"),
        LabelChoice.GOOD: translate("Log", "Labelled good"),
        LabelChoice.BAD: translate("Log", "Labelled bad"),
        LabelChoice.UNSURE: translate("Log", "Labelled unsure"),
        LabelChoice.NONE: translate("Log", "Not labelled"),
        LabelChoice.DISAGREES: translate("Log", "Label disagrees with verdict"),
    }[choice]


def verdict_word(verdict: Verdict) -> str:
    """Return a verdict in words."""
    return VERDICT_LOOK[verdict].word


def verdict_icons() -> dict[Verdict, QIcon]:
    """Return each verdict's shape in its colour of the theme shown now."""
    return {verdict: icon(look.icon, tokens().verdict(verdict)) for verdict, look in VERDICT_LOOK.items()}


def time_of(choice: Choice) -> str:
    """Return the chosen time for its chip."""
    if choice.period is not Period.CUSTOM or choice.since is None or choice.until is None:
        return period_word(choice.period)
    return f"{choice.since.astimezone():%Y-%m-%d %H:%M} – {choice.until.astimezone():%Y-%m-%d %H:%M}"


def scores_of(choice: Choice) -> str:
    """Return the chosen bounds of the score for its chip, empty without one."""
    least, most = choice.least_score, choice.most_score
    if least is not None and most is not None:
        return translate("Log", "Score {0} to {1}").format(number(least), number(most))
    if least is not None:
        return translate("Log", "Score from {0}").format(number(least))
    return "" if most is None else translate("Log", "Score up to {0}").format(number(most))


def written(at: datetime, actor: str) -> str:
    """Return when and by whom something was done."""
    return translate("Log", "{0} {1} by {2}").format(local_time(at), zone_of(at), actor)


def label_line(label: LabelRow) -> tuple[str, str]:
    """Return one label of a part's history: when, and what who said."""
    word = label_word(label.label)
    word = f"{word}: {label.defect_class}" if label.defect_class else word
    text = translate("Log", "{0} taken back by {1}") if label.withdrawn else translate("Log", "{0} by {1}")
    said = text.format(word, label.actor)
    return local_time(label.at), f"{said}. {label.note}" if label.note else said
