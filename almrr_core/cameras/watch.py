"""A folder that pictures arrive in: each file is taken once, when it is whole, then left, moved or deleted."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from almrr_core.cameras.files import (
    Place,
    Seen,
    Version,
    files_in,
    folder_unusable,
    frame_of_file,
    is_ignored,
    is_on_network,
    move_beside,
    place_of,
    version_of,
)
from almrr_core.cameras.notify import Notifier
from almrr_core.cameras.protocol import unusable
from almrr_core.cameras.waiting import WaitingSource
from almrr_core.files import write_failed
from almrr_core.settings import AfterInspection, SourceSettings
from almrr_core.types import Frame, SourceState, SourceStatus

STABLE = 0.3  # seconds that size and time of change must stay before a file is read
PATIENCE = 10.0  # seconds that an unreadable file must stay as it is before it is given up

_TICK = 0.05  # seconds between two looks at files that are not ready, and at what the system told
_CHECK = 1.0  # seconds between two looks at the folder: at all of it where the system tells nothing
_SAFETY = 20.0  # seconds between two looks at all of it else: the system may forget something


@dataclass(slots=True)
class _Waiting:
    """A file that is not taken yet: unchanged since `since`, tried at `due` and then `delay` s later.

    `came_ns`: when it was found, 0 at the first look at a folder, or at a share that came back; a version that
    comes after one that `stood` comes anew.
    """

    version: Version
    came_ns: int
    since: float
    due: float
    delay: float = 0.5
    stood: bool = False


class WatchFolder(WaitingSource):
    """Takes what is in the folder at the start by name, then what arrives, in order of arrival.

    A file that cannot be read is tried again; unchanged for `patience` seconds it is given as a frame without
    picture, and never deleted. A file that is written anew is a new one. With `store` (a file's path) files
    that were left are remembered across restarts, without it only until the camera is built anew.
    """

    arrives = True

    def __init__(
        self,
        settings: SourceSettings,
        bit_depth: int | None = None,
        store: Path | None = None,
        stable: float = STABLE,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(settings.source_id)
        self._settings, self._bit_depth = settings, bit_depth
        self._stable, self._patience = stable, patience
        self._folder = Path(settings.address).absolute()
        self._archive = Path(settings.archive).absolute() if settings.archive else self._folder / "inspected"
        self._seen = Seen(store)  # under the lock, as is what was taken and is not settled:
        self._taken: dict[tuple[str, int], tuple[Path, Version]] = {}  # by `_key`
        self._notifier: Notifier | None = None
        self._start_anew()

    def _start_anew(self) -> None:
        self._waiting: dict[Path, _Waiting] = {}
        self._passed: dict[Path, _Waiting] = {}  # whole, came before `_asked_ns`: no frame is looked for here
        self._asked_ns = 1
        self._place: Place = (0, 0)  # of the folder
        self._is_known = False  # whether all of the folder at `_place` was looked at
        self._check_at = self._look_at = 0.0

    def open(self) -> None:
        """Begin to watch; raises SOURCE_UNUSABLE unless the folder is there.

        What was taken and is not settled yet still waits for the log: it is not taken again.
        """
        if self._state is not SourceState.CLOSED:
            return
        if self._archive == self._folder and self._settings.after is AfterInspection.ARCHIVE:
            raise unusable(f"{self._folder} cannot be its own archive.", "Choose another folder.")
        try:
            os.scandir(self._folder).close()
        except OSError as error:
            raise folder_unusable(self._folder, error) from error
        self._start_anew()
        self._begin()
        self.look()
        self._waiting = dict(sorted(self._waiting.items()))

    def look(self) -> None:
        """Note what arrived, and when, without taking it."""
        with self._reading:
            if self._state is not SourceState.CLOSED and not self._closing.is_set():
                self._find()
                self._next_ready(time.monotonic_ns() + 1)  # none is

    def take(self, timeout: float, after_ns: int = 0) -> Frame | None:
        """Return the next file that is whole, or was given up; None without one within `timeout` s."""
        deadline = time.monotonic() + timeout
        while self._state is not SourceState.CLOSED and not self._closing.is_set():
            with self._reading:
                frame = None if self._closing.is_set() else self._next(after_ns)
            if frame is not None:
                return self._taking(frame)
            if (left := deadline - time.monotonic()) <= 0:
                return None
            self._closing.wait(min(left, _TICK))
        return None

    def _next(self, after_ns: int) -> Frame | None:
        self._find()
        if after_ns < self._asked_ns:  # older ones count again
            self._waiting, self._passed = self._passed | self._waiting, {}
        self._asked_ns = after_ns
        return self._next_ready(after_ns)

    def _find(self) -> None:
        """Find new files: by the system's word, and now and then by looking at all of them."""
        now = time.monotonic()
        try:
            if now >= self._check_at:
                self._check_at = now + _CHECK
                self._check_folder()
            told, folders = self._notifier.told() if self._notifier else ([], False)
            if folders or now >= self._look_at:
                self._look_at = now + (_SAFETY if self._notifier else _CHECK)
                self._look_at_all()
            for path in told:
                if self._is_ours(path) and (version := version_of(path)):
                    self._note(path, version)
        except OSError as error:
            self._stop_notifier()
            self._lose(folder_unusable(self._folder, error).sentence)

    def _check_folder(self) -> None:
        """Raise OSError if the folder is gone; see whether it is another one now, whom nobody watches."""
        place = place_of(self._folder)
        if place == self._place and self._lost is None:
            return
        self._stop_notifier()
        polling = self._settings.polling
        if not (is_on_network(self._folder) if polling is None else polling):
            notifier = Notifier(self._folder, self._settings.subfolders)
            self._notifier = notifier if notifier.works else None
        self._is_known = self._is_known and place == self._place
        self._place, self._look_at = place, 0.0
        with self._lock:
            self._seen.place = place

    def _look_at_all(self) -> None:
        found = list(files_in(self._folder, self._settings.subfolders, self._archive))
        is_whole = place_of(self._folder) == self._place  # else another one may have been listed: soon again
        for path, version in sorted(found, key=_changed):
            self._note(path, version, lay_there=not (is_whole and self._is_known))
        if is_whole:
            self._is_known = True
            present = {str(path) for path, _ in found}
            with self._lock:
                self._seen.prune(present)
            for files in (self._waiting, self._passed):
                for path in [path for path in files if str(path) not in present]:
                    del files[path]
        self._found()

    def _is_ours(self, path: Path) -> bool:
        if self._folder not in path.parents or self._archive in path.parents or path.is_dir():
            return False
        return not any(map(is_ignored, path.relative_to(self._folder).parts))

    def _stop_notifier(self) -> None:
        if self._notifier is not None:
            self._notifier.stop()
            self._notifier = None

    def _note(self, path: Path, version: Version, lay_there: bool = False) -> None:
        with self._lock:
            if (path, version) in self._seen:
                return
        known = self._waiting.get(path) or self._passed.get(path)
        if known is not None and known.version == version:
            return
        if known is None or known.stood:
            came_ns = 0 if lay_there else time.monotonic_ns()
            self._waiting.pop(path, None)  # it comes anew, after all that wait
            self._passed.pop(path, None)
        else:
            came_ns = known.came_ns
        now = time.monotonic()
        self._waiting[path] = _Waiting(version, came_ns, now, now + self._stable)

    def _next_ready(self, after_ns: int) -> Frame | None:
        """Return the next frame; with `after_ns` no file overtakes another, for then their order counts."""
        now = time.monotonic()
        for path, waiting in tuple(self._waiting.items()):
            if waiting.came_ns < after_ns:
                if now >= waiting.due and not waiting.stood:
                    waiting.stood = self._is_unchanged(path, waiting)
                if waiting.stood and waiting.came_ns < self._asked_ns:
                    self._passed[path] = self._waiting.pop(path)
                continue
            if now >= waiting.due and (frame := self._try(path, waiting)) is not None:
                return frame
            if after_ns and path in self._waiting:
                return None
        return None

    def _try(self, path: Path, waiting: _Waiting) -> Frame | None:
        """Return the file's frame; None if it is gone, changes still, or may become readable."""
        if not self._is_unchanged(path, waiting):
            return None
        frame = frame_of_file(self._settings.source_id, path, self._bit_depth)
        now = time.monotonic()
        if not self._is_unchanged(path, waiting):  # meanwhile
            return None
        if frame.picture is None:
            if now - waiting.since < self._patience:
                waiting.due, waiting.delay = now + min(waiting.delay, self._patience / 4), 2 * waiting.delay
                return None
            frame = replace(frame, fault=f"{frame.fault} It was tried for {self._patience:g} s.")
        del self._waiting[path]
        with self._lock:
            self._seen.hold(path, waiting.version)
            self._taken[_key(frame)] = (path, waiting.version)
        return frame

    def _is_unchanged(self, path: Path, waiting: _Waiting) -> bool:
        version = version_of(path)
        if version is None:
            del self._waiting[path]
        elif version != waiting.version:
            self._note(path, version)
        return version == waiting.version

    def status(self) -> SourceStatus:
        """Return the state; while files are passed over it says how many."""
        status, count = super().status(), len(self._passed)
        if not count or status.state is not SourceState.LIVE:
            return status
        said = f"Files that lay in the folder before are left there ({count}): no trigger asked for them."
        return replace(status, sentence=said)

    def settle(self, frame: Frame) -> None:
        """Leave, archive or delete the frame's file; one without picture is never deleted.

        Raises WRITE_FAILED when it cannot be moved or deleted: it then stays, and is not taken again.
        """
        with self._lock:
            path, version = self._taken.pop(_key(frame), (None, None))
        if path is None or version_of(path) != version or version is None:
            return  # not ours, gone, or already written anew
        after = self._settings.after
        try:
            if after is AfterInspection.ARCHIVE:
                move_beside(path, self._folder, self._archive)
            elif after is AfterInspection.DELETE and frame.picture is not None:
                _delete(path)
        finally:
            with self._lock:
                if version_of(path) == version:
                    self._seen.keep(path, version)
                else:
                    self._seen.forget(path)

    def _let_go(self) -> None:
        self._stop_notifier()  # what was taken may still be settled


def _changed(file: tuple[Path, Version]) -> int:
    return file[1][1]


def _key(frame: Frame) -> tuple[str, int]:
    """Return what tells a taken frame from all others: the time alone stands still for 16 ms on Windows."""
    return frame.name, frame.grabbed_ns


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise write_failed(path, error) from error
