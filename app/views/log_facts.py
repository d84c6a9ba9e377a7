"""What the detail says of an inspection, as named values; no widgets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from almrr_core.types import GOOD, Geometry, LogDetail, Region, Verdict
from app.views import log_words as words
from app.views.log_words import translate


@dataclass(frozen=True, slots=True)
class Group:
    """Named values that belong together."""

    title: str
    facts: tuple[tuple[str, str], ...]


def groups(detail: LogDetail) -> tuple[Group, ...]:
    """Return all groups, without the values that are not known."""
    made = (
        Group(translate("Log", "Part"), _part(detail)),
        Group(translate("Log", "Limits at that moment"), _limits(detail)),
        Group(translate("Log", "Timings"), _timings(detail)),
        Group(translate("Log", "Judged by"), _judge(detail)),
    )
    return tuple(Group(g.title, tuple((n, v) for n, v in g.facts if v)) for g in made)


def score_sentence(detail: LogDetail) -> str:
    """Return the score beside its limits, or the reason why there is none."""
    row = detail.row
    if math.isnan(row.score):
        return row.reason or translate("Log", "It has no score.")
    text = translate("Log", "score {0} · review {1} · fail {2}")
    return text.format(words.number(row.score), words.number(row.review_limit), words.number(row.fail_limit))


def region_rows(regions: tuple[Region, ...]) -> tuple[tuple[str, str, str, str], ...]:
    """Return place, area, maximum and mean of each region."""
    return tuple(
        (
            translate("Log", "{0}, {1}").format(region.box.x, region.box.y),
            f"{region.box.width} × {region.box.height}",
            words.whole(region.area),
            words.number(region.maximum),
        )
        for region in regions
    )


def truth_word(detail: LogDetail) -> str:
    """Return what a simulated source knows of the part, and whether the verdict agrees."""
    truth = detail.row.truth
    if truth is None:
        return ""
    flagged = detail.row.verdict in (Verdict.FAIL, Verdict.REVIEW)
    if truth == GOOD:
        word = translate("Log", "good")
        return translate("Log", "{0} (false reject)").format(word) if flagged else word
    missed = detail.row.verdict is Verdict.PASS
    return translate("Log", "{0} (escaped)").format(truth) if missed else truth


def _part(detail: LogDetail) -> tuple[tuple[str, str], ...]:
    row = detail.row
    return (
        (translate("Log", "Part"), row.part_id),
        (translate("Log", "Product"), row.product),
        (translate("Log", "Lot"), row.lot),
        (translate("Log", "Serial"), row.serial),
        (translate("Log", "Source"), row.source_id),
        (translate("Log", "View"), detail.view),
        (translate("Log", "File"), row.name),
        (translate("Log", "Truth"), truth_word(detail)),
    )


def _limits(detail: LogDetail) -> tuple[tuple[str, str], ...]:
    limits = detail.limits
    return (
        (translate("Log", "Review"), words.number(limits.review)),
        (translate("Log", "Fail"), words.number(limits.fail)),
        (translate("Log", "Pixel"), words.number(limits.pixel)),
        (translate("Log", "Least area"), translate("Log", "{0} px").format(words.whole(limits.min_area))),
        (translate("Log", "Geometry"), _geometry(detail.geometry)),
    )


def _geometry(geometry: Geometry) -> str:
    parts = []
    if geometry.roi is not None:
        box = geometry.roi
        text = translate("Log", "region {0} × {1} at {2}, {3}")
        parts.append(text.format(box.width, box.height, box.x, box.y))
    if geometry.tile is None:
        parts.append(translate("Log", "whole picture at {0} px").format(geometry.input_size))
    else:
        text = translate("Log", "tiles of {0} px, overlap {1}, scale {2:g}")
        parts.append(text.format(geometry.tile, geometry.overlap, geometry.scale))
    return ", ".join(parts)


def _timings(detail: LogDetail) -> tuple[tuple[str, str], ...]:
    row, start = detail.row, detail.trigger_at
    zone = words.zone_of(start)
    triggered = f"{words.local_time(start, milliseconds=True)} {zone}"
    return (
        (translate("Log", "Triggered"), triggered),
        (translate("Log", "Grabbed"), _after(start, detail.grabbed_at)),
        (translate("Log", "Decided"), _after(start, row.at)),
        (translate("Log", "Told"), _after(start, detail.output_at)),
        (translate("Log", "Model"), words.milliseconds(detail.inspect_ms)),
        (translate("Log", "Grab to verdict"), words.milliseconds(row.latency_ms)),
    )


def _after(start: datetime, at: datetime | None) -> str:
    """Return how long after the trigger something was, by the wall clock."""
    if at is None:
        return ""
    milliseconds = (at - start).total_seconds() * 1e3
    sign = "+" if milliseconds >= 0 else "−"
    return f"{sign}{abs(milliseconds):,.0f} ms"


def _judge(detail: LogDetail) -> tuple[tuple[str, str], ...]:
    row = detail.row
    return (
        (translate("Log", "Recipe"), translate("Log", "version {0}").format(row.recipe_version)),
        (translate("Log", "Model"), row.model_id),
        (translate("Log", "Seal"), detail.model_hash[:16]),
        (translate("Log", "Station"), detail.station_id),
        (translate("Log", "Line"), detail.line_id),
    )
