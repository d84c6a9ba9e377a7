"""Known faults: a code, a sentence and a remedy. Anything else that is raised is a bug."""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """Closed set of known faults; the program translates sentences by code."""

    BAD_ARGUMENT = "bad_argument"
    PICTURE_UNREADABLE = "picture_unreadable"
    FOLDER_UNUSABLE = "folder_unusable"
    TOO_FEW_NORMALS = "too_few_normals"
    WEIGHTS_MISSING = "weights_missing"
    WEIGHTS_WRONG = "weights_wrong"
    DOWNLOAD_FAILED = "download_failed"
    BUNDLE_MISSING = "bundle_missing"
    BUNDLE_DAMAGED = "bundle_damaged"
    BUNDLE_NEWER = "bundle_newer"
    BUNDLE_FOREIGN = "bundle_foreign"
    GEOMETRY_MISMATCH = "geometry_mismatch"
    DEVICE_MISSING = "device_missing"
    OUT_OF_MEMORY = "out_of_memory"
    TRAINING_DIVERGED = "training_diverged"
    TRAINING_CANCELLED = "training_cancelled"
    CHECKPOINT_WRONG = "checkpoint_wrong"
    WRITE_FAILED = "write_failed"
    SCORE_INVALID = "score_invalid"
    SOURCE_UNUSABLE = "source_unusable"
    SETTINGS_DAMAGED = "settings_damaged"
    OUTPUT_LATE = "output_late"
    OUTPUT_GONE = "output_gone"
    PORT_UNUSABLE = "port_unusable"
    TRIGGER_REFUSED = "trigger_refused"
    LINE_OVERRUN = "line_overrun"
    LOG_BEHIND = "log_behind"
    LINE_BROKEN = "line_broken"
    STATION_UNPREPARED = "station_unprepared"
    STATION_RUNNING = "station_running"
    LOG_NEWER = "log_newer"
    LOG_DAMAGED = "log_damaged"
    LOG_LOCKED = "log_locked"
    DISK_FULL = "disk_full"
    NOT_ALLOWED = "not_allowed"
    SAMPLE_REFUSED = "sample_refused"
    TRAINING_DIED = "training_died"
    PROMOTION_REFUSED = "promotion_refused"
    ARCHIVE_DAMAGED = "archive_damaged"
    EXPORT_STOPPED = "export_stopped"


class StationError(Exception):
    """A fault a person can act on: `sentence` says what happened to what, `remedy` what to do."""

    def __init__(self, code: ErrorCode, sentence: str, remedy: str = "", **params: object) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.remedy = remedy
        self.params = params

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self.code, self.sentence, self.remedy, self.params)


def _restore(code: ErrorCode, sentence: str, remedy: str, params: dict[str, object]) -> StationError:
    return StationError(code, sentence, remedy, **params)
