"""Cameras and streams through OpenCV: several back-ends are tried, and the reason is kept when none opens."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from almrr_core.cameras.devices import Device, find_device
from almrr_core.cameras.frames import Moment, frame_of
from almrr_core.cameras.live import LiveCamera
from almrr_core.cameras.protocol import unusable
from almrr_core.errors import StationError
from almrr_core.settings import SourceSettings
from almrr_core.types import Frame, Picture

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_OPEN_MS, _READ_MS = 4000, 2000  # FFmpeg gives up then, so that its thread goes on
_FIRST_PICTURE = 3.0  # seconds for a device to give one
_STREAM_BACKENDS = (cv2.CAP_FFMPEG, cv2.CAP_GSTREAMER)
_MANUAL_EXPOSURE = {cv2.CAP_V4L2: 1.0}  # V4L2's own value; elsewhere OpenCV's convention
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # quiet: a lost stream is a state, with a sentence
_CHECK_STREAM = "Check the address, the network and the camera's power; try the address in a video player."


def device_camera(settings: SourceSettings, bit_depth: int | None) -> LiveCamera:
    """Return the USB/UVC camera of `settings.address`."""

    def connect(stop: threading.Event) -> OpenCapture:
        reasons = []
        for device in find_device(settings.address):
            if stop.is_set():
                break
            try:
                return _open_device(device, settings, bit_depth)
            except StationError as error:
                reasons.append(error.sentence)
        raise unusable(" ".join(reasons), "Close other programs that use the camera, or plug it in again.")

    return LiveCamera(settings.source_id, connect, _period(settings))


def stream_camera(settings: SourceSettings, bit_depth: int | None) -> LiveCamera:
    """Return the RTSP or HTTP stream; raises SOURCE_UNUSABLE for an address that is none."""
    url = _split(settings.address)
    if url is None:
        raise unusable(
            f"{settings.address!r} is not the address of a stream.",
            "Give an address that begins with rtsp:// or http:// and names a host.",
        )

    def connect(stop: threading.Event) -> OpenCapture:
        for backend in _STREAM_BACKENDS:
            if stop.is_set() or not cv2.videoio_registry.hasBackend(backend):
                continue
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_MS]
            capture = cv2.VideoCapture(settings.address, backend, limits if backend == cv2.CAP_FFMPEG else [])
            if capture.isOpened():
                return OpenCapture(settings.source_id, capture, bit_depth)
            capture.release()
        raise unusable(_why_closed(url), _CHECK_STREAM)

    return LiveCamera(settings.source_id, connect, _period(settings))


def _period(settings: SourceSettings) -> float:
    return 1 / settings.frame_rate if settings.frame_rate > 0 else 0.0


class OpenCapture:
    """An open `cv2.VideoCapture`; stamps each frame when the driver has it, before it is decoded."""

    def __init__(
        self, source_id: str, capture: cv2.VideoCapture, bit_depth: int | None, remark: str = ""
    ) -> None:
        self._source_id, self._capture, self._bit_depth, self.remark = source_id, capture, bit_depth, remark

    def read(self) -> Frame | None:
        """Return the next frame, None when the driver gave none."""
        if not self._capture.grab():
            return None
        moment = Moment.now()
        decoded, pixels = self._capture.retrieve()
        if not decoded or pixels is None or pixels.size == 0:
            return None
        return frame_of(self._source_id, picture_of(pixels, self._bit_depth), moment)

    def release(self) -> None:
        """Let go of the device."""
        self._capture.release()


def picture_of(pixels: NDArray[Any], bit_depth: int | None) -> Picture:
    """Return OpenCV's gray, BGR or BGRA pixels as (H, W) or (H, W, 3) RGB uint8, its own copy.

    16 bit are shifted right by `bit_depth - 8` (default 16) and saturated, as in `imaging.read_picture`.
    """
    if pixels.dtype == np.uint16:
        pixels = np.minimum(pixels >> ((bit_depth or 16) - 8), 255)
    eight = pixels.astype(np.uint8)
    if eight.ndim == 2 or eight.shape[2] == 1:
        return eight.reshape(eight.shape[:2])
    order = cv2.COLOR_BGRA2RGB if eight.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(eight, order), np.uint8)


def _open_device(device: Device, settings: SourceSettings, bit_depth: int | None) -> OpenCapture:
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")  # seconds; 10 would hide an unplugged one
    capture = cv2.VideoCapture(device.index, device.backend)
    name = f"{device.name} by {cv2.videoio_registry.getBackendName(device.backend)}"
    if not capture.isOpened():
        capture.release()
        raise unusable(f"{name}: it does not open{_denied(device)}.", "")
    remark = " ".join(_adjust(capture, device, settings))
    deadline = time.monotonic() + _FIRST_PICTURE
    while not capture.grab():
        if time.monotonic() > deadline:
            capture.release()
            raise unusable(f"{name}: it opens but gives no picture; another program may be using it.", "")
        time.sleep(0.02)
    return OpenCapture(settings.source_id, capture, bit_depth, remark)


def _denied(device: Device) -> str:
    node = f"/dev/video{device.index}"
    if device.backend != cv2.CAP_V4L2 or os.access(node, os.R_OK | os.W_OK):
        return ""
    return f": no permission for {node} (add the user to the group video)"


def _adjust(capture: cv2.VideoCapture, device: Device, settings: SourceSettings) -> Iterator[str]:
    """Ask for what the settings want; yield a sentence for what the driver does not do."""
    for name, key, wanted in (
        ("width", cv2.CAP_PROP_FRAME_WIDTH, settings.width),
        ("height", cv2.CAP_PROP_FRAME_HEIGHT, settings.height),
        ("frame rate", cv2.CAP_PROP_FPS, settings.frame_rate),
    ):
        if wanted and (not capture.set(key, wanted) or abs(capture.get(key) - wanted) > 0.5):
            yield f"The camera's {name} is {capture.get(key):g}, not {wanted:g}."
    if settings.exposure is not None:
        capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL_EXPOSURE.get(device.backend, 0.25))
        if not capture.set(cv2.CAP_PROP_EXPOSURE, settings.exposure):
            yield f"The camera does not take the exposure {settings.exposure:g}."
    if settings.gain is not None and not capture.set(cv2.CAP_PROP_GAIN, settings.gain):
        yield f"The camera does not take the gain {settings.gain:g}."


def _split(address: str) -> SplitResult | None:
    try:
        url = urlsplit(address)
        usable = url.scheme in _PORTS and url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        return None
    return url if usable else None


def _why_closed(url: SplitResult) -> str:
    """Return a sentence on what is wrong, without the user, password and query of the address."""
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    shown = f"{url.scheme}://{host}:{port}{url.path}"
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError as error:
        return f"The stream {shown} does not answer ({error.strerror or error})."
    return f"{host}:{port} answers, but gives no video at {shown} (path, password or format)."
