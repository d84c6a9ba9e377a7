"""Cut, silence and restore real streams over loopback: `python -m almrr_core.bench.streams`.

Prints the seconds from the fault to LOST (goal: 2) and from the stream's return to LIVE.
"""

from __future__ import annotations

import json
import sys
import time

from almrr_core.bench.stream_servers import RTSP_PACKAGES, MjpegServer, RtspServer, StreamServer
from almrr_core.cameras import Camera, build_camera
from almrr_core.settings import SourceKind, SourceSettings
from almrr_core.types import SourceState

_LIMIT = 30.0  # seconds to wait for a state


def main() -> int:
    """Measure each stream that this machine can serve; 1 if a state was not reached."""
    servers: dict[str, StreamServer] = {"HTTP MJPEG": MjpegServer()}
    if missing := RtspServer.missing():
        print(f"RTSP: not measured ({missing}); install {' '.join(RTSP_PACKAGES)}", file=sys.stderr)
    else:
        servers["RTSP"] = RtspServer()
    lines = [line for name, server in servers.items() for line in measure(name, server)]
    for line in lines:
        print(json.dumps(line))
    return 0 if all(float(line["lost_after_s"]) <= 2 for line in lines) else 1


def measure(name: str, server: StreamServer, away: float = 3.0) -> list[dict[str, str | float]]:
    """Return a line for a cut and one for a silence of `away` s: the seconds to LOST, to LIVE, of the gap."""
    server.start()
    camera = build_camera(SourceSettings("bench", SourceKind.STREAM, server.url))
    camera.open()
    try:
        opened = seconds_to(camera, SourceState.LIVE)
        lines = [_fault(name, fault, camera, server, away) for fault in ("cut", "silence")]
        return [line | {"open_s": opened} for line in lines]
    finally:
        camera.close()
        server.cut()


def _fault(
    name: str, fault: str, camera: Camera, server: StreamServer, away: float
) -> dict[str, str | float]:
    camera.gaps()
    stop, restore = (server.cut, server.start) if fault == "cut" else (server.silence, server.speak)
    stop()
    lost = seconds_to(camera, SourceState.LOST)
    time.sleep(away)
    restore()
    live = seconds_to(camera, SourceState.LIVE)
    gaps = sum((gap.until - gap.since).total_seconds() for gap in camera.gaps())
    return {
        "stream": name,
        "fault": fault,
        "lost_after_s": lost,
        "live_after_s": live,
        "gap_s": round(gaps, 2),
    }


def seconds_to(camera: Camera, state: SourceState) -> float:
    """Return after how many seconds the camera is in a state; raises TimeoutError after 30."""
    began = time.monotonic()
    while camera.status().state is not state:
        if time.monotonic() - began > _LIMIT:
            raise TimeoutError(f"the source is {camera.status()}, not {state}")
        time.sleep(0.01)
    return round(time.monotonic() - began, 2)


if __name__ == "__main__":
    sys.exit(main())
