"""Deaths at random moments lose no label, show no half model, and the next start is clean (20 in the bench)."""

from __future__ import annotations

from pathlib import Path

import pytest

from almrr_core.bench.retrain_kill import campaign, prepare


@pytest.mark.timeout(900)
def test_three_kills_lose_nothing(bundle: Path, tmp_path: Path) -> None:
    prepare(tmp_path / "station", bundle)
    deaths = campaign(tmp_path / "station", 3, seed=5)
    assert len(deaths) == 3
    assert deaths[-1].labels > 0
