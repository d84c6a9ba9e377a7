"""The log of one data folder: every method is one transaction, every write passes one lock."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Self

from filelock import FileLock

from almrr_core.settings import Retention
from almrr_core.store import export, opinions, queries, registry, retention
from almrr_core.store.database import BUSY_SECONDS, Database
from almrr_core.store.detail import detail, kept_picture, picture_of
from almrr_core.store.missing import name_left
from almrr_core.store.opening import lock_folder, open_database, recover
from almrr_core.store.pictures import Pictures
from almrr_core.store.recording import insert_all, insert_record, part_number
from almrr_core.types import (
    Action,
    Actor,
    Counts,
    DefectClass,
    EventRow,
    Label,
    LabelRow,
    LogDetail,
    LogFilter,
    LogOrder,
    LogRow,
    Mask,
    ModelId,
    ModelRow,
    NewSample,
    Pool,
    Recipe,
    Record,
    SampleRow,
    ScoredPart,
)


class Store:
    """Tables, pictures and the station's lock. Any thread may call; `open` it, and `close` it once."""

    def __init__(self, folder: Path, database: Database, lock: FileLock) -> None:
        self.folder = folder
        self._database, self._lock = database, lock
        self._pictures = Pictures(folder)
        self.recovered = recover(database, self._pictures)

    @classmethod
    def open(cls, folder: Path, url: str | None = None, busy_seconds: float = BUSY_SECONDS) -> Self:
        """Take the folder for this station and bring its log up to date; without `url` DIR/log.sqlite.

        `recovered` then says how many parts were being recorded when the last run ended and are not in the log;
        an event GAP names them. `busy_seconds`: how long a write waits for another program.
        Raises STATION_RUNNING, LOG_NEWER, LOG_DAMAGED (the file stays as it is), LOG_LOCKED, DISK_FULL and
        WRITE_FAILED.
        """
        with ExitStack() as undo:
            lock = lock_folder(folder)
            undo.callback(lock.release)
            database = open_database(folder, url, busy_seconds)
            undo.callback(database.close)
            store = cls(folder, database, lock)
            undo.pop_all()
        return store

    def close(self) -> None:
        """Close the log and free the folder; a second call does nothing."""
        self._database.close()
        self._lock.release()

    def record(self, record: Record, keep_picture: bool) -> int:
        """Write picture and map, then part, inspection and regions in one transaction; return the row's id.

        If anything fails neither file nor row is left. Raises DISK_FULL, LOG_LOCKED, WRITE_FAILED, LOG_DAMAGED,
        BAD_ARGUMENT for a view of a part that is already there or a recipe that was not added.
        """
        with self._pictures.recording(record, keep_picture) as kept, self._database.write() as connection:
            return insert_record(connection, record, kept)

    def record_all(self, records: Iterable[Record]) -> int:
        """Add many new parts of one view without pictures, in one transaction; return how many.

        For benchmarks, and for moving an older log here; the line uses `record`.
        """
        with self._database.write() as connection:
            return insert_all(connection, records)

    def find_part(self, part_id: str) -> bool:
        """Return whether a part is in the log."""
        with self._database.read() as connection:
            return part_number(connection, part_id) is not None

    def name_missing(self, left: Iterable[str], line_id: str, actor: Actor) -> tuple[str, ...]:
        """Log, before a line starts again, which parts it left in flight; see `missing.name_left`."""
        with self._database.write() as connection:
            return name_left(connection, actor, left, line_id)

    def page(
        self, wanted: LogFilter, order: LogOrder, after: LogRow | None, limit: int
    ) -> tuple[LogRow, ...]:
        """Return at most `limit` rows that follow `after`, None for the first page."""
        with self._database.read() as connection:
            return queries.page(connection, wanted, order, after, limit)

    def count(self, wanted: LogFilter) -> int:
        """Return how many inspections there are, exactly."""
        with self._database.read() as connection:
            return queries.count(connection, wanted)

    def tally(self, wanted: LogFilter) -> Counts:
        """Return how many inspections had which verdict, exactly."""
        with self._database.read() as connection:
            return queries.tally(connection, wanted)

    def trend(self, wanted: LogFilter, limit: int = 200) -> tuple[LogRow, ...]:
        """Return the newest `limit` rows as a chart shows them, oldest first."""
        return self.page(wanted, LogOrder.NEWEST, None, limit)[::-1]

    def recent_scores(self, product: str, limit: int) -> tuple[ScoredPart, ...]:
        """Return the last inspections of a product that have a score, newest first."""
        with self._database.read() as connection:
            return queries.recent_scores(connection, product, limit)

    def detail(self, inspection_id: int) -> LogDetail:
        """Return one inspection with picture, map and labels; raises BAD_ARGUMENT for an unknown id."""
        with self._database.read() as connection:
            return detail(connection, self._pictures, self.folder, inspection_id)

    def event(
        self, actor: Actor, action: Action, subject: str, before: str = "", after: str = "", reason: str = ""
    ) -> None:
        """Add a line to the events; raises NOT_ALLOWED."""
        with self._database.write() as connection:
            registry.add_event(connection, actor, action, subject, before, after, reason)

    def events(self, limit: int = 200, action: Action | None = None) -> tuple[EventRow, ...]:
        """Return the last events, newest first; with `action` only those."""
        with self._database.read() as connection:
            return registry.events(connection, limit, action)

    def products(self) -> tuple[str, ...]:
        """Return all products by name."""
        with self._database.read() as connection:
            return registry.products(connection)

    def add_product(self, name: str, actor: Actor) -> None:
        """Add a product; one that is there stays. Raises BAD_ARGUMENT for a name that cannot be shown."""
        with self._database.write() as connection:
            registry.add_product(connection, name, actor)

    def defect_classes(self, product: str) -> tuple[DefectClass, ...]:
        """Return a product's defect classes in their order."""
        with self._database.read() as connection:
            return registry.defect_classes(connection, product)

    def set_defect_classes(self, product: str, wanted: tuple[DefectClass, ...], actor: Actor) -> None:
        """Put these in place of a product's defect classes; see `registry.set_defect_classes`."""
        with self._database.write() as connection:
            registry.set_defect_classes(connection, product, wanted, actor)

    def active_recipe(self, product: str) -> Recipe | None:
        """Return the newest recipe of a product."""
        with self._database.read() as connection:
            return registry.find_recipe(connection, product)

    def recipes(self, product: str) -> tuple[Recipe, ...]:
        """Return all recipes of a product, newest first."""
        with self._database.read() as connection:
            return registry.recipes(connection, product)

    def add_recipe(self, recipe: Recipe, actor: Actor, action: Action = Action.RECIPE_APPLIED) -> Recipe:
        """Add a recipe as the next version of its product, whatever version and actor it names, and return it.

        The event is in the same transaction; a promotion says MODEL_PROMOTED. A product that is not there is
        added. Raises BAD_ARGUMENT for a model that is not there.
        """
        with self._database.write() as connection:
            return registry.add_recipe(connection, recipe, actor, action)

    def next_model_id(self) -> ModelId:
        """Return the id of the next model, M-0001 and so on; a deleted one's is not given again."""
        with self._database.read() as connection:
            return registry.next_model_id(connection)

    def add_model(self, row: ModelRow, actor: Actor) -> ModelRow:
        """Add a model, and its product if need be; a folder is stored as it lies below the data folder."""
        with self._database.write() as connection:
            return registry.add_model(connection, row, actor, self.folder)

    def models(self, product: str) -> tuple[ModelRow, ...]:
        """Return the models of a product, deleted ones too, by id."""
        with self._database.read() as connection:
            return registry.models(connection, product)

    def model(self, model_id: ModelId) -> ModelRow | None:
        """Return a model, also a deleted one; None where there never was one."""
        with self._database.read() as connection:
            return registry.find_model(connection, model_id)

    def delete_model(self, model_id: ModelId, actor: Actor) -> None:
        """Mark a model deleted; its folder is the caller's. Raises BAD_ARGUMENT for the active one."""
        with self._database.write() as connection:
            registry.delete_model(connection, model_id, actor)

    def add_label(
        self,
        inspection_id: int,
        label: Label,
        actor: Actor,
        defect_class: str = "",
        note: str = "",
        sample: NewSample | None = None,
    ) -> None:
        """Add what a person says of an inspection; the last label counts. Raises BAD_ARGUMENT.

        In the same transaction the pools follow: samples that say otherwise go, `sample` comes.
        """
        with self._database.write() as connection:
            opinions.add_label(connection, inspection_id, label, actor, defect_class, note)
            opinions.samples_after_label(connection, inspection_id, label, sample, actor)

    def withdraw_label(self, inspection_id: int, actor: Actor, sample: NewSample | None = None) -> None:
        """Take back the label that counts, by a new row; the pools follow as in `add_label`.

        Raises BAD_ARGUMENT where there is none.
        """
        with self._database.write() as connection:
            now = opinions.withdraw_label(connection, inspection_id, actor)
            opinions.samples_after_label(connection, inspection_id, now.label if now else None, sample, actor)

    def labels(self, inspection_id: int) -> tuple[LabelRow, ...]:
        """Return all labels of an inspection, oldest first."""
        with self._database.read() as connection:
            return opinions.labels(connection, inspection_id)

    def mask(self, inspection_id: int) -> Mask | None:
        """Return the (H, W) mask a person drew on a picture, None for none."""
        with self._database.read() as connection:
            picture = picture_of(connection, inspection_id)
        return None if picture is None else self._pictures.load_mask(picture)

    def set_mask(self, inspection_id: int, mask: Mask, actor: Actor) -> None:
        """Write a mask beside its picture in place of the one before; raises BAD_ARGUMENT for no picture."""
        with self._database.write() as connection:
            subject, size = f"inspection {inspection_id}", f"{int(mask.sum())} px"
            registry.add_event(connection, actor, Action.MASK_DRAWN, subject, after=size)
            self._pictures.write_mask(kept_picture(connection, inspection_id), mask)

    def add_sample(
        self,
        product: str,
        pool: Pool,
        sha256: str,
        path: Path,
        actor: Actor,
        inspection_id: int | None = None,
        label: Label = Label.GOOD,
    ) -> SampleRow:
        """Add a picture to a pool; raises BAD_ARGUMENT where its content is in a pool of the product."""
        new = NewSample(product, pool, sha256, path, label, inspection_id)
        with self._database.write() as connection:
            return opinions.add_sample(connection, new, actor)

    def remove_sample(self, sample_id: int, actor: Actor, reason: str) -> None:
        """Take a sample out of its pool; its row stays."""
        with self._database.write() as connection:
            opinions.remove_sample(connection, sample_id, actor, reason)

    def find_sample(self, product: str, sha256: str) -> SampleRow | None:
        """Return the sample of that content in a product's pools, None where there is none."""
        with self._database.read() as connection:
            return opinions.find_sample(connection, product, sha256)

    def samples(self, product: str, pool: Pool | None = None, removed: bool = False) -> tuple[SampleRow, ...]:
        """Return what is in a product's pools, or in one of them, oldest first; `removed` ones if asked."""
        with self._database.read() as connection:
            return opinions.samples(connection, product, pool, removed)

    def export_csv(self, wanted: LogFilter, target: Path, stop: export.Stop = export.never) -> int:
        """Write the inspections as CSV and return how many; see `export.export_csv`."""
        return export.export_csv(self._database, wanted, target, stop)

    def export_zip(self, wanted: LogFilter, target: Path, stop: export.Stop = export.never) -> int:
        """Write CSV, pictures and maps as ZIP and return how many inspections; see `export.export_zip`."""
        return export.export_zip(self._database, self.folder, wanted, target, stop)

    def enforce_retention(self, wanted: Retention, now: datetime) -> int:
        """Delete pictures that need not stay and return how many; see `retention.enforce`."""
        return retention.enforce(self._database, self._pictures, wanted, now)

    def disk_left(self) -> int:
        """Return the bytes that are free where the pictures lie."""
        return shutil.disk_usage(self.folder).free
