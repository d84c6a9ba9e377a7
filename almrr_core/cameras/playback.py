"""Frames that wait for us: the pictures of a folder or the frames of a video, one after the other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2

from almrr_core.cameras.files import frame_of_file, pictures_in
from almrr_core.cameras.frames import frame_of
from almrr_core.cameras.opencv import picture_of
from almrr_core.cameras.protocol import unusable
from almrr_core.cameras.waiting import WaitingSource
from almrr_core.errors import StationError
from almrr_core.settings import SourceSettings
from almrr_core.types import Frame, SourceState

Round = Callable[[], Iterator[Frame]]  # once through all frames; raises SOURCE_UNUSABLE at once
_RETRY = 1.0  # seconds until a source that vanished between two rounds is tried again


class Playback(WaitingSource):
    """Gives each frame of a round, at most `rate` a second (0: when they are taken), once or in a loop."""

    def __init__(self, source_id: str, begin: Round, rate: float, loop: bool) -> None:
        super().__init__(source_id)
        self._begin_round, self._loop = begin, loop
        self._period = 1 / rate if rate > 0 else 0.0
        self._frames: Iterator[Frame] | None = None
        self._due, self._given = 0.0, 0

    def open(self) -> None:
        """Begin the first round; raises SOURCE_UNUSABLE if there is nothing to begin with."""
        if self._state is SourceState.CLOSED:
            self._frames, self._given = self._begin_round(), 0
            self._due = time.monotonic()
            self._begin()

    def take(self, timeout: float, after_ns: int = 0) -> Frame | None:
        """Return the next frame when it is due; None if it is not within `timeout` s, or at the end."""
        wait = timeout if self._state is SourceState.ENDED else self._due - time.monotonic()
        if self._state is SourceState.CLOSED or self._closing.wait(max(0.0, min(wait, timeout))):
            return None
        if wait > timeout or self._state is SourceState.ENDED:
            return None
        with self._reading:
            frame = None if self._closing.is_set() else self._next()
        if frame is not None:
            self._due = time.monotonic() + self._period
            self._taking(frame)
        return frame

    def _next(self) -> Frame | None:
        try:
            frame = next(self._frames, None) if self._frames else None
            if frame is None and (self._loop or self._lost):
                frame = self._first_of_next_round()
        except StationError as error:
            self._frames, self._due = None, time.monotonic() + _RETRY
            self._lose(error.sentence)
            return None
        if frame is None:
            self._enter(SourceState.ENDED, f"All {self._given} pictures were given.")
        else:
            self._given += 1
        return frame

    def _first_of_next_round(self) -> Frame:
        self._frames, self._given = self._begin_round(), 0
        frame = next(self._frames, None)
        if frame is None:
            raise unusable("The source holds not one picture.", "")
        self._found()
        return frame

    def _let_go(self) -> None:
        self._frames = None  # ends the generator, which lets go of its file


def replay(settings: SourceSettings, bit_depth: int | None) -> Playback:
    """Return the pictures of a folder in name order, listed anew each round."""
    folder = Path(settings.address)

    def begin() -> Iterator[Frame]:
        paths = pictures_in(folder, settings.subfolders)
        if not paths:
            raise unusable(f"There is no picture in {folder}.", "Choose a folder with pictures.")
        return (frame_of_file(settings.source_id, path, bit_depth) for path in paths)

    return Playback(settings.source_id, begin, settings.rate, settings.loop)


def video(settings: SourceSettings, bit_depth: int | None) -> Playback:
    """Return the frames of a video file, every one of them."""

    def begin() -> Iterator[Frame]:
        return _video_frames(settings, _open_video(settings.address), bit_depth)

    return Playback(settings.source_id, begin, settings.rate, settings.loop)


def _open_video(address: str) -> cv2.VideoCapture:
    if not os.path.isfile(address):
        raise unusable(f"The video file {address} does not exist.", "Choose another file.")
    for backend in (cv2.CAP_FFMPEG, cv2.CAP_GSTREAMER, cv2.CAP_OPENCV_MJPEG):
        capture = cv2.VideoCapture(address, backend)
        if capture.isOpened():
            return capture
        capture.release()
    raise unusable(
        f"{address} is not a video that can be played.", "Convert it to MP4 (H.264) or AVI (MJPEG)."
    )


def _video_frames(
    settings: SourceSettings, capture: cv2.VideoCapture, bit_depth: int | None
) -> Iterator[Frame]:
    name = os.path.basename(settings.address)
    try:
        number = 0
        while True:
            found, pixels = capture.read()
            if not found:
                return
            number += 1
            picture = picture_of(pixels, bit_depth)
            yield frame_of(settings.source_id, picture, name=f"{name} #{number}")
    finally:
        capture.release()
