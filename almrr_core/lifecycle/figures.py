"""What a comparison of two models says: pictures with both verdicts, figures, and a light with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from almrr_core.types import Label, ModelId, Verdict


class Source(StrEnum):
    """Where a compared picture comes from."""

    ACCEPTANCE = "acceptance"  # a sample of the locked pool
    RECENT = "recent"  # the log


class Light(StrEnum):
    """Whether a candidate should be promoted: yes, look first, no."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the light is not better, or why it is green, in a sentence."""

    light: Light
    sentence: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One picture under both models; `label` None where nobody said what it is.

    `inspection_id` is in the log, `sample_id` in the pools; `path` is the picture's file.
    """

    source: Source
    path: Path
    label: Label | None
    active_score: float
    candidate_score: float
    active: Verdict
    candidate: Verdict
    inspection_id: int | None = None
    sample_id: int | None = None

    @property
    def changed(self) -> bool:
        """Return whether its verdict would be another one."""
        return self.active is not self.candidate


@dataclass(frozen=True, slots=True)
class Figures:
    """What one model does with the compared pictures; areas in 0..1, None where the labels cannot say.

    `false_rejects` are normals that do not PASS, `failed_normals` those of them that FAIL, `escapes` defects
    that PASS, `unlabelled_rejects` pictures without a label that do not PASS.
    """

    normals: int
    defects: int
    unlabelled: int
    false_rejects: int
    failed_normals: int
    escapes: int
    unlabelled_rejects: int
    auroc: float | None
    ap: float | None
    pixel_ap: float | None


@dataclass(frozen=True, slots=True)
class GateReport:
    """A candidate against the model it would replace.

    `shift` is how much nearer to its review limit the candidate sees normals and unlabelled pictures, the
    median in logits: above 0 it is stricter. `left_out` says in sentences what could not be compared.
    """

    candidate: ModelId
    active: ModelId
    light: Light
    reasons: tuple[Reason, ...]
    active_figures: Figures
    candidate_figures: Figures
    shift: float
    pictures: tuple[Compared, ...]
    left_out: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Compared, ...]:
        """Return the pictures whose verdict would change, the largest change of the score first."""
        found = [one for one in self.pictures if one.changed]
        return tuple(sorted(found, key=_movement, reverse=True))


def _movement(one: Compared) -> float:
    return abs(one.candidate_score - one.active_score)


def count(
    verdicts: Sequence[Verdict], labels: Sequence[Label | None], curves: tuple[float | None, ...]
) -> Figures:
    """Count verdicts against labels; `curves` are AUROC, AP and pixel AP."""
    pairs = list(zip(verdicts, labels, strict=True))
    normals = [verdict for verdict, label in pairs if label is Label.GOOD]
    defects = [verdict for verdict, label in pairs if label is Label.BAD]
    others = [verdict for verdict, label in pairs if label not in (Label.GOOD, Label.BAD)]
    return Figures(
        len(normals),
        len(defects),
        len(others),
        sum(verdict is not Verdict.PASS for verdict in normals),
        sum(verdict is Verdict.FAIL for verdict in normals),
        sum(verdict is Verdict.PASS for verdict in defects),
        sum(verdict is not Verdict.PASS for verdict in others),
        *curves,
    )
