"""`almrr info`: what a bundle's card says, for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from almrr_core.cli.console import Outcome, put
from almrr_core.cli.parser import Options
from almrr_core.cli.progress import duration

if TYPE_CHECKING:
    from almrr_core.judge import LimitEstimate
    from almrr_core.models.bundle import Card


def run(options: Options) -> Outcome:
    """Print the card of a bundle and whether the backbone it needs is on this machine."""
    from almrr_core.models.bundle import BACKBONE, read_card
    from almrr_core.models.weights import weights_here

    card = read_card(options.bundle)
    weights = weights_here(card.backbone)
    packed = BACKBONE in card.files
    for line in summary(card):
        put(line)
    put(f"weights      {_where(card, weights, packed)}")
    found = {"backbone_packed": packed, "backbone_weights": str(weights) if weights else None}
    return Outcome({"bundle": str(options.bundle)} | card.to_json() | found)


def model_line(card: Card) -> str:
    """Return what judges, in one line."""
    return f"Model {card.seal[:12]}: {card.profile} profile, {card.form} form, backbone {card.backbone}."


def summary(card: Card) -> Iterator[str]:
    """Yield the card's lines; raw scores, limits with their 95 % interval."""
    geometry, calibration = card.geometry, card.calibration
    cutting = "whole picture"
    if geometry.tile is not None:
        cutting = f"tiles of {geometry.tile}, overlap {geometry.overlap}, scale {geometry.scale:g}"
    yield f"model        {card.seal[:12]}, made {card.created}, almrr {card.versions.get('almrr', '?')}"
    yield f"method       {card.profile} profile, {card.form} form, {card.backbone} stages {list(card.stages)}"
    depth = "" if card.bit_depth is None else f", {card.bit_depth} bits of 16"
    yield f"geometry     {cutting}, input {geometry.input_size} px{depth}"
    state = "" if card.trained else " (the closed form alone is in use)"
    spent = f"{card.steps} steps in {duration(card.seconds)}, batch {card.batch}, seed {card.seed}"
    yield f"training     {spent}{state}"
    yield f"normals      {len(card.training_files)} trained on, {len(card.held_out_files)} held out"
    provisional = ", provisional: too few normals for a tail fit" if calibration.provisional else ""
    yield f"calibration  {calibration.n} held-out scores{provisional}"
    yield f"review limit {_limit(card.limits.review, calibration.review, calibration.review_rate)}"
    yield f"fail limit   {_limit(card.limits.fail, calibration.fail, calibration.fail_rate)}"
    yield f"pixel limit  {card.limits.pixel:.3f}, regions from {card.limits.min_area} pixels"
    for name, value in card.metrics.items():
        yield f"held out     {name} {'-' if value is None else f'{value:.4f}'}"


def _limit(value: float, estimate: LimitEstimate, rate: float) -> str:
    interval = f"95 % interval {estimate.low:.3f} to {estimate.high:.3f}"
    return f"{value:.3f} ({interval}), reached by {1000 * rate:g} of 1000 normals"


def _where(card: Card, weights: Path | None, packed: bool) -> str:
    if packed:
        return f"{card.backbone} is in the bundle"
    if weights is None:
        return f"{card.backbone} is not on this machine: it will be fetched, or give --weights"
    return f"{card.backbone} in {weights}"
