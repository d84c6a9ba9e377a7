"""Real streams over loopback, cut, silenced and restored in the middle."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from almrr_core.bench.stream_servers import MjpegServer, RtspServer, StreamServer, free_port
from almrr_core.bench.streams import measure
from almrr_core.cameras import Camera, build_camera
from almrr_core.errors import ErrorCode, StationError
from almrr_core.settings import SourceKind
from almrr_core.types import SourceState
from tests.core.cameras.helpers import opened, seconds_to, settings, wait_for


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    server = MjpegServer()
    server.start()
    yield server
    server.cut()


def stream(server: StreamServer) -> Camera:
    return build_camera(settings(SourceKind.STREAM, server.url))


def test_frames_come_in_order_and_are_grabbed_after_the_call(server: MjpegServer) -> None:
    with opened(stream(server)) as camera:
        seconds_to(camera, SourceState.LIVE)
        stamps = []
        for _ in range(10):
            began = time.monotonic_ns()
            frame = camera.take(2.0)
            assert frame is not None
            assert frame.picture is not None
            assert frame.grabbed_ns >= began
            assert frame.picture.shape == (240, 320, 3)
            assert not frame.picture.flags.writeable
            stamps.append(frame.grabbed_ns)
        assert stamps == sorted(set(stamps))
        status = camera.status()
        assert (status.width, status.height) == (320, 240)
        assert 10 < status.rate < 60
        assert camera.gaps() == ()
    assert camera.status().state is SourceState.CLOSED
    assert camera.take(5.0) is None


def test_a_cut_stream_is_lost_and_comes_back_and_the_gap_is_told(server: MjpegServer) -> None:
    with opened(stream(server)) as camera:
        seconds_to(camera, SourceState.LIVE)
        server.cut()
        assert seconds_to(camera, SourceState.LOST) < 2
        wait_for(lambda: "does not answer" in camera.status().sentence)
        assert camera.take(0.1) is None
        server.start()
        seconds_to(camera, SourceState.LIVE)
        assert camera.take(2.0) is not None
        (gap,) = camera.gaps()
        assert 0.1 < (gap.until - gap.since).total_seconds() < 10
        assert gap.reason
        assert camera.gaps() == ()


def test_a_silent_stream_is_lost_within_two_seconds_and_comes_back(server: MjpegServer) -> None:
    with opened(stream(server)) as camera:
        seconds_to(camera, SourceState.LIVE)
        server.silence()
        assert seconds_to(camera, SourceState.LOST) < 2
        server.speak()
        seconds_to(camera, SourceState.LIVE)
        assert len(camera.gaps()) == 1


def test_closing_a_silent_stream_does_not_hang_and_ends_the_gap(server: MjpegServer) -> None:
    camera = stream(server)
    camera.open()
    seconds_to(camera, SourceState.LIVE)
    server.silence()
    seconds_to(camera, SourceState.LOST)
    began = time.monotonic()
    camera.close()
    assert time.monotonic() - began < 2
    assert len(camera.gaps()) == 1
    camera.open()
    server.speak()
    seconds_to(camera, SourceState.LIVE)
    camera.close()


def test_a_stream_that_is_down_says_why_and_is_awaited() -> None:
    server = MjpegServer()
    with opened(stream(server)) as camera:
        seconds_to(camera, SourceState.LOST)
        assert "does not answer" in camera.status().sentence
        server.start()
        seconds_to(camera, SourceState.LIVE)
        assert len(camera.gaps()) == 1
    server.cut()


def test_a_host_without_video_is_told_from_one_that_is_down_and_no_password_is_shown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        url = f"http://user:secret@127.0.0.1:{port}/path?pwd=secret"
        with opened(build_camera(settings(SourceKind.STREAM, url))) as camera:
            seconds_to(camera, SourceState.LOST)
            wait_for(lambda: "gives no video" in camera.status().sentence)
            assert "secret" not in camera.status().sentence


@pytest.mark.parametrize(
    "address", ["", "cam", "file:///etc/passwd", "http://", "rtsp://[", "http://h:99999/"]
)
def test_what_is_no_stream_is_refused(address: str) -> None:
    with pytest.raises(StationError) as caught:
        build_camera(settings(SourceKind.STREAM, address))
    assert caught.value.code is ErrorCode.SOURCE_UNUSABLE


def test_rtsp_cut_silenced_and_restored() -> None:
    if missing := RtspServer.missing():
        pytest.skip(f"needs an RTSP server: {missing}")
    lines = measure("RTSP", RtspServer(), away=0.5)
    assert [line["fault"] for line in lines] == ["cut", "silence"]
    assert all(float(line["lost_after_s"]) < 2 and float(line["gap_s"]) > 0.5 for line in lines)


def test_a_free_port_is_free() -> None:
    socket.create_server(("127.0.0.1", free_port())).close()
