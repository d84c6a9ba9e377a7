"""Sources of frames: what a setting stands for, and which cameras are connected."""

from __future__ import annotations

import re
from pathlib import Path

from almrr_core.cameras.devices import list_cameras
from almrr_core.cameras.opencv import device_camera, stream_camera
from almrr_core.cameras.playback import replay, video
from almrr_core.cameras.protocol import Camera, CameraChoice, Gap, MadePicture, PictureMaker, unusable
from almrr_core.cameras.simulated import simulated_camera
from almrr_core.cameras.watch import WatchFolder
from almrr_core.settings import SourceKind, SourceSettings

__all__ = ["Camera", "CameraChoice", "Gap", "MadePicture", "PictureMaker", "build_camera", "list_cameras"]


def build_camera(
    settings: SourceSettings,
    make_picture: PictureMaker | None = None,
    bit_depth: int | None = None,
    state_folder: Path | None = None,
) -> Camera:
    """Return the source, closed; raises SOURCE_UNUSABLE for settings that can never work.

    `make_picture` is for SIMULATED only. `bit_depth` is the recipe's. A watch that leaves its files remembers
    in `state_folder` (made when needed) which were inspected; without it they are inspected again when the
    camera is built anew.
    """
    match settings.kind:
        case SourceKind.CAMERA:
            return device_camera(settings, bit_depth)
        case SourceKind.STREAM:
            return stream_camera(settings, bit_depth)
        case SourceKind.VIDEO:
            return video(settings, bit_depth)
        case SourceKind.REPLAY:
            return replay(settings, bit_depth)
        case SourceKind.WATCH:
            name = re.sub(r"[^\w-]", "_", settings.source_id)
            return WatchFolder(settings, bit_depth, state_folder / f"{name}.seen" if state_folder else None)
        case SourceKind.SIMULATED:
            if make_picture is None:
                raise unusable("Nothing makes pictures for the simulated line.", "Choose another source.")
            return simulated_camera(settings.source_id, make_picture, settings.simulated.speed)
