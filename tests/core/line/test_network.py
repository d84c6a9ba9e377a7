"""The two sockets, with real clients."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.network import LONGEST_LINE, JsonLinesOutput, LineSplitter, TriggerServer, parse_trigger
from almrr_core.types import Box, OnLateOutput, PartId, Record, TriggerKind, Verdict
from tests.core.bundles import fault_of
from tests.core.line.fakes import FakeLog, FakeSource, fault_shows, recipe_of, wait_until
from tests.core.line.test_line import running

HOST = "127.0.0.1"


@contextmanager
def connected(address: tuple[str, int]) -> Iterator[tuple[socket.socket, Any]]:
    """A client and its stream of answers."""
    with socket.create_connection(address, timeout=20) as client, client.makefile("rb") as answers:
        yield client, answers


@contextmanager
def served(given: list[tuple[str, str, str]]) -> Iterator[TriggerServer]:
    """A server that writes down what it is given."""

    def trigger(part_id: str, lot: str, serial: str) -> PartId:
        given.append((part_id, lot, serial))
        return PartId(part_id)

    with closing(TriggerServer(HOST, 0, trigger)) as server:
        yield server


def ask(client: socket.socket, answers: Any, line: bytes) -> str:
    client.sendall(line)
    answer = answers.readline()
    assert answer.endswith(b"\n")
    return str(answer.decode().rstrip("\n"))


def test_a_trigger_line_is_answered() -> None:
    given: list[tuple[str, str, str]] = []
    with served(given) as server, connected(server.address) as client:
        assert ask(*client, b"TRIGGER p-1\n") == "OK p-1"
        assert ask(*client, b"TRIGGER p-2 serial=S9 lot=L_1\r\n") == "OK p-2"
        client[0].sendall(b"TRIG")
        assert ask(*client, b"GER p-3 lot=L\nTRIGGER p-4\n") == "OK p-3"
        assert client[1].readline() == b"OK p-4\n"
    assert given == [("p-1", "", ""), ("p-2", "L_1", "S9"), ("p-3", "L", ""), ("p-4", "", "")]


WRONG = [
    b"",
    b"TRIGGER",
    b"TRIGGER ",
    b"trigger p",
    b"TRIGGER  p",
    b" TRIGGER p",
    b"TRIGGER p ",
    b"TRIGGER p q",
    b"TRIGGER p lot=",
    b"TRIGGER p lot=a lot=b",
    b"TRIGGER p size=3",
    b"TRIGGER p lot=a=b",
    b"TRIGGER ../p",
    b"TRIGGER p\0",
    b"TRIGGER p\tlot=a",
    b"TRIGGER " + "é".encode(),
    b"TRIGGER \xff\xfe",
    b"TRIGGER " + b"p" * 65,
    b"TRIGGER p lot=" + b"x" * LONGEST_LINE,
    b"x" * 100_000,
    b"GET / HTTP/1.1",
]


def test_a_malformed_line_is_answered_with_an_error_and_changes_nothing() -> None:
    given: list[tuple[str, str, str]] = []
    with served(given) as server, connected(server.address) as client:
        for line in WRONG:
            answer = ask(*client, line + b"\n")
            assert answer.startswith("ERROR "), line[:40]
            assert answer.endswith("."), answer
        assert not given
        assert ask(*client, b"TRIGGER p-1\n") == "OK p-1"


def test_an_endless_line_keeps_no_memory() -> None:
    lines = LineSplitter()
    for _ in range(1000):
        assert lines.feed(b"x" * 4096) == []
        assert len(lines._rest) <= LONGEST_LINE + 1
    assert lines.feed(b"\nTRIGGER p\n") == [None, b"TRIGGER p"]
    longest = b"T" * LONGEST_LINE
    assert lines.feed(longest + b"\r\n" + longest + b"T\n") == [longest, longest + b"T"]
    assert fault_of(lambda: parse_trigger(longest + b"T")).code is ErrorCode.TRIGGER_REFUSED


def test_random_bytes_give_one_answer_a_line_and_change_nothing() -> None:
    given: list[tuple[str, str, str]] = []
    dice = random.Random(7)
    with served(given) as server:
        for _ in range(40):
            noise = bytearray(dice.randbytes(dice.randint(1, 3000)))
            for _ in range(dice.randint(0, 4)):
                noise[dice.randrange(len(noise))] = ord("\n")
            with connected(server.address) as (client, answers):
                client.sendall(bytes(noise) + b"\nTRIGGER last\n")
                found = [answers.readline() for _ in range(noise.count(b"\n") + 2)]
            assert all(one.startswith(b"ERROR ") and one.endswith(b".\n") for one in found[:-1])
            assert found[-1] == b"OK last\n"
    assert given == [("last", "", "")] * 40


def test_a_client_that_does_not_read_or_leaves_in_the_middle_holds_up_nobody() -> None:
    given: list[tuple[str, str, str]] = []
    with served(given) as server, connected(server.address) as (silent, _):
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
        flood = threading.Thread(target=_flood, args=(silent,))
        flood.start()
        for number in range(20):
            with connected(server.address) as client:
                assert ask(*client, b"TRIGGER p-%d\n" % number) == f"OK p-{number}"
                client[0].sendall(b"TRIGGER half")
        flood.join()
    assert len(given) == 20


def _flood(client: socket.socket) -> None:
    try:
        for _ in range(20_000):
            client.sendall(b"nonsense\n" * 100)
    except OSError:
        pass  # it was disconnected, as it should be


def test_a_port_that_is_taken_is_a_fault_with_a_sentence() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        fault = fault_of(lambda: JsonLinesOutput(HOST, port))
    assert fault.code is ErrorCode.PORT_UNUSABLE
    assert str(port) in fault.sentence
    assert fault_of(lambda: JsonLinesOutput("no.such.host.invalid", 0)).code is ErrorCode.PORT_UNUSABLE


def test_a_line_is_driven_and_followed_over_the_network() -> None:
    source, log = FakeSource(can_wait=False), FakeLog()
    output = JsonLinesOutput(HOST, 0)
    with (
        closing(output),
        running(source, log, outputs=[output], recipe=recipe_of(TriggerKind.NETWORK)) as line,
        closing(TriggerServer(HOST, 0, lambda part, lot, serial: line.trigger(lot, serial, part))) as server,
        connected(output.address) as (_, verdicts),
        connected(server.address) as client,
    ):
        wait_until(lambda: output.clients == 1)
        for number in range(10):
            assert ask(*client, b"TRIGGER p-%d lot=L1 serial=S%d\n" % (number, number)) == f"OK p-{number}"
            verdict = json.loads(verdicts.readline())
            assert (verdict["part"], verdict["lot"], verdict["serial"]) == (f"p-{number}", "L1", f"S{number}")
            assert (verdict["verdict"], verdict["review_limit"], verdict["fail_limit"]) == ("PASS", 1.0, 2.0)
        wait_until(lambda: len(log.records) == 10)
        assert "was given before" in ask(*client, b"TRIGGER p-3\n")
        line.stop()
        assert "not running" in ask(*client, b"TRIGGER p-11\n")
    assert len(log.records) == 10


def verdict_of_one_part(**changes: Any) -> Record:
    """A record as a line makes it."""
    source, log = FakeSource(1), FakeLog()
    with running(source, log, recipe=recipe_of(**changes)):
        wait_until(lambda: log.records)
    return log.records[0]


def test_everybody_gets_every_verdict_and_who_left_is_named() -> None:
    record = verdict_of_one_part()
    with closing(JsonLinesOutput(HOST, 0)) as output:
        assert fault_of(lambda: output.send(record, 0.5)).code is ErrorCode.OUTPUT_GONE
        with connected(output.address) as (_, one):
            with connected(output.address) as (_, other):
                wait_until(lambda: output.clients == 2)
                output.send(record, 0.5)
                assert one.readline() == other.readline()
            fault = fault_of(lambda: output.send(record, 0.5))
            assert fault.code is ErrorCode.OUTPUT_GONE
            assert "left" in fault.sentence
            assert json.loads(one.readline())["part"] == record.request.part_id
            output.send(record, 0.5)


def test_a_client_that_does_not_read_is_late_and_disconnected_and_the_others_have_it() -> None:
    record = verdict_of_one_part()
    with closing(JsonLinesOutput(HOST, 0)) as output, connected(output.address) as (slow, _):
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
        with connected(output.address) as (_, good):
            wait_until(lambda: output.clients == 2)
            sent = 0
            with pytest.raises(StationError) as caught:
                while sent < 100_000:
                    output.send(record, 0.05)
                    assert good.readline()
                    sent += 1
            assert caught.value.code is ErrorCode.OUTPUT_LATE
            assert good.readline()
            assert output.clients == 1
            output.send(record, 0.05)


def test_nobody_at_the_output_is_one_notice_or_a_fault() -> None:
    for on_late in OnLateOutput:
        source, log = FakeSource(can_wait=False), FakeLog()
        recipe = recipe_of(TriggerKind.INTERVAL, on_late=on_late)
        with (
            closing(JsonLinesOutput(HOST, 0)) as output,
            running(source, log, outputs=[output], recipe=recipe) as line,
        ):
            if on_late is OnLateOutput.FAULT:
                wait_until(lambda line=line: fault_shows(line))
            else:
                wait_until(lambda log=log: len(log.records) >= 5)
            (notice,) = line.status().notices
            assert "Nobody is connected" in notice.sentence
            assert notice.serious == (on_late is OnLateOutput.FAULT)


def test_a_verdict_names_regions_in_the_whole_picture_and_no_nan() -> None:
    from dataclasses import replace

    from almrr_core.line.outputs import verdict_json
    from almrr_core.types import Geometry, Region

    record = verdict_of_one_part()
    region = Region(Box(3, 4, 5, 6), 20, 2.5, 2.0)
    recipe = replace(record.recipe, geometry=Geometry(roi=Box(100, 200, 50, 50)))
    bad = replace(record, recipe=recipe, regions=(region,), score=float("nan"), verdict=Verdict.NOT_INSPECTED)
    said = json.loads(json.dumps(verdict_json(bad), allow_nan=False))
    box = {"x": 103, "y": 204, "width": 5, "height": 6, "area": 20, "maximum": 2.5, "mean": 2.0}
    assert said["regions"] == [box]
    assert (said["score"], said["verdict"]) == (None, "NOT_INSPECTED")
