"""Makes a bundle a product of the station: the first recipe of a model, and the demo line."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import folder_in_one_step, resources
from almrr_core.settings import Settings, SourceKind, SourceSettings
from almrr_core.types import Actor, ModelRow, OnLateOutput, Recipe, TriggerKind, TriggerSettings

if TYPE_CHECKING:
    from almrr_core.store.store import Store

DEMO_BUNDLE = resources() / "demo" / "bundle"
DEMO_PRODUCT, DEMO_SOURCE = "Demo fabric", "demo"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def install_product(
    store: Store,
    product: str,
    bundle: Path,
    actor: Actor,
    trigger: TriggerSettings | None = None,
    on_late: OnLateOutput = OnLateOutput.NOTICE,
) -> Recipe:
    """Copy a bundle into the data folder as a model of the product and make its limits and geometry a recipe.

    Raises BUNDLE_MISSING, BUNDLE_FOREIGN, BUNDLE_NEWER, BUNDLE_DAMAGED, WRITE_FAILED and what the store raises.
    """
    from almrr_core.models.bundle import read_bundle

    card = read_bundle(bundle).card
    model_id, now = store.next_model_id(), datetime.now(UTC)
    folder = Path("models") / name_for_files(product) / model_id  # below the data folder
    with folder_in_one_step(store.folder / folder) as partial:
        for name in (*card.files, "card.json"):
            shutil.copyfile(bundle / name, partial / name)
    row = ModelRow(model_id, product, folder, card.seal, now, actor.name, note=f"from {bundle.name}")
    store.add_model(row, actor)
    recipe = Recipe(
        version=1,
        product=product,
        model_id=model_id,
        limits=card.limits,
        geometry=card.geometry,
        trigger=trigger or TriggerSettings(TriggerKind.ARRIVAL),
        on_late_output=on_late,
        bit_depth=card.bit_depth,
        exposure=None,
        gain=None,
        created_at=now,
        actor=actor.name,
        reason="first recipe of the model",
    )
    return store.add_recipe(recipe, actor)


def demo_bundle() -> Path:
    """Return the shipped demo model; raises STATION_UNPREPARED where it was not made yet."""
    if not (DEMO_BUNDLE / "card.json").is_file():
        raise unprepared(
            f"The demo model is not in {DEMO_BUNDLE}.",
            "Take a complete copy of the program, or make the model as almrr_core/bench/demo.py says.",
        )
    return DEMO_BUNDLE


def with_demo(store: Store, settings: Settings, actor: Actor, bundle: Path | None = None) -> Settings:
    """Return settings whose source and product are the demo line, which is installed the first time.

    Its model is `bundle`, or the shipped one. Raises STATION_UNPREPARED and what `install_product` does.
    """
    if store.active_recipe(DEMO_PRODUCT) is None:
        install_product(store, DEMO_PRODUCT, bundle or demo_bundle(), actor)
    others = tuple(one for one in settings.sources if one.source_id != DEMO_SOURCE)
    kept = next((one for one in settings.sources if one.source_id == DEMO_SOURCE), None)
    source = kept or SourceSettings(DEMO_SOURCE, SourceKind.SIMULATED)
    return replace(settings, product=DEMO_PRODUCT, sources=(*others, source), active_source=DEMO_SOURCE)


def renew_demo(store: Store, product: str, actor: Actor, bundle: Path | None = None) -> None:
    """Install the demo line's model again where the program has come with another backbone since.

    Call it before the model is loaded: what is shipped for the demo does not carry its backbone. Nothing
    happens for another `product`, and where no model is shipped. Raises what `read_card` and
    `install_product` raise.
    """
    from almrr_core.models.bundle import BACKBONE, CARD, read_card

    recipe, bundle = store.active_recipe(DEMO_PRODUCT), bundle or DEMO_BUNDLE
    row = None if recipe is None else store.model(recipe.model_id)
    if product != DEMO_PRODUCT or recipe is None or row is None or row.deleted:
        return
    if not (bundle / CARD).is_file():
        return
    used, shipped = read_card(store.folder / row.folder), read_card(bundle)
    other = used.backbone == shipped.backbone and used.backbone_hash != shipped.backbone_hash
    if other and BACKBONE not in used.files:
        install_product(store, DEMO_PRODUCT, bundle, actor, recipe.trigger, recipe.on_late_output)


def name_for_files(name: str) -> str:
    """Return a person's name for something as one that any file system takes."""
    return _NOT_IN_A_NAME.sub("_", name)


def unprepared(sentence: str, remedy: str) -> StationError:
    """Return the fault for a station that lacks something a person must choose first."""
    return StationError(ErrorCode.STATION_UNPREPARED, sentence, remedy)
