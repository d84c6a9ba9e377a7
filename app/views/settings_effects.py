"""What applying settings will do, and when: one sentence for each kind of change."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from almrr_core.settings import Settings
from app.services.plant import built_of

translate = QCoreApplication.translate  # lupdate finds the name


def effects(before: Settings, after: Settings, trigger_changed: bool, running: bool) -> tuple[str, ...]:
    """Return what happens when `after` replaces `before` (and the recipe's trigger, if it changed)."""
    said = []
    if built_of(before) != built_of(after):
        said.append(
            translate("Settings", "The line stops, records what it has taken, and starts again.")
            if running
            else translate("Settings", "The line uses it from its next start.")
        )
    if before.device != after.device:
        said.append(
            translate("Settings", "The model is loaded on the other device, then used from the next part on.")
        )
    if trigger_changed:
        said.append(
            translate("Settings", "A new version of the recipe, from the next part on.")
            if running
            else translate("Settings", "A new version of the recipe.")
        )
    if before.retention != after.retention:
        said.append(translate("Settings", "Pictures over the new limits are deleted within minutes."))
    if before.theme != after.theme:
        said.append(translate("Settings", "The theme changes at once."))
    if not said and before != after:
        said.append(translate("Settings", "It is saved; the line does not change."))
    return tuple(said)
