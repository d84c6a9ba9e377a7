"""The settings file: written whole, read back equal, and a damaged one never stops the station."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.settings import (
    AfterInspection,
    Keep,
    Network,
    Retention,
    Settings,
    SimulatedSettings,
    SourceKind,
    SourceSettings,
    ThemeName,
    load_settings,
    save_settings,
)

WATCH = SourceSettings(
    "in", SourceKind.WATCH, "/größe", after=AfterInspection.ARCHIVE, polling=True, exposure=2
)
DEMO = SourceSettings(
    "demo", SourceKind.SIMULATED, simulated=SimulatedSettings(kinds=("hole", "stain"), seed=3)
)
FULL = Settings(
    station_id="s",
    sources=(WATCH, DEMO),
    active_source="demo",
    retention=Retention(Keep.EVERY_NTH, 7, pass_days=None, fail_days=3),
    network=Network("0.0.0.0", 9000, 9001, 250),
    theme=ThemeName.DARK,
)


def changed(**fields: Any) -> str:
    return json.dumps(asdict(FULL) | fields)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save_settings(tmp_path / "new" / "folder", FULL)
    loaded, fault = load_settings(tmp_path / "new" / "folder")
    assert fault is None
    assert loaded == FULL
    assert isinstance(loaded.sources[0].exposure, float)
    assert isinstance(loaded.theme, ThemeName)
    assert loaded.source == DEMO
    assert replace(loaded, active_source="gone").source is None


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == (Settings(), None)
    assert list(tmp_path.iterdir()) == []


def test_missing_fields_take_defaults_and_newer_ones_are_ignored(tmp_path: Path) -> None:
    newer = {"line_id": "l", "invented_later": {"a": [1]}, "network": {"host": "h", "later": 1}}
    (tmp_path / "settings.json").write_text(json.dumps(newer), encoding="utf-8")
    loaded, fault = load_settings(tmp_path)
    assert fault is None
    assert loaded == Settings(line_id="l", network=Network("h"))


BROKEN = {
    "not JSON": '{"line_id": "li',
    "not text": "\x00\udcff",
    "not an object": "[]",
    "nested without end": "[" * 100_000,
    "a number for a text": changed(line_id=3),
    "a text for a number": changed(heat_opacity="much"),
    "a truth for a number": changed(heat_opacity=True),
    "a fraction for a whole number": changed(network={"trigger_port": 1.5}),
    "an unknown kind": changed(sources=[{"source_id": "a", "kind": "telepathy"}]),
    "a missing field": changed(sources=[{"kind": "watch"}]),
    "an object for a list": changed(sources={"a": 1}),
    "an impossible port": changed(network={"output_port": 65536}),
    "no number": changed(retention={"pass_days": float("nan")}),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_damaged_file_is_kept_and_defaults_are_used(tmp_path: Path, text: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    (tmp_path / "settings.json").write_bytes(data)
    loaded, fault = load_settings(tmp_path)
    assert loaded == Settings()
    assert fault is not None
    assert fault.code is ErrorCode.SETTINGS_DAMAGED
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("settings.json.broken-")
    assert kept.name in fault.sentence
    assert kept.read_bytes() == data
    assert load_settings(tmp_path) == (Settings(), None)


def test_the_fault_names_the_field(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(
        changed(sources=[{"source_id": 4, "kind": "watch"}]), encoding="utf-8"
    )
    fault = load_settings(tmp_path)[1]
    assert fault is not None
    assert "settings.sources[0].source_id is 4" in fault.sentence


def test_a_folder_in_its_place_is_moved_aside_too(tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    loaded, fault = load_settings(tmp_path)
    assert loaded == Settings()
    assert fault is not None
    save_settings(tmp_path, FULL)
    assert load_settings(tmp_path) == (FULL, None)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SimulatedSettings(speed=0),
        lambda: SimulatedSettings(speed=float("nan")),
        lambda: SimulatedSettings(defect_rate=1.1),
        lambda: replace(WATCH, rate=-1),
        lambda: replace(WATCH, width=-1),
        lambda: Retention(nth=0),
        lambda: Retention(fail_quota_gb=-1),
        lambda: Network(trigger_port=-1),
        lambda: Network(deadline_ms=0),
        lambda: Settings(heat_opacity=2),
    ],
)
def test_impossible_values_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(StationError) as caught:
        make()
    assert caught.value.code is ErrorCode.BAD_ARGUMENT
    assert caught.value.remedy
