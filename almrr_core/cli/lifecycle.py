"""`almrr retrain`, `almrr promote`, `almrr models`: what the window does with models, without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from almrr_core.cli.console import Outcome, put, say, table
from almrr_core.cli.options import Options
from almrr_core.cli.progress import Show, duration, shown_progress
from almrr_core.cli.training import details
from almrr_core.errors import ErrorCode, StationError
from almrr_core.types import Actor, ModelId, ModelRow, this_user

if TYPE_CHECKING:
    from almrr_core.lifecycle.figures import GateReport
    from almrr_core.lifecycle.process import TrainingProcess
    from almrr_core.lifecycle.retrain import Plan
    from almrr_core.store.store import Store

WAIT = 0.5  # seconds for news of the training


def retrain(options: Options) -> Outcome:
    """Train a candidate in a process of its own and compare it with the active model; promotes nothing."""
    from almrr_core.lifecycle.retrain import plan

    actor = this_user()
    with _station(options) as store:
        product = _product(store, options)
        if options.add is not None:
            _add(store, product, options, actor)
        made = plan(store, _wish(product, options))
        for warning in made.warnings:
            say(f"Warning: {warning.sentence}")
        say(f"Backbone: {made.job.chosen_backbone}.")
        say(f"Training {made.model_id} takes about {duration(made.seconds)}. The active model goes on.")
        row = _train(store, made, actor, options.note)
        say(f"{row.model_id} is a candidate now; it is not in use before it is promoted.")
        result: dict[str, Any] = {"model": row.model_id, "product": product, "parent": row.parent}
        if store.active_recipe(product) is None:
            return Outcome(result | {"gate": None})
        return Outcome(result | {"gate": _gate_json(_compare(store, row, options)[0])})


def promote(options: Options) -> Outcome:
    """Compare a model with the active one and make it the active one."""
    from almrr_core.lifecycle.gate import known_model
    from almrr_core.lifecycle.promotion import promote as make_active

    with _station(options) as store:
        row = known_model(store, ModelId(options.model))
        recipe, report, engine = store.active_recipe(row.product), None, None
        if recipe is not None:
            report, engine = _compare(store, row, options)
        done = make_active(
            store, row.model_id, this_user(), options.note, report, options.confirm_red, engine=engine
        )
        say(f"{row.model_id} is the active model of {row.product} by recipe version {done.recipe.version}.")
        result = {"model": row.model_id, "product": row.product, "recipe": done.recipe.version}
        return Outcome(result | {"gate": _gate_json(report) if report else None})


def models(options: Options) -> Outcome:
    """List the models of a product, or of all."""
    from almrr_core.lifecycle.drift import drift
    from almrr_core.lifecycle.pools import summary

    result: dict[str, Any] = {}
    with _station(options) as store:
        for product in [_product(store, options)] if options.product else store.products():
            rows = [_model_facts(store, row) for row in store.models(product)]
            pools = {str(one.pool): {"good": one.good, "bad": one.bad} for one in summary(store, product)}
            trend = drift(store, product)
            put(product)
            for line in table([list(_COLUMNS), *(_cells(row) for row in rows)]):
                put(f"  {line}")
            put("  pools: " + ", ".join(f"{name} {one['good']}" for name, one in pools.items()))
            if trend is not None:
                put(f"  trend: {trend.sentence}")
            sentence = trend.sentence if trend else None
            result[product] = {"models": rows, "pools": pools, "trend": sentence}
    return Outcome(result)


_COLUMNS = ("model", "state", "made", "by", "parent", "normals", "steps", "note")


def _cells(row: dict[str, Any]) -> list[str]:
    return ["-" if row[name] is None else str(row[name]) for name in _COLUMNS]


def _model_facts(store: Store, row: ModelRow) -> dict[str, Any]:
    from almrr_core.lifecycle.places import bundle_of
    from almrr_core.models.bundle import read_card

    active = store.active_recipe(row.product)
    state = "active" if active and active.model_id == row.model_id else "candidate"
    facts: dict[str, Any] = {"normals": None, "steps": None, "metrics": None}
    if row.deleted:
        state = "deleted"
    else:
        try:
            card = read_card(bundle_of(store.folder, row))
            normals = len({*card.training_files, *card.held_out_files})
            facts = {"normals": normals, "steps": card.steps, "metrics": card.metrics}
        except StationError as fault:
            state = "damaged"
            say(str(fault))
    made, about = f"{row.created_at:%Y-%m-%d %H:%M}", {"parent": row.parent, "note": row.note}
    return {"model": row.model_id, "state": state, "made": made, "by": row.actor} | about | facts


@contextmanager
def _station(options: Options) -> Iterator[Store]:
    from almrr_core.lifecycle.upkeep import tidy
    from almrr_core.line.assembly import default_data_folder
    from almrr_core.store.store import Store

    with closing(Store.open(options.data_dir or default_data_folder())) as store:
        for sentence in tidy(store):
            say(sentence)
        yield store


def _product(store: Store, options: Options) -> str:
    product: str = options.product
    if product in store.products() or getattr(options, "add", None) is not None:
        return product
    known = ", ".join(store.products()) or "none"
    sentence = f"There is no product '{product}'; the station knows: {known}."
    raise StationError(ErrorCode.BAD_ARGUMENT, sentence, "Name one of them, or give pictures by --add.")


def _add(store: Store, product: str, options: Options, actor: Actor) -> None:
    from almrr_core.lifecycle import pools

    store.add_product(product, actor)
    added = pools.add_files(store, product, pools.list_files(options.add), actor)
    say(f"{len(added.samples)} normal pictures were added, {len(added.refused)} were not.")
    for one in added.refused:
        say(f"{one.name}: {one.reason}")


def _wish(product: str, options: Options) -> Any:
    from almrr_core.lifecycle.retrain import Mode, Wish

    return Wish(
        product,
        Mode.FULL if options.full else Mode.QUICK,
        options.minutes,
        options.steps,
        options.from_bundle,
        options.device,
        options.batch,
        options.seed,
        shade=options.shade,
    )


def _train(store: Store, made: Plan, actor: Actor, note: str) -> ModelRow:
    """Train and return the candidate; raises the training's fault, KeyboardInterrupt after Ctrl+C."""
    from almrr_core.lifecycle.process import TrainingProcess, thread_cap
    from almrr_core.lifecycle.retrain import abandon, adopt

    try:
        process = TrainingProcess(made.job, thread_cap(line_runs=False))
        with closing(process), shown_progress() as show:
            _follow(process, show)
        return adopt(store, made, actor, note)
    finally:
        abandon(made)


def _follow(process: TrainingProcess, show: Show) -> None:
    from almrr_core.lifecycle.process import Failed, Finished

    while True:
        news = process.poll(WAIT)
        if isinstance(news, Finished):
            return
        if isinstance(news, Failed):
            if news.details:
                say(news.details)
            raise news.fault
        if news is not None:
            show(news.fraction, str(news.stage), details(news))
            if news.notice:
                say(news.notice)


def _compare(store: Store, row: ModelRow, options: Options) -> tuple[GateReport, Any]:
    from almrr_core.lifecycle.gate import Gate

    gate = Gate.load(store, row.model_id, device=options.device)
    with shown_progress() as show:
        report = gate.compare(done=lambda done, total: show(done / total, "comparing", f"{done}/{total}"))
    say(f"{row.model_id} against {report.active}: {str(report.light).upper()}.")
    for reason in report.reasons:
        say(f"{reason.light}: {reason.sentence}")
    say(f"{len(report.changes)} of {len(report.pictures)} verdicts would change.")
    return report, gate.candidate


def _gate_json(report: GateReport) -> dict[str, Any]:
    return {
        "light": str(report.light),
        "reasons": [one.sentence for one in report.reasons],
        "active": asdict(report.active_figures),
        "candidate": asdict(report.candidate_figures),
        "shift": report.shift,
        "pictures": len(report.pictures),
        "changes": [asdict(one) | {"path": str(one.path)} for one in report.changes],
    }
