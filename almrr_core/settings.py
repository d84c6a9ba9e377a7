"""What a station is set to, as frozen values in DIR/settings.json: sources, retention, network, looks."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import read_json, write_failed, write_json

FILE_NAME = "settings.json"


def _require(value: float, least: float, most: float, what: str) -> None:
    if not least <= value <= most:  # so NaN is refused too
        raise StationError(
            ErrorCode.BAD_ARGUMENT,
            f"The setting {what} cannot be {value}.",
            f"Choose a number from {least:g}" + ("." if most == math.inf else f" to {most:g}."),
        )


class SourceKind(StrEnum):
    """Where frames come from; what `SourceSettings.address` then is."""

    CAMERA = "camera"  # a `CameraChoice.address`; "": the first camera found
    STREAM = "stream"  # an rtsp://, http:// or https:// address
    VIDEO = "video"  # a video file
    REPLAY = "replay"  # a folder of pictures, in name order
    WATCH = "watch"  # a folder that pictures arrive in
    SIMULATED = "simulated"  # nothing


class AfterInspection(StrEnum):
    """What becomes of a watched file whose part is in the log."""

    LEAVE = "leave"
    ARCHIVE = "archive"
    DELETE = "delete"


class Keep(StrEnum):
    """Which pictures the log keeps."""

    ALL = "all"
    NOT_PASS = "not_pass"
    EVERY_NTH = "every_nth"  # everything but PASS, and every nth PASS


class ThemeName(StrEnum):
    """How the window looks."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class SimulatedSettings:
    """The simulated line: `speed` in parts/s, `defect_rate` in 0..1, `kinds` of defects (none: all of them)."""

    surface: str = "weave"
    defect_rate: float = 0.08
    speed: float = 2.0
    kinds: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no line can do."""
        _require(self.defect_rate, 0, 1, "defect rate")
        _require(self.speed, 0.001, 1000, "speed")


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One source of frames; what a kind has no use for is ignored.

    `rate`: pictures/s of a replay or video, 0: as fast as they are taken. Of a camera: `width`, `height` in
    pixels and `frame_rate`, 0: as the driver likes; `exposure`, `gain` in the driver's units, None: automatic.
    `archive`: folder for inspected files, "": "inspected" in the watched one. `polling`: look into the watched
    folder again and again; None: where the system does not tell of new files (network shares).
    """

    source_id: str
    kind: SourceKind
    address: str = ""
    rate: float = 2.0
    loop: bool = True
    after: AfterInspection = AfterInspection.LEAVE
    archive: str = ""
    subfolders: bool = False
    width: int = 0
    height: int = 0
    exposure: float | None = None
    gain: float | None = None
    simulated: SimulatedSettings = SimulatedSettings()
    polling: bool | None = None
    frame_rate: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no source can do."""
        _require(self.rate, 0, math.inf, "rate")
        _require(self.frame_rate, 0, math.inf, "frame rate")
        _require(min(self.width, self.height), 0, math.inf, "picture size")


@dataclass(frozen=True, slots=True)
class Retention:
    """Which pictures are kept and how long: days and 10⁹ bytes of disk per verdict, None: without end.

    `nth` is of EVERY_NTH only. REVIEW's limits hold for NOT_INSPECTED too.
    """

    keep: Keep = Keep.ALL
    nth: int = 10
    pass_days: float | None = 30.0
    review_days: float | None = None
    fail_days: float | None = None
    pass_quota_gb: float | None = 20.0
    review_quota_gb: float | None = 20.0
    fail_quota_gb: float | None = 20.0

    def __post_init__(self) -> None:
        """Refuse a limit below zero."""
        _require(self.nth, 1, math.inf, "every nth picture")
        limits = (self.pass_days, self.review_days, self.fail_days)
        for limit in (*limits, self.pass_quota_gb, self.review_quota_gb, self.fail_quota_gb):
            _require(limit or 0, 0, math.inf, "retention")


@dataclass(frozen=True, slots=True)
class Network:
    """The sockets: port 0 is off; the deadline for a verdict in milliseconds."""

    host: str = "127.0.0.1"
    trigger_port: int = 0
    output_port: int = 0
    deadline_ms: int = 500

    def __post_init__(self) -> None:
        """Refuse what is no port and no time."""
        _require(self.trigger_port, 0, 65535, "trigger port")
        _require(self.output_port, 0, 65535, "output port")
        _require(self.deadline_ms, 1, 3_600_000, "deadline")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a station remembers; `layout` is the window's state as base64, `device` as of `almrr`."""

    station_id: str = "station-1"
    line_id: str = "line-1"
    product: str = ""
    sources: tuple[SourceSettings, ...] = ()
    active_source: str = ""
    device: str = "auto"
    retention: Retention = field(default_factory=Retention)
    network: Network = field(default_factory=Network)
    theme: ThemeName = ThemeName.SYSTEM
    heat_opacity: float = 0.6
    layout: str = ""
    first_start_done: bool = False
    train_while_running: bool = True

    def __post_init__(self) -> None:
        """Refuse an opacity that is none."""
        _require(self.heat_opacity, 0, 1, "heat map opacity")

    @property
    def source(self) -> SourceSettings | None:
        """The active source, None where there is none of that name."""
        return next((one for one in self.sources if one.source_id == self.active_source), None)

    def with_source(self, source: SourceSettings) -> Settings:
        """Return these settings with this source, added or changed, as the active one."""
        others = tuple(one for one in self.sources if one.source_id != source.source_id)
        return replace(self, sources=(*others, source), active_source=source.source_id)


def load_settings(folder: Path) -> tuple[Settings, StationError | None]:
    """Return the settings of the data folder, defaults without a file; never raises for a damaged one.

    A file that cannot be used is kept beside as settings.json.broken-<utc>: the second value then says so.
    Fields of a newer program are ignored, missing ones take their default, a wrong type refuses the file.
    """
    path = folder / FILE_NAME
    try:
        return _value(read_json(path), Settings, "settings"), None
    except FileNotFoundError:
        return Settings(), None
    except (OSError, ValueError, RecursionError, StationError) as error:
        return Settings(), _kept_aside(path, str(error) or "it cannot be read")


def save_settings(folder: Path, settings: Settings) -> None:
    """Write the settings whole or not at all; raises WRITE_FAILED."""
    write_json(folder / FILE_NAME, asdict(settings))


def _kept_aside(path: Path, reason: str) -> StationError:
    aside = path.with_name(f"{FILE_NAME}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    try:
        os.replace(path, aside)
        kept = f"The old file was kept as {aside.name}."
    except OSError as error:
        kept = write_failed(aside, error).sentence
    return StationError(
        ErrorCode.SETTINGS_DAMAGED,
        f"The settings in {path} could not be used ({reason}); the station starts with defaults. {kept}",
        "Check source, product and network in the settings before you start the line.",
        path=str(path),
        kept=str(aside),
    )


T = TypeVar("T")


def _value(raw: Any, kind: type[T], where: str) -> T:
    """Return the JSON value as the frozen dataclass `kind`; raises ValueError that names the field."""
    if not isinstance(raw, dict):
        raise ValueError(f"{where} is not an object")
    hints = get_type_hints(kind)
    known = [one.name for one in fields(kind) if one.name in raw]  # type: ignore[arg-type]  # always a dataclass
    try:
        return kind(**{name: _field(raw[name], hints[name], f"{where}.{name}") for name in known})
    except TypeError as error:
        raise ValueError(f"{where} lacks a field") from error


def _field(raw: Any, hint: Any, where: str) -> Any:
    if get_origin(hint) in (Union, UnionType):
        return None if raw is None else _field(raw, get_args(hint)[0], where)
    if get_origin(hint) is tuple and isinstance(raw, list):
        return tuple(_field(one, get_args(hint)[0], f"{where}[{at}]") for at, one in enumerate(raw))
    if isinstance(hint, type) and is_dataclass(hint):
        return _value(raw, hint, where)
    if isinstance(hint, type) and issubclass(hint, StrEnum) and raw in list(hint):
        return hint(raw)
    if hint is float and type(raw) in (int, float):
        return float(raw)
    if type(raw) is hint:
        return raw
    raise ValueError(f"{where} is {raw!r:.40}")
