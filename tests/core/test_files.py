"""Files and folders that are whole or absent, and never at the cost of anybody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import folder_in_one_step, read_json, write_atomic, write_json


def fill(target: Path, text: str) -> None:
    with folder_in_one_step(target) as folder:
        (folder / "card").write_text(text)


def test_a_folder_appears_whole_and_replaces_the_older_one(tmp_path: Path) -> None:
    fill(tmp_path / "m", "one")
    fill(tmp_path / "m", "two")
    assert (tmp_path / "m" / "card").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_failure_while_filling_leaves_the_older_folder_and_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path / "m", "one")
    with pytest.raises(RuntimeError), folder_in_one_step(tmp_path / "m") as folder:
        (folder / "card").write_text("half")
        raise RuntimeError
    assert (tmp_path / "m" / "card").read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_kill_between_the_renames_is_mended_by_the_next_write(tmp_path: Path) -> None:
    fill(tmp_path / "m", "one")
    (tmp_path / "m").rename(tmp_path / ".m.almrr-old")  # as a killed process leaves it
    with pytest.raises(RuntimeError), folder_in_one_step(tmp_path / "m"):
        raise RuntimeError
    assert (tmp_path / "m" / "card").read_text() == "one"


@pytest.mark.parametrize("name", ["m.old", "m.partial", "m.checkpoint"])
def test_folders_that_people_name_so_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").write_text("kept")
    fill(tmp_path / "m", "one")
    fill(tmp_path / "m", "two")
    assert (tmp_path / name / "mine").read_text() == "kept"


@pytest.mark.parametrize("path", ["/", "", "file/inside"])
def test_a_place_that_cannot_hold_a_file_is_refused_with_a_sentence(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("a file, no folder")
    with pytest.raises(StationError) as refused:
        write_atomic(Path(path), b"content")
    assert refused.value.code is ErrorCode.WRITE_FAILED
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_json_comes_back_and_a_name_of_any_legal_length_works(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".json")
    write_json(path, {"ü": [1.5, None]})
    assert read_json(path) == {"ü": [1.5, None]}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
