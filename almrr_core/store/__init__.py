"""The log: one database and a picture folder; the only place that knows SQL."""

from __future__ import annotations

from almrr_core.store.store import Store

__all__ = ["Store"]
