"""Real streams over loopback to cut, silence and restore: HTTP MJPEG, and RTSP by Debian's packages."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from contextlib import suppress
from typing import Protocol

import cv2
import numpy as np

RTSP_PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0",
    "python3-gi",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
)

_SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's, which sees Debian's python3-gi
_SIZE = (320, 240)
_RATE = 25  # pictures/s
_START = 10.0  # seconds for a server to come up
_RTSP = """
import sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
for element in ("videotestsrc", "jpegenc", "rtpjpegpay"):
    if Gst.ElementFactory.find(element) is None:
        sys.exit(f"no element {element}")
if len(sys.argv) > 1:
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(sys.argv[2])
    factory.set_shared(True)
    server.get_mount_points().add_factory("/line", factory)
    if not server.attach(None):
        sys.exit("the port is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()
"""


class StreamServer(Protocol):
    """A stream that a person could pull the plug of."""

    @property
    def url(self) -> str:
        """The stream's address; it stays the same."""

    def start(self) -> None:
        """Serve, also again."""

    def cut(self) -> None:
        """Drop every connection and refuse new ones."""

    def silence(self) -> None:
        """Hold the connections and send nothing, as a cable that was pulled does."""

    def speak(self) -> None:
        """Go on after `silence`."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MjpegServer:
    """Serves gray pictures, each a little brighter, at 25/s as multipart/x-mixed-replace."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/line.mjpg"
        self._cut, self._speaking = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Serve, also again."""
        self._cut = threading.Event()
        self._speaking.set()
        listener = socket.create_server(("127.0.0.1", self._port))
        listener.settimeout(0.05)
        self._begin(self._accept, listener, self._cut)

    def _begin(self, work: object, *given: object) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)  # type: ignore[arg-type]  # ours
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket, cut: threading.Event) -> None:
        with listener:
            while not cut.is_set():
                with suppress(TimeoutError):
                    self._begin(self._serve, listener.accept()[0], cut)

    def _serve(self, client: socket.socket, cut: threading.Event) -> None:
        with client, suppress(OSError):
            client.settimeout(1.0)
            client.recv(4096)
            client.sendall(
                b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=part\r\n\r\n"
            )
            level = 0
            while not cut.wait(1 / _RATE):
                if self._speaking.is_set():
                    client.sendall(_part(level))
                    level = (level + 1) % 200

    def cut(self) -> None:
        """Drop every connection and refuse new ones."""
        self._cut.set()
        while self._threads:
            self._threads.pop().join()

    def silence(self) -> None:
        """Hold the connections and send nothing."""
        self._speaking.clear()

    def speak(self) -> None:
        """Go on after `silence`."""
        self._speaking.set()


def _part(level: int) -> bytes:
    picture = np.full((_SIZE[1], _SIZE[0]), level, np.uint8)
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    return b"--part\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(data), data)


class RtspServer:
    """GStreamer's RTSP server with Motion JPEG, as a process of Debian's own Python."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"rtsp://127.0.0.1:{self._port}/line"
        self._process: subprocess.Popen[str] | None = None

    @staticmethod
    def missing() -> str:
        """Return why there is no RTSP server on this machine, "" if there is one."""
        with suppress(OSError):
            check = [_SYSTEM_PYTHON, "-c", _RTSP]
            done = subprocess.run(check, capture_output=True, text=True, timeout=_START, check=False)
            return done.stderr.strip()[-200:] if done.returncode else ""
        return f"no {_SYSTEM_PYTHON}"

    def start(self) -> None:
        """Serve, also again; raises RuntimeError if it does not come up."""
        size = f"video/x-raw,format=I420,width={_SIZE[0]},height={_SIZE[1]},framerate={_RATE}/1"
        launch = f"( videotestsrc is-live=true ! {size} ! jpegenc ! rtpjpegpay name=pay0 pt=26 )"
        command = [_SYSTEM_PYTHON, "-c", _RTSP, str(self._port), launch]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if self._process.stdout is None or self._process.stdout.readline().strip() != "ready":
            raise RuntimeError("the RTSP server did not come up")

    def cut(self) -> None:
        """Kill the server: its connections break, and new ones are refused."""
        if self._process is not None:
            self._process.kill()
            with self._process:  # waits, and closes the pipe
                self._process = None

    def silence(self) -> None:
        """Halt the server: its connections stay, nothing comes."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def speak(self) -> None:
        """Let the server go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
