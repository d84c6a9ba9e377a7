"""Connected cameras by name: an address remembers the device (name, vendor, product, port), not its index."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
from cv2_enumerate_cameras import enumerate_cameras, supported_backends

from almrr_core.cameras.protocol import CameraChoice, unusable

# The first that exists and works is used: those that open fast and offer exposure and gain come first.
_PREFERRED = (cv2.CAP_V4L2, cv2.CAP_DSHOW, cv2.CAP_MSMF, cv2.CAP_AVFOUNDATION, cv2.CAP_GSTREAMER)
_ADDRESS = re.compile(r"(?P<model>.* \[[0-9a-f]{4}:[0-9a-f]{4}\]) .*")
_CHECK_CABLE = "Connect the camera and check its cable and power, or choose another source."


@dataclass(frozen=True, slots=True)
class Device:
    """A camera as one back-end of OpenCV sees it; `port` says where it is plugged in."""

    name: str
    vendor: int
    product: int
    port: str
    index: int
    backend: int

    @property
    def model(self) -> str:
        """Return name, vendor and product: the same for two cameras of one kind."""
        return f"{self.name} [{self.vendor:04x}:{self.product:04x}]"

    @property
    def address(self) -> str:
        """Return what the settings remember."""
        return f"{self.model} {self.port}"


def list_cameras() -> tuple[CameraChoice, ...]:
    """Return the connected cameras, each once; those of one kind are told apart by their ports."""
    found = {device.address: device for device in _devices()}
    models = [device.model for device in found.values()]
    return tuple(
        CameraChoice(one.name if models.count(one.model) == 1 else f"{one.name} ({one.port})", address)
        for address, one in found.items()
    )


def find_device(address: str) -> tuple[Device, ...]:
    """Return the connected camera once for each back-end; raises SOURCE_UNUSABLE if it is not there."""
    return match_device(address, _devices())


def match_device(address: str, devices: Iterable[Device]) -> tuple[Device, ...]:
    """Return those of `devices` that are the remembered camera.

    "" is the first one. At another port it is found by its model, as long as there is one of it only.
    """
    devices = tuple(devices)
    if not devices:
        raise unusable("No camera is connected.", _CHECK_CABLE)
    wanted = address or devices[0].address
    if exact := tuple(one for one in devices if wanted in (one.address, one.name, one.port)):
        return _of_one(exact, wanted)
    known = _ADDRESS.fullmatch(wanted)
    model = known["model"] if known else wanted
    moved = tuple(one for one in devices if one.model == model)
    if not moved:
        raise unusable(f"The camera {model} is not connected.", _CHECK_CABLE)
    return _of_one(moved, model)


def _of_one(devices: tuple[Device, ...], wanted: str) -> tuple[Device, ...]:
    if len({one.address for one in devices}) > 1:
        raise unusable(
            f"Several cameras {wanted} are connected, none of them where the chosen one was.",
            "Choose the camera again in the settings, or plug it in where it was.",
        )
    return devices


def _devices() -> list[Device]:
    known = [backend for backend in _PREFERRED if backend in supported_backends]
    return [
        Device(
            info.name or "camera", info.vid or 0, info.pid or 0, _port(info.path or ""), info.index, backend
        )
        for backend in known
        for info in sorted(enumerate_cameras(backend), key=_index)
    ]


def _index(info: object) -> int:
    return int(getattr(info, "index", 0))


def _port(path: str) -> str:
    """Return the part of a device's path that stays: Linux numbers its devices anew at each start."""
    for link in sorted(Path("/dev/v4l/by-path").glob("*")) if path.startswith("/dev/") else ():
        if os.path.realpath(link) == os.path.realpath(path):
            return str(link)
    return path.partition("#{")[0]  # Windows: what follows differs from back-end to back-end
