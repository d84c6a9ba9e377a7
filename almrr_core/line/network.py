"""The line's two sockets: `TRIGGER` lines come in, verdicts go out as JSON lines. Plain threads, TCP, UTF-8.

In:  `TRIGGER <part-id> [lot=<lot>] [serial=<serial>]`, answered `OK <part-id>` or `ERROR <sentence>`.
Out: one JSON object per verdict (`outputs.verdict_json`) to every client that is connected.
"""

from __future__ import annotations

import json
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable

from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.outputs import verdict_json
from almrr_core.line.receiver import Receiver, notice_death
from almrr_core.line.setup import broken
from almrr_core.line.trigger import checked_word, refused
from almrr_core.types import PartId, Record

LONGEST_LINE = 1024  # bytes, without its end
MOST_CLIENTS = 16
PATIENCE = 2.0  # seconds for a client to take its answer
_TICK = 0.2  # seconds after which a thread notices that it shall end

Triggers = Callable[[str, str, str], PartId]  # part id, lot, serial; raises StationError


class _Server:
    """Accepts clients on its own thread; `close` ends it."""

    def __init__(self, host: str, port: int, name: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family)
        except OSError as error:
            raise StationError(
                ErrorCode.PORT_UNUSABLE,
                f"The {name} cannot listen on {host}, port {port} ({error.strerror or error}).",
                "Choose another port in the settings, or close the program that uses it.",
            ) from error
        self._socket.settimeout(_TICK)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, name=name, daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port that clients connect to."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Let go of the port and of every client."""
        self._closing.set()
        self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:  # a client that left while it was being accepted; too many open files
                self._closing.wait(_TICK)
                continue
            self._welcome(client)

    def _welcome(self, client: socket.socket) -> None:
        raise NotImplementedError


class TriggerServer(_Server):
    """Hands every well-formed line to `trigger` and answers it; each client has a thread, so none waits."""

    def __init__(self, host: str, port: int, trigger: Triggers) -> None:
        self._trigger = trigger
        self._clients: list[threading.Thread] = []
        super().__init__(host, port, "trigger socket")

    def close(self) -> None:
        """Let go of the port and of every client."""
        super().close()
        for thread in self._clients:
            thread.join()

    def _welcome(self, client: socket.socket) -> None:
        self._clients = [thread for thread in self._clients if thread.is_alive()]
        if len(self._clients) >= MOST_CLIENTS:
            client.close()
            return
        notice_death(client)
        thread = threading.Thread(target=self._serve, args=(client,), name="trigger client", daemon=True)
        self._clients.append(thread)
        thread.start()

    def _serve(self, client: socket.socket) -> None:
        lines = LineSplitter()
        with client:
            while not self._closing.is_set():
                try:
                    client.settimeout(_TICK)
                    received = client.recv(4096)
                    if not received:
                        return
                    client.settimeout(PATIENCE)
                    for line in lines.feed(received):
                        client.sendall(self._answer(line))
                except TimeoutError:
                    if client.gettimeout() == PATIENCE:
                        return  # it does not read its answers
                except OSError:
                    return  # it is gone

    def _answer(self, line: bytes | None) -> bytes:
        try:
            answer = f"OK {self._trigger(*parse_trigger(line))}"
        except StationError as fault:
            answer = f"ERROR {fault.sentence}"
        except Exception as error:
            answer = f"ERROR {broken('The trigger', error).sentence}"
        return " ".join(answer.split()).encode() + b"\n"


class LineSplitter:
    """Cuts what arrives into lines; of an oversized one nothing is kept."""

    def __init__(self) -> None:
        self._rest, self._skipping = b"", False

    def feed(self, received: bytes) -> list[bytes | None]:
        """Return the lines that are complete now, without their ends; None for one over LONGEST_LINE."""
        *whole, self._rest = (self._rest + received).split(b"\n")
        lines: list[bytes | None] = []
        for line in whole:
            lines.append(None if self._skipping or len(line) > LONGEST_LINE + 1 else line.removesuffix(b"\r"))
            self._skipping = False
        if len(self._rest) > LONGEST_LINE + 1:
            self._rest, self._skipping = b"", True
        return lines


def parse_trigger(line: bytes | None) -> tuple[str, str, str]:
    """Return part id, lot and serial of a line (None: one that was too long); raises TRIGGER_REFUSED."""
    if line is None or len(line) > LONGEST_LINE:
        raise _malformed(f"The line is longer than {LONGEST_LINE} bytes")
    try:
        words = line.decode("utf-8").split(" ")
    except UnicodeDecodeError as error:
        raise _malformed("The line is not UTF-8") from error
    if words[0] != "TRIGGER" or len(words) < 2:
        raise _malformed("The line is not 'TRIGGER <part-id> [lot=<lot>] [serial=<serial>]'")
    given = {"lot": "", "serial": ""}
    for word in words[2:]:
        name, _, value = word.partition("=")
        if given.get(name) != "":
            raise _malformed("After the part id only lot=<lot> and serial=<serial> may stand, once each")
        given[name] = checked_word(value, name)
    return checked_word(words[1], "part id"), given["lot"], given["serial"]


def _malformed(what: str) -> StationError:
    return refused(f"{what}.", "Send one line of UTF-8 text per part.")


class JsonLinesOutput(_Server):
    """Sends every verdict to all connected clients; who does not take it in time is disconnected."""

    def __init__(self, host: str, port: int) -> None:
        self._lock = threading.Lock()
        self._clients: list[Receiver] = []
        super().__init__(host, port, "verdict output")

    @property
    def clients(self) -> int:
        """Return how many are connected."""
        return len(self._clients)

    def close(self) -> None:
        """Let go of the port and of every client."""
        super().close()
        with self._lock:
            self._drop(list(self._clients))

    def send(self, record: Record, deadline: float) -> None:
        """Send one line to every client within `deadline` seconds; those that can take it get it at once.

        Raises OUTPUT_GONE where nobody is connected or somebody left, OUTPUT_LATE for who did not take it, or
        one before it, in time. The others have it then all the same.
        """
        line = json.dumps(verdict_json(record), ensure_ascii=False, allow_nan=False).encode() + b"\n"
        end = time.monotonic() + deadline
        with self._lock:
            gone = [client for client in self._clients if client.has_left()]
            behind = [one for one in self._clients if one not in gone and one.is_behind(deadline)]
            out = {*gone, *behind}
            waiting = {client: memoryview(line) for client in self._clients if client not in out}
            nobody = not waiting
            while waiting:
                waiting = _send_some(waiting, gone)
                if not waiting or not _one_can_take(waiting, end - time.monotonic()):
                    break
            late, left = self._drop([*behind, *waiting]), self._drop(gone)
        _complain(record, late, left, nobody, deadline)

    def _drop(self, clients: list[Receiver]) -> list[str]:
        for client in clients:
            client.close()
            self._clients.remove(client)
        return [client.name for client in clients]

    def _welcome(self, client: socket.socket) -> None:
        try:
            receiver = Receiver(client)
        except OSError:
            client.close()
            return
        with self._lock:
            if len(self._clients) >= MOST_CLIENTS:
                client.close()
            else:
                self._clients.append(receiver)


def _one_can_take(waiting: Iterable[Receiver], timeout: float) -> bool:
    with selectors.DefaultSelector() as selector:
        for client in waiting:
            selector.register(client, selectors.EVENT_WRITE)
        return timeout > 0 and bool(selector.select(timeout))


def _send_some(waiting: dict[Receiver, memoryview], gone: list[Receiver]) -> dict[Receiver, memoryview]:
    """Send what the clients take now; return what is left to send, and add to `gone` who left."""
    left = {}
    for client, line in waiting.items():
        try:
            rest = client.send(line)
        except OSError:
            gone.append(client)
            continue
        if rest:
            left[client] = rest
    return left


def _complain(record: Record, late: list[str], left: list[str], nobody: bool, deadline: float) -> None:
    remedy = "Check the receiving machine and its network; it may connect again at any time."
    part = record.request.part_id
    if late:
        sentence = (
            f"{', '.join(late)} did not take the verdict of part {part} within {deadline * 1e3:.0f} ms "
            "and was disconnected."
        )
        raise StationError(ErrorCode.OUTPUT_LATE, sentence, remedy)
    if left:
        sentence = f"{', '.join(left)} left before the verdict of part {part}."
        raise StationError(ErrorCode.OUTPUT_GONE, sentence, remedy)
    if nobody:
        raise StationError(ErrorCode.OUTPUT_GONE, "Nobody is connected to the verdict output.", remedy)
