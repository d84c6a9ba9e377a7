"""Textures made by procedures: sources of simulated anomalies, surfaces for demonstrations, pre-training.

A plant has no texture data set, so the procedural families are always there. The planted defects lie
apart, in `defects`, which no training may import.
"""

from __future__ import annotations

from almrr_core.data.textures.canvas import Canvas, TextureFamily
from almrr_core.data.textures.catalogue import (
    HELD_OUT_TEXTURES,
    TEXTURE_FAMILIES,
    TEXTURES,
    Textures,
    make_textures,
    procedural_textures,
)
from almrr_core.data.textures.sources import FolderTextures, ProceduralTextures, TextureSource

__all__ = [
    "HELD_OUT_TEXTURES",
    "TEXTURES",
    "TEXTURE_FAMILIES",
    "Canvas",
    "FolderTextures",
    "ProceduralTextures",
    "TextureFamily",
    "TextureSource",
    "Textures",
    "make_textures",
    "procedural_textures",
]
