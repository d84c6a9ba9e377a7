"""The kinds of sources in words and icons, and the surfaces that the simulated line can show."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QCoreApplication

from almrr_core.settings import SourceKind, SourceSettings
from app.icons import Icon

# As the generator of the simulated line knows them; a test holds them equal.
SURFACES = ("weave", "twill", "herringbone", "knit", "fleece", "leather", "wood", "brushed", "tile")
DEFECTS = (
    *("scratch", "stain", "hole", "crack", "dent", "missing_yarn", "double_yarn", "stray_fibre"),
    *("foreign_texture", "orientation", "tone"),
)

translate = QCoreApplication.translate  # lupdate finds the name


def kind_word(kind: SourceKind) -> str:
    """Return a kind of source in words."""
    return {
        SourceKind.CAMERA: translate("Source", "Camera"),
        SourceKind.STREAM: translate("Source", "Network stream"),
        SourceKind.VIDEO: translate("Source", "Video file"),
        SourceKind.REPLAY: translate("Source", "Folder, replayed"),
        SourceKind.WATCH: translate("Source", "Folder, watched"),
        SourceKind.SIMULATED: translate("Source", "Simulated line"),
    }[kind]


def kind_sentence(kind: SourceKind) -> str:
    """Return what a kind of source is good for."""
    return {
        SourceKind.CAMERA: translate("Source", "A USB camera, found by its name."),
        SourceKind.STREAM: translate("Source", "A camera or server that speaks RTSP or HTTP."),
        SourceKind.VIDEO: translate("Source", "The frames of a recording, once or again and again."),
        SourceKind.REPLAY: translate("Source", "The pictures of a folder in the order of their names."),
        SourceKind.WATCH: translate("Source", "Pictures that another program puts into a folder."),
        SourceKind.SIMULATED: translate("Source", "A surface with defects, made by this program."),
    }[kind]


KIND_ICON = {
    SourceKind.CAMERA: Icon.CAMERA,
    SourceKind.STREAM: Icon.STREAM,
    SourceKind.VIDEO: Icon.VIDEO,
    SourceKind.REPLAY: Icon.FOLDER,
    SourceKind.WATCH: Icon.OPEN,
    SourceKind.SIMULATED: Icon.DEMO,
}


def new_source(kind: SourceKind, name: str) -> SourceSettings:
    """Return a new source of a kind; a camera runs at the rate its driver likes."""
    made = SourceSettings(name, kind)
    return replace(made, rate=0.0) if kind is SourceKind.CAMERA else made


def surface_word(surface: str) -> str:
    """Return a surface of the simulated line in words."""
    return {
        "weave": translate("Source", "plain weave"),
        "twill": translate("Source", "twill"),
        "herringbone": translate("Source", "herringbone"),
        "knit": translate("Source", "knitted fabric"),
        "fleece": translate("Source", "fleece"),
        "leather": translate("Source", "leather"),
        "wood": translate("Source", "wood"),
        "brushed": translate("Source", "brushed metal"),
        "tile": translate("Source", "stone tiles"),
    }.get(surface, surface)


def defect_word(defect: str) -> str:
    """Return a kind of defect of the simulated line in words."""
    return {
        "scratch": translate("Source", "scratch"),
        "stain": translate("Source", "stain"),
        "hole": translate("Source", "hole"),
        "crack": translate("Source", "crack"),
        "dent": translate("Source", "dent"),
        "missing_yarn": translate("Source", "missing yarn"),
        "double_yarn": translate("Source", "double yarn"),
        "stray_fibre": translate("Source", "stray fibre"),
        "foreign_texture": translate("Source", "foreign texture"),
        "orientation": translate("Source", "wrong direction"),
        "tone": translate("Source", "wrong tone"),
    }.get(defect, defect)
