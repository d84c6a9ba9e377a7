"""Picture files of a source: listing, reading as frames, the archive, and which files were taken already."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from almrr_core.cameras.frames import frame_of
from almrr_core.cameras.protocol import unusable
from almrr_core.errors import StationError
from almrr_core.files import write_atomic, write_failed
from almrr_core.imaging import read_picture
from almrr_core.types import Frame

Version = tuple[int, int]  # size in bytes, time of change in ns: another one is another picture

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
_OF_THE_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})
_NETWORK = frozenset(
    {*("nfs", "nfs4", "cifs", "smb3", "smbfs", "smb2", "afpfs", "webdav", "9p", "afs", "ceph", "davfs")}
    | {"fuse.sshfs", "fuse.rclone", "vboxsf", "prl_fs"}
)


def files_in(folder: Path, subfolders: bool, without: Path | None = None) -> Iterator[tuple[Path, Version]]:
    """Yield the files of a folder (and below), by name; hidden ones, the system's and links to folders not.

    Raises OSError if it, or one below, cannot be listed: no file is passed over silently.
    """
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=_name)
    for entry in ordered:
        path = Path(entry.path)
        if path == without or is_ignored(entry.name):
            continue
        if not entry.is_dir():
            if version := version_of(path):
                yield path, version
        elif subfolders and not entry.is_symlink():
            with suppress(FileNotFoundError):  # deleted meanwhile
                yield from files_in(path, True, without)


def version_of(path: Path) -> Version | None:
    """Return which version of the file lies there, None for none."""
    with suppress(OSError):
        status = os.stat(path)
        return status.st_size, status.st_mtime_ns
    return None


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def is_ignored(name: str) -> bool:
    """Return whether this is no file of anybody's: hidden, or the system's own."""
    return name.startswith(".") or name.lower() in _OF_THE_SYSTEM


def pictures_in(folder: Path, subfolders: bool) -> list[Path]:
    """Return the files with a picture's suffix, in name order; raises SOURCE_UNUSABLE for no folder."""
    try:
        return [path for path, _ in files_in(folder, subfolders) if path.suffix.lower() in _SUFFIXES]
    except OSError as error:
        raise folder_unusable(folder, error) from error


def folder_unusable(folder: Path, error: OSError) -> StationError:
    """Return the fault for a folder that cannot be listed."""
    return unusable(
        f"The folder {folder} cannot be used ({error.strerror or error}).",
        "Check that it exists, is connected and may be read.",
    )


def frame_of_file(source_id: str, path: Path, bit_depth: int | None) -> Frame:
    """Return the file as a frame; its fault says why there is no picture."""
    try:
        return frame_of(source_id, read_picture(path, bit_depth), name=printable(path))
    except StationError as error:
        return frame_of(source_id, None, name=printable(path), fault=error.sentence)


def printable(path: Path) -> str:
    """Return a path as text that any log can hold: what cannot be printed is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path))


def move_beside(path: Path, folder: Path, archive: Path) -> None:
    """Move a file of `folder` to the same place below `archive`, never over another; raises WRITE_FAILED."""
    wanted = archive / path.relative_to(folder)
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        target = _reserve(wanted)
        try:
            _move(path, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    except FileNotFoundError as error:
        if path.exists():
            raise write_failed(wanted, error) from error
    except OSError as error:
        raise write_failed(wanted, error) from error


def _reserve(wanted: Path) -> Path:
    """Return a new empty file of that name, or of one with a number: nobody else can take it any more."""
    number = 1
    while True:
        target = wanted if number == 1 else wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        with suppress(FileExistsError):
            target.open("xb").close()
            return target
        number += 1


def _move(path: Path, target: Path) -> None:
    try:
        os.replace(path, target)
    except OSError:  # another disk: copied whole before the first one goes
        shutil.copy2(path, target)
        with target.open("rb+") as stream:
            os.fsync(stream.fileno())
        path.unlink()


def is_on_network(folder: Path) -> bool:
    """Return whether the folder lies on a network share, whose changes the system does not tell of."""
    where = os.path.realpath(folder)
    if where.startswith("\\\\"):
        return True
    mounted = [one for one in psutil.disk_partitions(all=True) if _is_below(where, one.mountpoint)]
    if not mounted:
        return False
    disk = max(mounted, key=lambda one: len(one.mountpoint))
    return disk.fstype.lower() in _NETWORK or "remote" in disk.opts.split(",")


def _is_below(where: str, mountpoint: str) -> bool:
    with suppress(ValueError):  # another drive
        return os.path.commonpath([where, mountpoint]) == os.path.commonpath([mountpoint])
    return False


class Seen:
    """The versions of files that are done with and still lie there; with a `store`, across restarts too.

    The store is a text file with one JSON line per file, appended to and now and then written anew.
    """

    def __init__(self, store: Path | None) -> None:
        self._store = store
        self._versions: dict[str, Version] = {}
        with suppress(OSError):
            for line in store.read_text("utf-8", "replace").splitlines() if store else ():
                with suppress(ValueError):  # cut short by a crash
                    name, size, changed = json.loads(line)
                    self._versions[name] = (size, changed)
            self._write()

    def __contains__(self, file: tuple[Path, Version]) -> bool:
        return self._versions.get(str(file[0])) == file[1]

    def hold(self, path: Path, version: Version) -> None:
        """Remember a file until the program ends."""
        self._versions[str(path)] = version

    def forget(self, path: Path) -> None:
        """Forget a file that is gone, or was held."""
        self._versions.pop(str(path), None)

    def keep(self, path: Path, version: Version) -> None:
        """Remember a file across restarts; raises WRITE_FAILED, it is held then."""
        self.hold(path, version)
        if self._store is None:
            return
        try:
            self._store.parent.mkdir(parents=True, exist_ok=True)
            with self._store.open("a", encoding="utf-8") as stream:
                stream.write(_line(str(path), version))
        except OSError as error:
            raise write_failed(self._store, error) from error

    def prune(self, present: set[str]) -> None:
        """Forget the files that are gone."""
        gone = self._versions.keys() - present
        for name in gone:
            del self._versions[name]
        if gone:
            self._write()

    def _write(self) -> None:
        if self._store is not None and self._store.exists():
            with suppress(StationError):  # the longer one still holds
                write_atomic(self._store, "".join(_line(*one) for one in self._versions.items()).encode())


def _line(name: str, version: Version) -> str:
    return json.dumps([name, *version]) + "\n"  # ASCII: a path may hold bytes that are no text
