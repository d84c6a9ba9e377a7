"""The system's word on what changed in a folder, by watchdog; where it gives none, one must look oneself."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

# Not: opened and read, which our own reading causes.
_WANTED: list[type[FileSystemEvent]] = [
    *(FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileClosedEvent),
    *(DirCreatedEvent, DirMovedEvent),
]
_JOIN = 1.0  # seconds

_log = logging.getLogger(__name__)


class Notifier(FileSystemEventHandler):
    """Collects the files of one folder that were written; `works` is False where the system tells nothing."""

    def __init__(self, folder: Path, subfolders: bool) -> None:
        self._lock = threading.Lock()
        self._files: dict[Path, None] = {}  # in order, each once
        self._folders = False
        self._observer = Observer()
        self._observer.name = f"watch {folder}"
        try:
            self._observer.schedule(self, str(folder), recursive=subfolders, event_filter=_WANTED)
            self._observer.start()
            self.works = True
        except OSError as error:  # no more watches, or a file system without them
            _log.warning("%s is looked at again and again: the system tells no changes (%s)", folder, error)
            self.works = False

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Note a written or renamed file, or that a folder came."""
        path = event.dest_path or event.src_path
        with self._lock:
            if event.is_directory:
                self._folders = True
            else:
                self._files[Path(os.fsdecode(path))] = None

    def told(self) -> tuple[list[Path], bool]:
        """Return the files written since the last call, and whether a folder came that may hold more."""
        with self._lock:
            files, folders = list(self._files), self._folders
            self._files.clear()
            self._folders = False
        return files, folders

    def stop(self) -> None:
        """Stop, within a second."""
        with suppress(RuntimeError):  # never started
            self._observer.stop()
            self._observer.join(_JOIN)
