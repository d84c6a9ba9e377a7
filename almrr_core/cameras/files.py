"""Picture files of a source: listing, reading as frames, the archive, and which files were taken already."""

from __future__ import annotations

import json
import os
import shutil
import threading
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
Place = tuple[int, int]  # device and inode of a folder: other ones are another folder of the same name

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
_MOST_ELSEWHERE = 100_000  # files of a folder that is not there now which are remembered
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


def place_of(folder: Path) -> Place:
    """Return which folder stands there; raises OSError if none does."""
    status = os.stat(folder)
    return status.st_dev, status.st_ino


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
        try:
            _rename(path, wanted)
        except OSError:
            _move_to_another_disk(path, wanted)
    except FileNotFoundError as error:
        if path.exists():
            raise write_failed(wanted, error) from error
    except OSError as error:
        raise write_failed(wanted, error) from error


def _move_to_another_disk(path: Path, wanted: Path) -> None:
    """Copy the file whole under a hidden name, give it its own, and only then remove the first one."""
    partial = wanted.with_name(f".{os.getpid()}-{threading.get_ident()}.tmp")  # fits beside any legal name
    try:
        shutil.copy2(path, partial)
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        target = _rename(partial, wanted)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    try:
        path.unlink()
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _rename(path: Path, wanted: Path) -> Path:
    """Give a file that name, or one with a number if there is such a file; return which."""
    number = 1
    while True:
        target = wanted if number == 1 else wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        with suppress(FileExistsError):
            target.open("xb").close()  # nobody else can take it any more
            break
        number += 1
    try:
        os.replace(path, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


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

    A file that is missing is forgotten, so that it is a new one if it comes back, but only in the folder that
    it was seen in: where a share is not mounted an empty folder takes its `place`, and nothing is gone. Of
    files seen elsewhere the newest 100,000 are remembered. The store is a text file with one JSON line per
    file, appended to and now and then written anew.
    """

    def __init__(self, store: Path | None) -> None:
        self.place: Place = (0, 0)  # of the folder now
        self._store = store
        self._files: dict[str, tuple[Version, Place]] = {}
        self._held: set[str] = set()  # of these, what no restart may know of
        with suppress(OSError):
            for line in store.read_text("utf-8", "replace").splitlines() if store else ():
                with suppress(ValueError):  # cut short by a crash
                    name, size, changed, *place = json.loads(line)
                    device, number = place or (0, 0)  # older programs did not write it
                    self._files[name] = ((size, changed), (device, number))
            self._write()

    def __contains__(self, file: tuple[Path, Version]) -> bool:
        return (known := self._files.get(str(file[0]))) is not None and known[0] == file[1]

    def hold(self, path: Path, version: Version) -> None:
        """Remember a file until the program ends."""
        self._files[str(path)] = (version, self.place)
        self._held.add(str(path))

    def forget(self, path: Path) -> None:
        """Forget a file that is gone, or was held."""
        self._files.pop(str(path), None)
        self._held.discard(str(path))

    def keep(self, path: Path, version: Version) -> None:
        """Remember a file across restarts; raises WRITE_FAILED, it is held then."""
        self.hold(path, version)
        if self._store is None:
            return
        try:
            self._store.parent.mkdir(parents=True, exist_ok=True)
            with self._store.open("a", encoding="utf-8") as stream:
                stream.write(_line(str(path), version, self.place))
        except OSError as error:
            raise write_failed(self._store, error) from error
        self._held.discard(str(path))

    def prune(self, present: set[str]) -> None:
        """Forget the files that are gone from the folder at `place`; `present` are all that are there."""
        before = self._files
        here = {name: (version, self.place) for name, (version, _) in before.items() if name in present}
        elsewhere = [(name, one) for name, one in before.items() if name not in here and one[1] != self.place]
        self._files = dict(elsewhere[-_MOST_ELSEWHERE:]) | here
        self._held &= self._files.keys()
        if self._files != before:
            self._write()

    def _write(self) -> None:
        if self._store is not None and self._store.exists():
            with suppress(StationError):  # the longer one still holds
                kept = (item for item in self._files.items() if item[0] not in self._held)
                lines = (_line(name, *one) for name, one in kept)
                write_atomic(self._store, "".join(lines).encode())


def _line(name: str, version: Version, place: Place) -> str:
    return json.dumps([name, *version, *place]) + "\n"  # ASCII: a path may hold bytes that are no text
