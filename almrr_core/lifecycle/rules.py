"""When a candidate is green, amber or red. The thresholds are ours; each is named in its reason."""

from __future__ import annotations

from collections.abc import Iterator

from almrr_core.lifecycle.figures import Figures, Light, Reason

MORE_REJECTS, MORE_REJECTS_LEAST = 0.05, 3  # share of the pictures, and at least this many: red
AREA_RED, AREA_AMBER = 0.02, 0.005  # fall of AUROC
PRECISION_AMBER = 0.02  # fall of AP and pixel AP
CHANGED_AMBER = 0.05  # share of all pictures whose verdict changes
FEWEST_NORMALS, FEWEST_DEFECTS = 20, 5  # below which a figure says little


def judge(active: Figures, candidate: Figures, changed: int) -> tuple[Light, tuple[Reason, ...]]:
    """Return the light, which is the worst of its reasons, and all reasons, the worst first."""
    found = [
        *_escapes(active, candidate),
        *_rejects(active.false_rejects, candidate.false_rejects, candidate.normals, "normal"),
        *_rejects(
            active.unlabelled_rejects, candidate.unlabelled_rejects, candidate.unlabelled, "unlabelled"
        ),
        *_curves(active, candidate),
        *_evidence(candidate),
        *_changes(candidate, changed),
    ]
    if not found:
        found = [Reason(Light.GREEN, _praise(active, candidate))]
    found.sort(key=_badness, reverse=True)
    return found[0].light, tuple(found)


def _badness(reason: Reason) -> int:
    return list(Light).index(reason.light)


def _escapes(active: Figures, candidate: Figures) -> Iterator[Reason]:
    if candidate.escapes > active.escapes:
        numbers = f"{candidate.escapes} instead of {active.escapes} of {candidate.defects}"
        yield Reason(Light.RED, f"More labelled defects would escape: {numbers}.")


def _rejects(before: int, now: int, pictures: int, kind: str) -> Iterator[Reason]:
    more = now - before
    if more <= 0:
        return
    red = more >= max(MORE_REJECTS_LEAST, MORE_REJECTS * pictures)
    sentence = f"More {kind} pictures would be rejected: {now} instead of {before} of {pictures}."
    yield Reason(Light.RED if red else Light.AMBER, sentence)


def _curves(active: Figures, candidate: Figures) -> Iterator[Reason]:
    enough = candidate.defects >= FEWEST_DEFECTS
    if active.auroc is not None and candidate.auroc is not None:
        fall = active.auroc - candidate.auroc
        if fall > AREA_AMBER:
            light = Light.RED if fall > AREA_RED and enough else Light.AMBER
            yield Reason(light, f"Defects stand out less: AUROC {_change(active.auroc, candidate.auroc)}.")
    pairs = (("AP", active.ap, candidate.ap), ("pixel AP", active.pixel_ap, candidate.pixel_ap))
    for name, before, now in pairs:
        if before is not None and now is not None and before - now > PRECISION_AMBER:
            yield Reason(Light.AMBER, f"Defects are found less precisely: {name} {_change(before, now)}.")


def _change(before: float, now: float) -> str:
    return f"{100 * now:.1f} instead of {100 * before:.1f}"


def _evidence(candidate: Figures) -> Iterator[Reason]:
    if candidate.normals < FEWEST_NORMALS:
        sentence = f"Only {candidate.normals} labelled normals were compared; {FEWEST_NORMALS} say more."
        yield Reason(Light.AMBER, sentence)
    if candidate.defects < FEWEST_DEFECTS:
        few = f"Only {candidate.defects} defects were" if candidate.defects else "No defect was"
        sentence = f"{few} compared: nobody can say what would escape."
        yield Reason(Light.AMBER, sentence)


def _changes(candidate: Figures, changed: int) -> Iterator[Reason]:
    pictures = candidate.normals + candidate.defects + candidate.unlabelled
    if pictures and changed > CHANGED_AMBER * pictures:
        yield Reason(Light.AMBER, f"The verdict of {changed} of {pictures} pictures would change.")


def _praise(active: Figures, candidate: Figures) -> str:
    rejects = f"false rejects {active.false_rejects} → {candidate.false_rejects} of {candidate.normals}"
    return f"No figure is worse: {rejects}, escapes {active.escapes} → {candidate.escapes}."
