"""The words of the line: sources, parts, recipes, and what a screen may know of a running line."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from almrr_core.types.inspection import Geometry, Limits, Picture, Region, ScoreMap, Verdict

PartId = NewType("PartId", str)  # given by the trigger, or made by the line; unique in a log
ModelId = NewType("ModelId", str)  # "M-0008"
GOOD = "good"  # `Frame.truth` of a simulated part without a defect


class SourceState(StrEnum):
    """What a source of frames is doing."""

    CLOSED = "closed"
    OPENING = "opening"
    LIVE = "live"
    LOST = "lost"  # it was live and gives nothing any more; it tries again by itself
    ENDED = "ended"  # a replay or video that was asked for once


class LineState(StrEnum):
    """What a line is doing; FAULT says why and waits for a person."""

    READY = "ready"
    RUNNING = "running"
    FAULT = "fault"


class TriggerKind(StrEnum):
    """What makes a frame a part."""

    INTERVAL = "interval"
    ARRIVAL = "arrival"  # every file of a folder, every frame of a video, is a part
    MANUAL = "manual"  # a key or button
    NETWORK = "network"  # a line on the TCP socket


class OnLateOutput(StrEnum):
    """What a verdict that its receiver did not take in time is."""

    NOTICE = "notice"
    FAULT = "fault"


class Action(StrEnum):
    """What a person can change; the value is stored in the event table."""

    RECIPE_APPLIED = "recipe_applied"
    MODEL_ADDED = "model_added"
    MODEL_PROMOTED = "model_promoted"
    MODEL_DELETED = "model_deleted"
    LABELLED = "labelled"
    MASK_DRAWN = "mask_drawn"
    CLASSES_CHANGED = "classes_changed"  # the defect classes of a product
    SAMPLE_ADDED = "sample_added"
    SAMPLE_REMOVED = "sample_removed"
    LINE_STARTED = "line_started"
    LINE_STOPPED = "line_stopped"
    COUNTERS_RESET = "counters_reset"
    SETTINGS_CHANGED = "settings_changed"
    PICTURES_DELETED = "pictures_deleted"
    EXPORTED = "exported"
    GAP = "gap"  # the source was lost and is back; also parts missing after a crash


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something; until roles exist the operating system's user."""

    name: str


def this_user() -> Actor:
    """Return who runs this process: the user's name, or uid-<number> where the system knows none."""
    try:
        return Actor(getpass.getuser())
    except (KeyError, ImportError, OSError):  # as in a container that runs under a bare number
        return Actor(f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown")


def allow(actor: Actor, action: Action) -> bool:
    """Return whether `actor` may do `action`: everything is allowed until roles exist."""
    return bool(actor.name) and action in Action


@dataclass(frozen=True, slots=True)
class TriggerSettings:
    """How parts are triggered; `interval` in seconds, of INTERVAL only."""

    kind: TriggerKind = TriggerKind.INTERVAL
    interval: float = 0.5


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the line needs for one product; versioned and append-only, the newest is active."""

    version: int  # 1.. per product
    product: str
    model_id: ModelId
    limits: Limits
    geometry: Geometry
    trigger: TriggerSettings
    on_late_output: OnLateOutput
    bit_depth: int | None  # of the source; None: as the file says
    exposure: float | None
    gain: float | None
    created_at: datetime  # UTC
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class PartRequest:
    """A trigger's wish for a part; `trigger_ns` is of `time.monotonic_ns()`, `trigger_at` UTC."""

    part_id: PartId
    trigger_at: datetime
    trigger_ns: int
    lot: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of one part, as grabbed; `picture` is read-only, None where `fault` says why there is none.

    `grabbed_at` is UTC, `grabbed_ns` of `time.monotonic_ns()`. `name` is the file's path or name where there
    is one. `truth`: GOOD or the defect's kind where a simulated source knows it.
    """

    picture: Picture | None
    grabbed_at: datetime
    grabbed_ns: int
    source_id: str
    name: str = ""
    truth: str | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Everything known of one inspected view of a part: what is logged first and shown second.

    `score_map` has the size of the region of interest (the picture without one) and its regions are in its
    pixels; it is None, the score NaN and `reason` a sentence where the part was NOT_INSPECTED. `model_map` is
    the raw map at model resolution, for the log. Durations in milliseconds.
    """

    request: PartRequest
    frame: Frame
    verdict: Verdict
    score: float
    score_map: ScoreMap | None
    model_map: ScoreMap | None
    regions: tuple[Region, ...]
    recipe: Recipe
    model_hash: str
    station_id: str
    line_id: str
    view: str
    decided_at: datetime
    output_at: datetime | None
    inspect_ms: float
    latency_ms: float  # grab → verdict
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What the screen shows: a record that is in the log, under `inspection_id`; `number` counts up from 1."""

    number: int
    inspection_id: int
    record: Record


@dataclass(frozen=True, slots=True)
class Counts:
    """How many parts had which verdict."""

    passed: int = 0
    review: int = 0
    fail: int = 0
    not_inspected: int = 0

    @property
    def inspected(self) -> int:
        """Return the number of parts that got a verdict by the model."""
        return self.passed + self.review + self.fail

    @property
    def total(self) -> int:
        """Return the number of all parts."""
        return self.inspected + self.not_inspected

    @property
    def yield_fraction(self) -> float | None:
        """Return PASS over all parts in 0..1, None before the first."""
        return self.passed / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What a source says of itself; `sentence` is for people, sizes in pixels, the rate in pictures/s."""

    source_id: str
    state: SourceState
    sentence: str = ""
    width: int = 0
    height: int = 0
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Notice:
    """A known fault or event for people: what happened and what to do; `number` counts up so it shows once."""

    number: int
    at: datetime
    sentence: str
    remedy: str = ""
    serious: bool = False


@dataclass(frozen=True, slots=True)
class LineStatus:
    """A running line at one moment, for the screen; times in milliseconds."""

    state: LineState
    source: SourceStatus
    counts: Counts  # since the line was built
    inspected: int  # parts that left the inspector
    recorded: int  # of these, in the log
    queue: int  # waiting for the recorder
    pictures_per_second: float
    latency_p50: float | None
    latency_p95: float | None
    fault: str = ""
    remedy: str = ""
    notices: tuple[Notice, ...] = ()  # the last few
