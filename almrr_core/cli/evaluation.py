"""`almrr evaluate`: the metrics of a bundle on a labelled test set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from almrr_core.cli.console import GOOD, REFUSED, Outcome, printable, put, say, table
from almrr_core.cli.info import model_line
from almrr_core.cli.parser import Options
from almrr_core.cli.progress import shown_progress

if TYPE_CHECKING:
    from almrr_core.evaluate.report import Report


def run(options: Options) -> Outcome:
    """Print the report; the exit code is 1 when a picture could not be inspected."""
    from almrr_core.data.folders import find_test
    from almrr_core.evaluate.report import evaluate_folder
    from almrr_core.runtime.engine import Engine

    find_test(options.data)  # a wrong folder is said before the model is loaded
    engine = Engine.load(options.bundle, options.device, options.weights)
    say(model_line(engine.card))
    with shown_progress() as show:
        report = evaluate_folder(
            engine,
            options.data,
            options.maps,
            lambda done, total: show(done / total, "evaluating", f"{done}/{total} pictures"),
        )
    for one in report.left_out:
        say(f"NOT_INSPECTED: {one.reason}")
    for line in _lines(report):
        put(line)
    result = {"bundle": str(options.bundle), "data": str(options.data)} | report.to_json()
    return Outcome(result, REFUSED if report.left_out else GOOD)


def _lines(report: Report) -> Iterator[str]:
    names = {
        "image AUROC": report.metrics.image_auroc,
        "image AP": report.metrics.image_ap,
        "pixel AUROC": report.metrics.pixel_auroc,
        "pixel AP": report.metrics.pixel_ap,
        "F1-max": report.metrics.f1_max,
        "AU-PRO": report.metrics.aupro,
        "tile AUROC": report.tile_auroc,
    }
    yield from table([[name, _percent(value)] for name, value in names.items()])
    yield ""
    head = ["class", "pictures", "image AUROC", "PASS", "REVIEW", "FAIL"]
    rows = [
        [printable(one.name), str(one.pictures), _percent(one.image_auroc)]
        + [str(count) for count in (one.passed, one.reviewed, one.failed)]
        for one in report.classes
    ]
    yield from table([head, *rows])
    yield ""
    yield f"escapes        {report.escapes} of {report.anomalous} anomalous pictures pass"
    yield f"false rejects  {report.false_rejects} of {report.good} good pictures do not pass"
    if report.metrics.without_mask:
        yield f"{report.metrics.without_mask} anomalous pictures have no mask: the pixel figures leave them out"
    if report.left_out:
        yield f"{len(report.left_out)} pictures NOT_INSPECTED: no figure counts them"
    if report.milliseconds is not None:
        yield f"{report.milliseconds:.1f} ms per picture (median)"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"
