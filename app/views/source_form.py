"""One source of pictures as a form: which fields a kind has, what they may hold, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLineEdit, QVBoxLayout, QWidget

from almrr_core.settings import AfterInspection, SimulatedSettings, SourceKind, SourceSettings
from app.services.trial import SourceTrial
from app.theme import MARGIN
from app.views.form_fields import Field, PathEdit, choices, choose, choose_or_add, real_number, whole_number
from app.views.kinds_button import KindsButton
from app.views.source_words import SURFACES, surface_word

_FIELDS: dict[SourceKind, tuple[str, ...]] = {
    SourceKind.CAMERA: ("camera", "width", "height", "rate", "exposure", "gain"),
    SourceKind.STREAM: ("stream",),
    SourceKind.VIDEO: ("video", "rate", "loop"),
    SourceKind.REPLAY: ("folder", "subfolders", "rate", "loop"),
    SourceKind.WATCH: ("folder", "subfolders", "after", "archive", "polling"),
    SourceKind.SIMULATED: ("surface", "speed", "defects", "kinds", "seed"),
}
_ADVANCED = {"width", "height", "exposure", "gain", "polling", "kinds", "seed"}
_ADDRESS = {
    SourceKind.CAMERA: "camera",
    SourceKind.STREAM: "stream",
    SourceKind.VIDEO: "video",
    SourceKind.REPLAY: "folder",
    SourceKind.WATCH: "folder",
}


class SourceForm(QWidget):
    """Edits one source; `edited` after every change by hand, with complaints at the fields."""

    edited = Signal(object)  # SourceSettings
    checked = Signal(object)  # SourceSettings: it is known now whether its folder or file is there

    def __init__(
        self, trial: SourceTrial | None = None, parent: QWidget | None = None, brief: bool = False
    ) -> None:
        """Make the form; a `brief` one leaves out what works by itself, and is made for fingers."""
        super().__init__(parent)
        self._trial, self._brief = trial, brief
        self._source = SourceSettings("", SourceKind.SIMULATED)
        self._taken: frozenset[str] = frozenset()
        self._showing = False
        self._fields: dict[str, Field] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(MARGIN)
        self._build_where()
        self._build_how()
        self._column.addStretch(1)
        self._connect()

    @property
    def source(self) -> SourceSettings:
        """The source as edited, right or wrong."""
        return self._source

    def show_source(self, source: SourceSettings, taken: frozenset[str] = frozenset()) -> None:
        """Edit another source; its name must not be one of `taken`."""
        self._source, self._taken = source, taken
        self._showing = True
        self._fill(source)
        self._showing = False
        for name, field in self._fields.items():
            field.setVisible(name in self._shown(source.kind))
        self._show_archive()
        self._check()
        for path in (self._video, self._folder):
            path.look()

    def offer_cameras(self, cameras: Sequence[tuple[str, str]]) -> None:
        """Offer these cameras, each as (address, name)."""
        self._showing = True
        self._camera.clear()
        self._camera.addItem(self.tr("The first camera found"), "")
        for address, name in cameras:
            self._camera.addItem(name, address)
        self._choose_camera(self._source.address)
        self._showing = False

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the source, one sentence each."""
        shown = (self._fields[name] for name in self._shown(self._source.kind))
        return tuple(field.complaint for field in shown if field.complaint)

    def _shown(self, kind: SourceKind) -> tuple[str, ...]:
        names = ("name", *_FIELDS[kind])
        return tuple(name for name in names if name not in _ADVANCED) if self._brief else names

    def _build_where(self) -> None:
        self._name, self._stream = QLineEdit(self), QLineEdit(self)
        self._name.setMaxLength(40)
        self._stream.setPlaceholderText("rtsp://192.168.0.20:554/stream")
        self._camera = choices([("", self.tr("The first camera found"))], self)
        videos = self.tr("Videos (*.mp4 *.avi *.mkv *.mov *.mpg *.webm);;All files (*)")
        self._video = PathEdit(False, videos, trial=self._trial)
        self._folder = PathEdit(True, trial=self._trial)
        self._subfolders = QCheckBox(self.tr("also its sub-folders"), self)
        self._surface = choices(((s, surface_word(s)) for s in SURFACES), self)
        self._add("name", self.tr("Name"), self._name, self.tr("How log and screen call this source."))
        remembered = self.tr("The device is remembered, not its number: it is found again on another socket.")
        self._add("camera", self.tr("Camera"), self._camera, remembered)
        self._add("stream", self.tr("Address"), self._stream)
        self._add("video", self.tr("File"), self._video)
        self._add("folder", self.tr("Folder"), self._folder)
        self._add("subfolders", self.tr("Take"), self._subfolders)
        self._add("surface", self.tr("Surface"), self._surface)

    def _build_how(self) -> None:
        driver, automatic = self.tr("as the driver likes"), self.tr("automatic")
        self._width = whole_number(0, 20_000, "px", driver)
        self._height = whole_number(0, 20_000, "px", driver)
        self._rate = real_number(0, 1000, self.tr("pictures/s"), 1, self.tr("as fast as they are taken"))
        # One step below the least value a driver takes stands for "automatic".
        self._exposure = real_number(-20.1, 1_000_000, "", 1, automatic)
        self._gain = real_number(-0.1, 10_000, "", 1, automatic)
        self._loop = QCheckBox(self.tr("begin again at the end"), self)
        self._after = choices(
            (
                (AfterInspection.LEAVE, self.tr("leave it where it is")),
                (AfterInspection.ARCHIVE, self.tr("move it to the archive folder")),
                (AfterInspection.DELETE, self.tr("delete it")),
            ),
            self,
        )
        self._archive = PathEdit(True)
        self._polling = QCheckBox(self.tr("look again and again (network shares)"), self)
        self._speed = real_number(0.1, 50, self.tr("parts/s"))
        self._defects = real_number(0, 100, "%")
        self._seed, self._kinds = whole_number(0, 2**31 - 1), KindsButton(self)
        self._add("width", self.tr("Width"), self._width)
        self._add("height", self.tr("Height"), self._height)
        self._add("rate", self.tr("Rate"), self._rate)
        units = self.tr("In the units of the camera's driver.")
        self._add("exposure", self.tr("Exposure"), self._exposure, units)
        self._add("gain", self.tr("Gain"), self._gain, units)
        self._add("loop", self.tr("Repeat"), self._loop)
        self._add("after", self.tr("After inspection"), self._after)
        inspected = self.tr("Empty: a folder “inspected” in the watched one.")
        self._add("archive", self.tr("Archive folder"), self._archive, inspected)
        self._add("polling", self.tr("New files"), self._polling)
        self._add("speed", self.tr("Speed"), self._speed)
        self._add("defects", self.tr("Parts with a defect"), self._defects)
        self._add("kinds", self.tr("Kinds of defects"), self._kinds)
        self._add("seed", self.tr("Seed"), self._seed, self.tr("The same seed gives the same parts."))

    def _add(self, name: str, title: str, editor: QWidget, hint: str = "") -> None:
        self._fields[name] = Field(title, editor, hint, self)
        if self._brief:
            self._fields[name].enlarge()
        self._column.addWidget(self._fields[name])

    def _connect(self) -> None:
        for text in (self._name.textChanged, self._stream.textChanged):
            text.connect(self._read)
        for path in (self._video, self._folder, self._archive):
            path.changed.connect(self._read)
            path.looked.connect(self._looked)
        for box in (self._camera, self._surface, self._after):
            box.currentIndexChanged.connect(self._read)
        for number in (self._width, self._height, self._seed):
            number.valueChanged.connect(self._read)
        for real in (self._rate, self._exposure, self._gain, self._speed, self._defects):
            real.valueChanged.connect(self._read)
        for tick in (self._subfolders, self._loop, self._polling):
            tick.toggled.connect(self._read)
        self._kinds.changed.connect(self._read)

    def _fill(self, source: SourceSettings) -> None:
        made = source.simulated
        if self._name.text().strip() != source.source_id:
            self._name.setText(source.source_id)
        self._stream.setText(source.address if source.kind is SourceKind.STREAM else "")
        self._video.set_text(source.address if source.kind is SourceKind.VIDEO else "")
        in_folder = source.kind in (SourceKind.REPLAY, SourceKind.WATCH)
        self._folder.set_text(source.address if in_folder else "")
        self._choose_camera(source.address if source.kind is SourceKind.CAMERA else "")
        self._width.setValue(source.width)
        self._height.setValue(source.height)
        self._rate.setSpecialValueText(
            self.tr("as the driver likes")
            if source.kind is SourceKind.CAMERA
            else self.tr("as fast as they are taken")
        )
        self._rate.setValue(source.rate)
        for box, value in ((self._exposure, source.exposure), (self._gain, source.gain)):
            box.setValue(box.minimum() if value is None else value)
        self._loop.setChecked(source.loop)
        self._subfolders.setChecked(source.subfolders)
        choose(self._after, source.after)
        self._archive.set_text(source.archive)
        self._polling.setChecked(bool(source.polling))
        choose_or_add(self._surface, made.surface)
        self._speed.setValue(made.speed)
        self._defects.setValue(made.defect_rate * 100)
        self._kinds.show_kinds(made.kinds)
        self._seed.setValue(made.seed)

    def _choose_camera(self, address: str) -> None:
        if address and self._camera.findData(address) < 0:
            self._camera.addItem(self.tr("{0} (not connected)").format(address), address)
        choose(self._camera, address)

    def _read(self, *_changed: object) -> None:
        if self._showing:
            return
        before = self._source
        automatic = [box.value() <= box.minimum() for box in (self._exposure, self._gain)]
        self._source = replace(
            before,
            source_id=self._name.text().strip(),
            address=self._address(before.kind),
            rate=round(self._rate.value(), 1),
            loop=self._loop.isChecked(),
            after=AfterInspection(self._after.currentData()),
            archive=self._archive.text(),
            subfolders=self._subfolders.isChecked(),
            width=self._width.value(),
            height=self._height.value(),
            exposure=None if automatic[0] else round(self._exposure.value(), 1),
            gain=None if automatic[1] else round(self._gain.value(), 1),
            simulated=self._simulated(before.simulated),
            polling=True if self._polling.isChecked() else None,
        )
        self._show_archive()
        self._check()
        if self._source != before:
            self.edited.emit(self._source)

    def _simulated(self, before: SimulatedSettings) -> SimulatedSettings:
        return replace(
            before,
            surface=str(self._surface.currentData()),
            defect_rate=round(self._defects.value() / 100, 4),
            speed=round(self._speed.value(), 1),
            kinds=self._kinds.kinds(),
            seed=self._seed.value(),
        )

    def _address(self, kind: SourceKind) -> str:
        match _ADDRESS.get(kind):
            case "camera":
                return str(self._camera.currentData() or "")
            case "stream":
                return self._stream.text().strip()
            case "video":
                return self._video.text()
            case "folder":
                return self._folder.text()
        return ""

    def _show_archive(self) -> None:
        archived = self._source.kind is SourceKind.WATCH and self._source.after is AfterInspection.ARCHIVE
        self._fields["archive"].setVisible(archived)

    def _check(self) -> None:
        source = self._source
        self._fields["name"].complain(self._name_problem(source.source_id))
        self._fields["stream"].complain(self._stream_problem(source.address))
        self._fields["video"].complain(self._video.problem() if source.kind is SourceKind.VIDEO else "")
        in_folder = source.kind in (SourceKind.REPLAY, SourceKind.WATCH)
        self._fields["folder"].complain(self._folder.problem() if in_folder else "")
        archived = source.kind is SourceKind.WATCH and source.after is AfterInspection.ARCHIVE
        self._fields["archive"].complain(self._archive_problem() if archived else "")

    def _looked(self, _found: object) -> None:
        self._check()
        self.checked.emit(self._source)

    def _name_problem(self, name: str) -> str:
        if not name:
            return self.tr("Give the source a name.")
        return self.tr("Another source has this name.") if name in self._taken else ""

    def _stream_problem(self, address: str) -> str:
        if self._source.kind is not SourceKind.STREAM:
            return ""
        try:
            parts = urlsplit(address)
        except ValueError:
            return self.tr("This is not an address.")
        if parts.scheme not in ("rtsp", "rtsps", "http", "https") or not parts.hostname:
            return self.tr("An address begins with rtsp://, http:// or https:// and names a host.")
        return ""

    def _archive_problem(self) -> str:
        archive = self._archive.text()
        if archive and Path(archive) == Path(self._source.address):
            return self.tr("Archived files would be inspected again: choose another folder.")
        return ""
