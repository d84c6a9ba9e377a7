"""Who changes something: the system's user, also where the system has no name for it."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

import pytest

from almrr_core.cli import main
from almrr_core.cli.console import REFUSED
from almrr_core.store.store import Store
from almrr_core.types import Action, this_user

NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has a name for every user")


@pytest.fixture(params=[KeyError, OSError])  # up to Python 3.12, and since
def nameless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A process under a number that is in no list of users; returns what it is called."""
    import pwd

    def unknown(uid: int) -> None:
        raise request.param(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return f"uid-{os.getuid()}"


def test_a_user_with_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "anna")
    assert this_user().name == "anna"


def test_a_user_without_a_name(nameless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert this_user().name == nameless
    monkeypatch.setitem(sys.modules, "pwd", None)  # as on Windows
    monkeypatch.delattr(os, "getuid")
    assert this_user().name == "unknown"


def test_the_commands_refuse_in_a_sentence_and_log_who(
    nameless: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    station, pictures = str(tmp_path / "station"), tmp_path / "in"
    pictures.mkdir()
    assert main(["run", "--data-dir", station]) == REFUSED
    assert "No source of pictures is chosen." in capsys.readouterr().err
    main(["retrain", "--data-dir", station, "--product", "cloth", "--add", str(pictures)])
    assert "Traceback" not in capsys.readouterr().err
    with closing(Store.open(tmp_path / "station")) as store:
        assert store.events(9, Action.SETTINGS_CHANGED)[0].actor == nameless
