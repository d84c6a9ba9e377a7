"""The two disjoint sets of anomaly families: those of training, and those only models are chosen by."""

from __future__ import annotations

from almrr_core.data.held_out_families import BLEND, CRACK, DENT, FRAY, SHIFT, STAIN
from almrr_core.data.retouch import Family, Sources
from almrr_core.data.train_families import LINE, NOISE, PERLIN, SELF, SPOT, TONE

TRAIN_FAMILIES: tuple[Family, ...] = (PERLIN, SELF, TONE, LINE, SPOT, NOISE)
HELD_OUT_FAMILIES: tuple[Family, ...] = (CRACK, FRAY, DENT, STAIN, SHIFT, BLEND)

__all__ = ["HELD_OUT_FAMILIES", "TRAIN_FAMILIES", "Family", "Sources"]
