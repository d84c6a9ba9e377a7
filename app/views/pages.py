"""The pages of the window, in the order of the rail; the menu and the shortcuts are made from this table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from app.theme import Icon


class Page(StrEnum):
    """One page; the value is remembered in the settings."""

    INSPECT = "inspect"
    REVIEW = "review"
    TRAIN = "train"
    MODELS = "models"
    LOG = "log"
    SETTINGS = "settings"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class PageLook:
    """A page's icon, its word and what it is for, both translated where they are shown."""

    icon: Icon
    source: str
    purpose_source: str

    @property
    def word(self) -> str:
        """Return the word in the user's language."""
        return QCoreApplication.translate("Page", self.source)

    @property
    def purpose(self) -> str:
        """Return what the page is for in the user's language."""
        return QCoreApplication.translate("Page", self.purpose_source)


PAGES: dict[Page, PageLook] = {
    Page.INSPECT: PageLook(
        Icon.INSPECT,
        str(QT_TRANSLATE_NOOP("Page", "Inspect")),
        str(QT_TRANSLATE_NOOP("Page", "Live pictures, verdicts and counters")),
    ),
    Page.REVIEW: PageLook(
        Icon.REVIEW,
        str(QT_TRANSLATE_NOOP("Page", "Review")),
        str(QT_TRANSLATE_NOOP("Page", "Say what flagged parts really are")),
    ),
    Page.TRAIN: PageLook(
        Icon.TRAIN,
        str(QT_TRANSLATE_NOOP("Page", "Train")),
        str(QT_TRANSLATE_NOOP("Page", "Train a model on normal pictures")),
    ),
    Page.MODELS: PageLook(
        Icon.MODELS,
        str(QT_TRANSLATE_NOOP("Page", "Models")),
        str(QT_TRANSLATE_NOOP("Page", "Compare, promote and go back")),
    ),
    Page.LOG: PageLook(
        Icon.LOG,
        str(QT_TRANSLATE_NOOP("Page", "Log")),
        str(QT_TRANSLATE_NOOP("Page", "Every inspection, to search and export")),
    ),
    Page.SETTINGS: PageLook(
        Icon.SETTINGS,
        str(QT_TRANSLATE_NOOP("Page", "Settings")),
        str(QT_TRANSLATE_NOOP("Page", "Sources, product, pictures kept, looks")),
    ),
    Page.HELP: PageLook(
        Icon.HELP,
        str(QT_TRANSLATE_NOOP("Page", "Help")),
        str(QT_TRANSLATE_NOOP("Page", "How to work with the station")),
    ),
}
