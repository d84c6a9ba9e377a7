"""A training that finds room: a smaller batch where the GPU's memory is full, then the CPU; and it says so."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace

from almrr_core.errors import ErrorCode, StationError
from almrr_core.models.card import Card
from almrr_core.train.job import Progress, Stage, TrainJob

SMALLEST_BATCH = 4

Report = Callable[[Progress], None]
Train = Callable[[TrainJob, Report], Card]


def train_where_it_fits(job: TrainJob, report: Report, train: Train) -> Card:
    """Call `train`, on OUT_OF_MEMORY again with half the batch down to SMALLEST_BATCH, then on the CPU.

    Every change is reported as a notice. Raises what `train` does.
    """
    while True:
        try:
            return train(job, report)
        except StationError as fault:
            smaller = _smaller(job)
            if fault.code is not ErrorCode.OUT_OF_MEMORY or smaller is None:
                raise
        gc.collect()  # only now is the traceback gone that held the tensors
        report(Progress(Stage.READING, notice=_sentence(job, smaller)))
        job = smaller


def _smaller(job: TrainJob) -> TrainJob | None:
    if job.device == "cpu":
        return None
    if job.batch > SMALLEST_BATCH:
        return replace(job, batch=max(SMALLEST_BATCH, job.batch // 2))
    return replace(job, device="cpu")


def _sentence(before: TrainJob, now: TrainJob) -> str:
    if now.device == "cpu":
        return "The GPU's memory is full: the training goes on on the CPU, more slowly."
    batches = f"{now.batch} instead of {before.batch}"
    return f"The GPU's memory is full: trying again with {batches} pictures per step."
