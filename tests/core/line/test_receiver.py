"""Receivers of verdicts that die without a word: how much is sent to them, and when it is noticed."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.network import JsonLinesOutput, TriggerServer
from almrr_core.line.receiver import SLOWEST_ACK
from almrr_core.types import Box, PartId, Record, Region
from tests.core.bundles import fault_of
from tests.core.line.fakes import wait_until
from tests.core.line.test_network import HOST, connected, verdict_of_one_part

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
KEEPALIVE = "02"  # the timer's kind in /proc/net/tcp of a socket that is looked after while it is idle


@contextmanager
def silent(output: JsonLinesOutput) -> Iterator[socket.socket]:
    """A client that is alive, has a small buffer of its own, and never reads."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
        client.connect(output.address)
        wait_until(lambda: output.clients == 1)
        yield client


def long_line() -> Record:
    """A record whose verdict is a line of some kilobytes."""
    regions = tuple(Region(Box(n, n, 30, 30), 900 - n, 9.5, 4.25) for n in range(50))
    return replace(verdict_of_one_part(), regions=regions)


def test_who_never_reads_is_late_after_a_few_verdicts_beyond_its_own_buffer() -> None:
    record = verdict_of_one_part()
    with closing(JsonLinesOutput(HOST, 0)) as output, silent(output):
        sent = 0
        with pytest.raises(StationError) as caught:
            while sent < 10_000:
                output.send(record, 0.3)
                sent += 1
    assert caught.value.code is ErrorCode.OUTPUT_LATE
    assert sent < 40


@LINUX
def test_a_verdict_that_did_not_arrive_is_late_though_there_is_room_for_more() -> None:
    long, short = long_line(), verdict_of_one_part()
    with closing(JsonLinesOutput(HOST, 0)) as output, silent(output):
        output.send(long, 0.1)
        output.send(short, 0.1)
        threading.Event().wait(SLOWEST_ACK + 0.1)
        assert fault_of(lambda: output.send(short, 0.1)).code is ErrorCode.OUTPUT_LATE
        assert output.clients == 0


def test_a_pause_of_who_reads_is_no_fault() -> None:
    record = long_line()
    with closing(JsonLinesOutput(HOST, 0)) as output, connected(output.address) as (_, verdicts):
        wait_until(lambda: output.clients == 1)
        for _ in range(3):
            output.send(record, 0.1)
            assert verdicts.readline().endswith(b"\n")
            threading.Event().wait(SLOWEST_ACK / 2)
        threading.Event().wait(SLOWEST_ACK + 0.1)
        output.send(record, 0.1)


def timers_of(port: int) -> list[str]:
    """The kinds of timers that run for the connections to a port of this machine, at this end."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    established = [row for row in rows if row[3] == "01" and int(row[1].split(":")[1], 16) == port]
    return [row[5].split(":")[0] for row in established]


@LINUX
def test_idle_connections_are_looked_after_by_the_system() -> None:
    with (
        closing(JsonLinesOutput(HOST, 0)) as output,
        closing(TriggerServer(HOST, 0, lambda part, lot, serial: PartId(part))) as server,
        connected(output.address),
        connected(server.address) as (client, answers),
    ):
        wait_until(lambda: output.clients == 1)
        client.sendall(b"TRIGGER p-1\n")
        assert answers.readline() == b"OK p-1\n"
        for port in (output.address[1], server.address[1]):
            wait_until(lambda port=port: timers_of(port) == [KEEPALIVE], timeout=5)
