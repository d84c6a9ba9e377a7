"""Jobs, progress and faults as lines of JSON, between the station and its training process."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from almrr_core.data.samples import Sample
from almrr_core.errors import ErrorCode, StationError
from almrr_core.models.almrr import Form, Profile
from almrr_core.train.job import Progress, Stage, TrainJob, WorstNormal
from almrr_core.types import Box, Geometry

_PATHS = ("data", "out", "weights", "textures", "parent")


def order_of(job: TrainJob, threads: int) -> str:
    """Return the one line that the training process is given."""
    return json.dumps({"job": job_to_json(job), "threads": threads})


def line_of(kind: str, value: object) -> str:
    """Return one line `{"kind": ..., "value": ...}` without a line break in it."""
    return json.dumps({"kind": kind, "value": value}, default=str)


def job_to_json(job: TrainJob) -> dict[str, Any]:
    """Return JSON types only; `job_from_json` gives an equal job back."""
    value: dict[str, Any] = json.loads(json.dumps(asdict(job), default=str))
    return value


def job_from_json(value: dict[str, Any]) -> TrainJob:
    """Read what `job_to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
    paths = {name: None if value[name] is None else Path(value[name]) for name in _PATHS}
    samples = {name: tuple(map(_sample, value[name])) for name in ("normals", "held_out")}
    geometry = value["geometry"] | {"roi": _box(value["geometry"]["roi"])}
    kinds = {
        "profile": Profile(value["profile"]),
        "form": None if value["form"] is None else Form(value["form"]),
        "geometry": Geometry(**geometry),
    }
    return TrainJob(**(value | paths | samples | kinds))


def _sample(value: dict[str, Any]) -> Sample:
    return Sample(Path(value["path"]), value["sha256"], _box(value["box"]))


def _box(value: dict[str, int] | None) -> Box | None:
    return None if value is None else Box(**value)


def progress_to_json(progress: Progress) -> dict[str, Any]:
    """Return JSON types only."""
    return asdict(replace(progress, worst=())) | {
        "worst": [[str(one.path), one.score] for one in progress.worst]
    }


def progress_from_json(value: dict[str, Any]) -> Progress:
    """Read what `progress_to_json` wrote."""
    worst = tuple(WorstNormal(Path(path), score) for path, score in value["worst"])
    return Progress(**(value | {"stage": Stage(value["stage"]), "worst": worst}))


def fault_to_json(fault: StationError) -> dict[str, str]:
    """Return code, sentence and remedy."""
    return {"code": fault.code.value, "sentence": fault.sentence, "remedy": fault.remedy}


def fault_from_json(value: dict[str, str]) -> StationError:
    """Read what `fault_to_json` wrote."""
    return StationError(ErrorCode(value["code"]), value["sentence"], value["remedy"])
