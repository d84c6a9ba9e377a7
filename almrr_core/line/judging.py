"""From a frame to a record: what cannot be judged is NOT_INSPECTED with a reason, and never an exception."""

from __future__ import annotations

import math

from almrr_core.errors import StationError
from almrr_core.judge import regions_of, verdict_of
from almrr_core.line.setup import Active, Clock, LineSetup, broken
from almrr_core.types import Frame, Inspection, PartRequest, Record, Region, Verdict

MOST_REGIONS = 200  # in a record, worst first: a pixel limit in the noise draws thousands


class Judge:
    """Judges parts on the inspector's thread; `failures` counts how often in a row the model failed."""

    def __init__(self, setup: LineSetup, clock: Clock) -> None:
        self._setup, self._clock = setup, clock
        self.failures = 0

    def judge(self, active: Active, request: PartRequest, frame: Frame) -> Record:
        """Return the record of a part; its output time is not known yet."""
        if frame.picture is None:
            return self.not_inspected(active, request, frame, frame.fault or "There is no picture.")
        try:
            inspection = active.engine.inspect(frame.picture)
            regions = regions_of(inspection.score_map, active.recipe.limits)[:MOST_REGIONS]
            verdict = verdict_of(inspection.score, active.recipe.limits)
        except StationError as fault:
            reason = fault.sentence
        except Exception as error:  # MemoryError too: the next part may fit
            reason = broken("The model", error).sentence
        else:
            self.failures = 0
            return self._record(active, request, frame, verdict, inspection, regions)
        self.failures += 1
        return self.not_inspected(active, request, frame, reason)

    def not_inspected(self, active: Active, request: PartRequest, frame: Frame, reason: str) -> Record:
        """Return the record of a part that nobody judged."""
        return self._record(active, request, frame, Verdict.NOT_INSPECTED, None, (), reason)

    def missing(self, source_id: str, reason: str) -> Frame:
        """Return the frame of a part that has no picture."""
        return Frame(None, self._clock.now(), self._clock.ns(), source_id, fault=reason)

    def _record(
        self,
        active: Active,
        request: PartRequest,
        frame: Frame,
        verdict: Verdict,
        inspection: Inspection | None,
        regions: tuple[Region, ...],
        reason: str = "",
    ) -> Record:
        return Record(
            request=request,
            frame=frame,
            verdict=verdict,
            score=inspection.score if inspection else math.nan,
            score_map=inspection.score_map if inspection else None,
            model_map=inspection.model_map if inspection else None,
            regions=regions,
            recipe=active.recipe,
            model_hash=active.engine.seal,
            station_id=self._setup.station_id,
            line_id=self._setup.line_id,
            view=self._setup.view,
            decided_at=self._clock.now(),
            output_at=None,
            inspect_ms=inspection.milliseconds if inspection else 0.0,
            latency_ms=max(0.0, (self._clock.ns() - frame.grabbed_ns) / 1e6),
            reason=reason,
        )
