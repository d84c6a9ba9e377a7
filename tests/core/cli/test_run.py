"""`almrr run` with a real bundle, a real folder of pictures and a real log."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from almrr_core.bench.kill import ACTOR, PICTURES, PRODUCT, campaign, make_pictures, prepare
from almrr_core.cli import main
from almrr_core.line import products
from almrr_core.settings import Network, load_settings, save_settings
from almrr_core.store.store import Store
from almrr_core.types import Action, LogFilter, LogOrder, LogRow, TriggerKind, TriggerSettings
from tests.core.cli.helpers import lines, read, run_python

CAPTURED = pytest.CaptureFixture[bytes]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("run") / "pictures")


@pytest.fixture
def station(bundle: str, pictures: Path, tmp_path: Path) -> Path:
    """A data folder whose line inspects 24 pictures over and over."""
    prepare(tmp_path / "station", Path(bundle), pictures)
    return tmp_path / "station"


def change(station: Path, **changes: Any) -> None:
    settings = load_settings(station)[0]
    save_settings(station, replace(settings, **changes))


def once(station: Path, **changes: Any) -> None:
    """Let the source end after one round."""
    (source,) = load_settings(station)[0].sources
    change(station, sources=(replace(source, loop=False, **changes),))


def logged(station: Path) -> tuple[LogRow, ...]:
    with closing(Store.open(station)) as store:
        return store.page(LogFilter(), LogOrder.OLDEST, None, 10_000)


def run(station: Path, *options: str) -> int:
    return main(["run", "--data-dir", str(station), *options])


def test_a_folder_is_inspected_once_and_what_is_printed_is_in_the_log(
    station: Path, tmp_path: Path, capfdbinary: CAPTURED
) -> None:
    once(station)
    assert run(station, "--json", str(tmp_path / "r.json")) == 0
    captured = capfdbinary.readouterr()
    printed, rows = lines(captured.out.decode()), logged(station)
    assert [one["part"] for one in printed] == [row.part_id for row in rows]
    assert [Path(one["name"]).name for one in printed] == [f"{number:03}.png" for number in range(PICTURES)]
    assert [one["score"] for one in printed] == [row.score for row in rows]
    assert [one["verdict"] for one in printed] == [row.verdict for row in rows]
    result = read(tmp_path / "r.json")
    assert (result["product"], result["recipe"]) == (PRODUCT, 2)
    assert (result["inspected"], result["recorded"]) == (24, 24)
    assert (sum(result["counts"].values()), result["unrecorded"], result["fault"]) == (24, [], None)
    assert result["simulated"] is None
    assert b"24 parts:" in captured.err and b"backbone resnet18." in captured.err


def test_it_ends_after_so_many_parts_or_seconds(station: Path, capfdbinary: CAPTURED) -> None:
    assert run(station, "--parts", "5") == 0
    assert len(lines(capfdbinary.readouterr().out.decode())) == len(logged(station)) == 5
    assert run(station, "--seconds", "0.3") == 0
    assert len(lines(capfdbinary.readouterr().out.decode())) == len(logged(station)) - 5


def test_a_picture_that_cannot_be_read_is_not_inspected_and_the_rest_goes_on(
    station: Path, pictures: Path, tmp_path: Path, capfdbinary: CAPTURED
) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "b.png").write_bytes((pictures / "000.png").read_bytes())
    (folder / "a.png").write_bytes((pictures / "001.png").read_bytes()[:500])
    once(station, address=str(folder))
    assert run(station, "--json", str(tmp_path / "r.json")) == 1
    first, second = lines(capfdbinary.readouterr().out.decode())
    assert (first["verdict"], first["score"]) == ("NOT_INSPECTED", None)
    assert "cut short" in first["reason"]
    assert second["verdict"] != "NOT_INSPECTED"
    assert read(tmp_path / "r.json")["counts"]["NOT_INSPECTED"] == 1


def refused(station: Path, capfdbinary: CAPTURED, *options: str) -> str:
    """What it says when it cannot run."""
    assert run(station, *options) == 1
    captured = capfdbinary.readouterr()
    assert captured.out == b""
    return captured.err.decode()


def test_what_is_not_prepared_is_said(station: Path, tmp_path: Path, capfdbinary: CAPTURED) -> None:
    assert "No source of pictures is chosen" in refused(tmp_path / "new", capfdbinary)
    change(station, product="silk")
    assert "'silk' has no recipe" in refused(station, capfdbinary)
    change(station, product="")
    assert "No product is chosen" in refused(station, capfdbinary)
    change(station, product=PRODUCT, active_source="gone")
    assert "No source of pictures is chosen" in refused(station, capfdbinary)


def test_a_corrupt_bundle_is_said(station: Path, capfdbinary: CAPTURED) -> None:
    (weights,) = station.glob("models/*/*/weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert "is damaged" in refused(station, capfdbinary)


def test_corrupt_settings_are_kept_aside_and_said(station: Path, capfdbinary: CAPTURED) -> None:
    (station / "settings.json").write_text("{", encoding="utf-8")
    said = refused(station, capfdbinary)
    assert "starts with defaults" in said
    assert list(station.glob("settings.json.broken-*"))


def test_without_the_demo_model_it_says_how_to_make_it(
    tmp_path: Path, capfdbinary: CAPTURED, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "DEMO_BUNDLE", tmp_path / "nothing")
    assert "The demo model is not in" in refused(tmp_path / "station", capfdbinary, "--demo")


def test_the_demo_line_counts_what_it_caught(
    bundle: str, tmp_path: Path, capfdbinary: CAPTURED, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "DEMO_BUNDLE", Path(bundle))
    for _ in range(2):  # installed once
        assert run(tmp_path / "station", "--demo", "--parts", "3", "--json", str(tmp_path / "r.json")) == 0
        simulated = read(tmp_path / "r.json")["simulated"]
        assert simulated["good"] + simulated["defective"] == 3
        assert simulated["caught"] + simulated["escaped"] == simulated["defective"]
    assert all(one["truth"] for one in lines(capfdbinary.readouterr().out.decode()))
    with closing(Store.open(tmp_path / "station")) as store:
        assert len(store.recipes(products.DEMO_PRODUCT)) == 1
    assert not (tmp_path / "station" / "settings.json").exists()  # the station's own choice stays


def start(station: Path, *options: str) -> subprocess.Popen[str]:
    """A line in a process of its own."""
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # a shell's
    code += "from almrr_core.cli import main; sys.exit(main(sys.argv[1:]))"  # background job ignores Ctrl+C
    command = ("-c", code, "run", "--data-dir", str(station), *options)
    return run_python(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows ends a process at once")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_second_station_refuses_and_a_signal_stops_the_first_cleanly(
    station: Path, number: str, capfdbinary: CAPTURED
) -> None:
    with start(station) as process:
        assert process.stdout is not None
        begin = process.stdout.readline()
        assert "station" in refused(station, capfdbinary)
        begin += process.stdout.readline()  # the first goes on
        process.send_signal(signal.Signals[number])
        out, err = process.stdout.read(), process.communicate(timeout=60)[1]  # it was read ahead
    assert process.returncode == 0, err
    assert "Stopping." in err
    assert [one["part"] for one in lines(begin + out)] == [row.part_id for row in logged(station)]
    assert (station / "in-flight-line-1.txt").read_text().strip() == ""
    with closing(Store.open(station)) as store:
        actions = [event.action for event in store.events(2)]
    assert actions == [Action.LINE_STOPPED, Action.LINE_STARTED]


def test_killed_three_times_nothing_but_what_was_in_flight_is_missing(station: Path) -> None:
    deaths = list(campaign(station, 3))
    assert len(deaths) == 3
    assert all(death.logged >= death.printed > 0 for death in deaths)


def crash(station: Path, recorded: str, *flight: str) -> None:
    """Leave what a kill leaves: `recorded` was on its way to the log, all of `flight` were taken."""
    text = "".join(part.ljust(64) + "\n" for part in ("", *flight))
    (station / "in-flight-line-1.txt").write_text(text, encoding="ascii")
    mark = station / "pictures" / ".unfinished" / f"2026,07,23,{recorded}.png"
    mark.write_text(f"{recorded}\ntop", encoding="utf-8")


def named_by_gaps(station: Path) -> list[str]:
    with closing(Store.open(station)) as store:
        gaps = store.events(100, Action.GAP)
    assert all(f"{len(gap.after.split(', '))} part" in gap.reason for gap in gaps)
    return sorted(part for gap in gaps for part in gap.after.split(", "))


@pytest.mark.parametrize("looked_at", [False, True])
def test_each_part_that_a_crash_lost_is_named_by_one_event(
    station: Path, looked_at: bool, capfdbinary: CAPTURED
) -> None:
    crash(station, "part-a", "part-a", "part-b", "part-c")
    if looked_at:  # by another program, as `almrr models`, before the line starts again
        assert named_by_gaps(station) == ["part-a"]
    assert run(station, "--parts", "1") == 0
    assert named_by_gaps(station) == ["part-a", "part-b", "part-c"]
    with closing(Store.open(station)) as store:
        assert store.events(100, Action.GAP)[0].actor == (os.environ.get("USER") or store.events(1)[0].actor)
    crash(station, "part-b", "part-b")  # triggered again, and lost again
    assert run(station, "--parts", "1") == 0
    assert named_by_gaps(station) == ["part-a", "part-b", "part-b", "part-c"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def test_the_sockets_of_the_settings_are_served(station: Path) -> None:
    change(station, network=Network(trigger_port=free_port(), output_port=free_port(), deadline_ms=2000))
    with closing(Store.open(station)) as store:
        recipe = store.active_recipe(PRODUCT)
        assert recipe is not None
        store.add_recipe(replace(recipe, trigger=TriggerSettings(TriggerKind.NETWORK)), ACTOR)
    network = load_settings(station)[0].network
    with start(station, "--parts", "2") as process:
        verdicts, triggers = connect(network.output_port), connect(network.trigger_port)
        with verdicts, triggers, verdicts.makefile() as said, triggers.makefile() as answers:
            for part in ("p-1", "p-2"):
                while not answered(triggers, answers, part):
                    threading.Event().wait(0.05)  # the sockets listen before the line takes parts
                assert json.loads(said.readline())["part"] == part
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert [one["part"] for one in lines(out)] == ["p-1", "p-2"]


def connect(port: int) -> socket.socket:
    for _ in range(1200):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=30)
        except ConnectionRefusedError:
            threading.Event().wait(0.05)
    raise AssertionError("nobody listens")


def answered(triggers: socket.socket, answers: Any, part: str) -> bool:
    triggers.sendall(f"TRIGGER {part}\n".encode())
    answer = str(answers.readline())
    assert answer in (f"OK {part}\n", "ERROR The line is not running.\n"), answer
    return answer.startswith("OK")
