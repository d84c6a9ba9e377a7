"""The words of the log: what can be asked of it, and the rows it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from almrr_core.types.inspection import Geometry, Limits, Picture, Region, ScoreMap, Verdict
from almrr_core.types.station import ModelId


class Label(StrEnum):
    """What a person said of a part."""

    GOOD = "good"
    BAD = "bad"  # a defect; `LogRow.defect_class` may name which
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which inspections: every field given must hold, an empty one (None, "", ()) asks nothing. Times are UTC.

    `text` is looked for in part id, lot, serial, file name and reason. `unlabelled` asks for no label at all,
    `disagrees` for a last label that contradicts the verdict (GOOD on FAIL or REVIEW, BAD on PASS).
    `pass_percent` takes a fixed sample of the PASS parts, so many in a hundred; the others are not asked.
    """

    since: datetime | None = None
    until: datetime | None = None
    verdicts: tuple[Verdict, ...] = ()
    product: str = ""
    source_id: str = ""
    least_score: float | None = None
    most_score: float | None = None
    labels: tuple[Label, ...] = ()
    unlabelled: bool = False
    disagrees: bool = False
    text: str = ""
    pass_percent: int = 100


class LogOrder(StrEnum):
    """How a page is sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    WORST = "worst"  # highest score first


@dataclass(frozen=True, slots=True)
class LogRow:
    """One inspection in a table; `score` NaN where NOT_INSPECTED, `label` the last one given."""

    inspection_id: int
    part_id: str
    at: datetime  # decided, UTC
    product: str
    source_id: str
    verdict: Verdict
    score: float
    review_limit: float
    fail_limit: float
    model_id: str
    recipe_version: int
    latency_ms: float
    lot: str = ""
    serial: str = ""
    name: str = ""
    reason: str = ""
    truth: str | None = None
    label: Label | None = None
    defect_class: str = ""
    has_picture: bool = False


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label in a part's history; append-only, the last one counts.

    A `withdrawn` row takes back the label it names: the one before that counts again.
    """

    at: datetime
    actor: str
    label: Label
    defect_class: str = ""
    note: str = ""
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class DefectClass:
    """A kind of defect of one product: name, colour "#RRGGBB" and the digit that gives it, "" for none."""

    name: str
    color: str
    key: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LogDetail:
    """One inspection whole. `picture` and `score_map` (at model resolution, float32) are None where they were
    not kept; `picture_note` then says why (never kept, deleted by retention on a date, missing on disk)."""

    row: LogRow
    limits: Limits
    geometry: Geometry
    regions: tuple[Region, ...]
    picture: Picture | None
    score_map: ScoreMap | None
    picture_path: Path | None
    picture_note: str
    model_hash: str
    station_id: str
    line_id: str
    view: str
    trigger_at: datetime
    grabbed_at: datetime
    output_at: datetime | None
    inspect_ms: float
    labels: tuple[LabelRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model the station knows: its folder below the data folder, the seal of its bundle, its lineage."""

    model_id: ModelId
    product: str
    folder: Path
    seal: str
    created_at: datetime
    actor: str
    parent: ModelId | None = None
    note: str = ""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the append-only event table."""

    at: datetime
    actor: str
    action: str
    subject: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """What a limit is tried on: the raw score of an inspection, its verdict then, and its last label."""

    score: float
    verdict: Verdict
    label: Label | None


class Pool(StrEnum):
    """What a sample is for; a picture never changes its pool."""

    TRAIN = "train"
    CALIBRATE = "calibrate"
    ACCEPTANCE = "acceptance"  # locked, never trained on


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A picture of a product's pools, known by the SHA-256 of its pixels; a removed one stays in the log.

    `label` is GOOD for a normal, BAD for a defect, which is in the acceptance pool only.
    """

    sample_id: int
    product: str
    pool: Pool
    sha256: str
    path: Path
    added_at: datetime
    added_by: str
    inspection_id: int | None = None
    removed_at: datetime | None = None
    removed_why: str = ""
    label: Label = Label.GOOD


@dataclass(frozen=True, slots=True)
class NewSample:
    """A picture for a product's pools; `path` is below the data folder."""

    product: str
    pool: Pool
    sha256: str
    path: Path
    label: Label = Label.GOOD
    inspection_id: int | None = None
