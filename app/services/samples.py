"""The three pools of a product for the window: what is in them, what comes in, what leaves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from almrr_core.errors import StationError
from almrr_core.types import Actor, Pool, SampleRow
from app.services.heavy import Heavy
from app.services.station import Station
from app.services.tasks import Tasks
from app.services.thumbnails import Thumbnails
from app.services.training_values import Added, Captured, Counted, PoolContent

if TYPE_CHECKING:
    from almrr_core.lifecycle import pools
    from almrr_core.store.store import Store

NEWEST = 12  # samples that a card shows


class Samples(QObject):
    """Also says which product is looked at: at first the station's, then whatever a person chose."""

    product_changed = Signal(str)
    products_changed = Signal(object)  # tuple[str, ...]
    changed = Signal(object)  # tuple[PoolContent, ...], of the three pools
    counted = Signal(object)  # Counted: pictures that were read of those to add
    added = Signal(object)  # Added

    _read = Signal(object)  # Counted, from a worker

    def __init__(
        self,
        store: Store,
        station: Station,
        tasks: Tasks,
        heavy: Heavy,
        actor: Actor,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._station, self._tasks, self._heavy = store, station, tasks, heavy
        self._actor = actor
        self._products = station.products
        self._product = station.settings.product
        self.thumbnails = Thumbnails(tasks, self)
        self._read.connect(self.counted)
        station.product_changed.connect(self.choose)
        station.products_changed.connect(self._take_products)
        tasks.run(store.products, self._take_products, database=True)  # those without a model too

    @property
    def product(self) -> str:
        """Return the product looked at, "" for none."""
        return self._product

    @property
    def products(self) -> tuple[str, ...]:
        """Return all products, those without a model too."""
        return self._products

    @property
    def folder(self) -> Path:
        """Return the data folder: paths of samples are below it."""
        return self._store.folder

    def choose(self, product: str) -> None:
        """Look at another product."""
        if product != self._product:
            self._product = product
            self.product_changed.emit(product)
            self.reload()

    def make(self, product: str) -> None:
        """Add a product that has no model yet, and look at it."""
        work = functools.partial(self._make, product)
        self._tasks.run(work, functools.partial(self._made, product), database=True)

    def reload(self) -> None:
        """Read the pools again."""
        if self._product:
            work = functools.partial(self._contents, self._product)
            self._tasks.run(work, functools.partial(self._take, self._product), database=True)

    def path_of(self, sample: SampleRow) -> Path:
        """Return where a sample's picture lies."""
        return self._store.folder / sample.path

    def all_of(self, pool: Pool, done: Callable[[tuple[SampleRow, ...]], None]) -> None:
        """Give `done` all samples of a pool, the newest first."""
        self._tasks.run(functools.partial(self._all_of, self._product, pool), done, database=True)

    def add_folder(self, folder: Path, failed: Callable[[StationError], None] | None = None) -> None:
        """Add the pictures of a folder and below as normals; `counted` and `added` say what becomes of them."""
        self._heavy.run(functools.partial(self._add_folder, self._product, folder), self._say_added, failed)

    def add_captured(self, pictures: Sequence[Captured]) -> None:
        """Add captured pictures as normals; `added` says what became of them."""
        work = functools.partial(self._add_captured, self._product, tuple(pictures))
        self._heavy.run(work, self._say_added)

    def remove(self, samples: Sequence[SampleRow], reason: str) -> None:
        """Take samples out of their pools; their rows and files stay."""
        work = functools.partial(self._remove, tuple(samples), reason)
        self._tasks.run(work, self._removed, database=True)

    # On workers

    def _make(self, product: str) -> tuple[str, ...]:
        self._store.add_product(product, self._actor)
        return self._store.products()

    def _contents(self, product: str) -> tuple[PoolContent, ...]:
        from almrr_core.lifecycle.pools import summary

        rows = self._store.samples(product)
        newest = {pool: tuple(one for one in rows if one.pool is pool)[: -NEWEST - 1 : -1] for pool in Pool}
        return tuple(
            PoolContent(one.pool, one.good, one.bad, one.newest, newest[one.pool])
            for one in summary(self._store, product)
        )

    def _all_of(self, product: str, pool: Pool) -> tuple[SampleRow, ...]:
        return self._store.samples(product, pool)[::-1]

    def _add_folder(self, product: str, folder: Path) -> Added:
        from almrr_core.lifecycle import pools

        files = pools.list_files(folder)
        return _summed(
            pools.add_files(self._store, product, files, self._actor, done=self._count_one),
        )

    def _count_one(self, done: int, total: int) -> None:
        if self._heavy.over:
            raise _ended()
        self._read.emit(Counted(done, total))

    def _add_captured(self, product: str, pictures: tuple[Captured, ...]) -> Added:
        from almrr_core.lifecycle import pools

        named = [(one.name, one.picture) for one in pictures]
        return _summed(pools.add_pictures(self._store, product, named, self._actor))

    def _remove(self, samples: tuple[SampleRow, ...], reason: str) -> None:
        from almrr_core.lifecycle import pools

        for sample in samples:
            pools.remove(self._store, sample, self._actor, reason)

    # On the GUI thread

    def _made(self, product: str, products: tuple[str, ...]) -> None:
        self._take_products(products)
        self.choose(product)

    def _take_products(self, products: tuple[str, ...]) -> None:
        self._products = tuple(sorted({*self._products, *products}))
        self.products_changed.emit(self._products)

    def _take(self, product: str, contents: tuple[PoolContent, ...]) -> None:
        if product == self._product:
            self.changed.emit(contents)

    def _say_added(self, added: Added) -> None:
        self.added.emit(added)
        self.reload()

    def _removed(self, _none: None) -> None:
        self.reload()


def _summed(added: pools.Added) -> Added:
    return Added(len(added.samples), tuple(f"{Path(one.name).name}: {one.reason}" for one in added.refused))


def _ended() -> StationError:
    from almrr_core.errors import ErrorCode

    return StationError(ErrorCode.TRAINING_CANCELLED, "The program ends.")
