"""One client of the verdict output: what it takes, and whether it still takes anything."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections import deque

BUFFER = 1 << 12  # bytes the system is asked to keep for who does not read; Linux doubles it
SLOWEST_ACK = 0.5  # seconds that a healthy system may take to acknowledge what arrived (RFC 1122)
UNSEEN = 2.0  # seconds after which the system gives up a connection that answers nothing


class Receiver:
    """A connected socket that never blocks; raises OSError where it is gone already.

    What lies in this machine's buffer is small. What lies in the receiver's own cannot be seen from here: a
    program that does not read is noticed once its system takes no more.
    """

    def __init__(self, client: socket.socket) -> None:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        notice_death(client)
        host, port = client.getpeername()[:2]
        self.name = f"{host}:{port}"  # for people
        self._client = client
        self._sent = 0
        self._marks: deque[tuple[float, int]] = deque()  # when how much was sent, until it is acknowledged

    def fileno(self) -> int:
        """Return the socket's number, for a selector."""
        return self._client.fileno()

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def has_left(self) -> bool:
        """Return whether the other end is closed; what it says is thrown away."""
        try:
            return not self._client.recv(1 << 16)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def is_behind(self, deadline: float) -> bool:
        """Return whether something sent more than `deadline` seconds ago has not arrived; only Linux tells."""
        arrived = self._sent - _unacknowledged(self._client)
        while self._marks and self._marks[0][1] <= arrived:
            self._marks.popleft()
        return bool(self._marks) and time.monotonic() - self._marks[0][0] > max(deadline, SLOWEST_ACK)

    def send(self, rest: memoryview) -> memoryview:
        """Send what it takes now and return what is left; raises OSError where it is gone."""
        try:
            sent = self._client.send(rest)
        except (BlockingIOError, InterruptedError):
            return rest
        self._sent += sent
        self._marks.append((time.monotonic(), self._sent))
        return rest[sent:]


def notice_death(client: socket.socket) -> None:
    """Let the system end a connection whose other end is gone without a word, as by a pulled cable."""
    options = [(socket.SOL_SOCKET, "SO_KEEPALIVE", 1), (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 2)]
    options += [(socket.IPPROTO_TCP, "TCP_KEEPINTVL", 1), (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3)]
    options += [(socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", round(UNSEEN * 1e3))]  # Linux: unacknowledged data
    for level, name, value in options:
        if hasattr(socket, name):  # not every system has all
            with contextlib.suppress(OSError):
                client.setsockopt(level, getattr(socket, name), value)


def _unacknowledged(client: socket.socket) -> int:
    """Return how many bytes wait here for room at the other end or for its acknowledgement; 0 if unknown."""
    if sys.platform != "linux":
        return 0
    import fcntl
    import termios

    try:
        return int.from_bytes(fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0
