"""The table model of the log over a real store: keyset pages, generations, rows that come and go."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from pytestqt.qtbot import QtBot

from almrr_core.store.store import Store
from almrr_core.types import Label, LogFilter, LogOrder, Verdict
from app.services.faults import Faults
from app.services.heavy import Heavy
from app.services.history import History
from app.services.tasks import Tasks
from app.views.log_model import COLUMNS, PAGE, Column, LogModel, cell
from tests.app.conftest import PATIENCE
from tests.app.log_material import ANNA, fill, later

COUNT = 2500


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "filled"
    fill(folder, COUNT - 2, pictures=2)
    return folder


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Iterator[Store]:
    shutil.copytree(filled, tmp_path / "log")
    opened = Store.open(tmp_path / "log")
    yield opened
    opened.close()


@pytest.fixture
def history(store: Store, tmp_path: Path) -> Iterator[History]:
    faults = Faults(tmp_path / "station.log")
    tasks = Tasks(faults)
    yield History(store, tasks, Heavy(tasks, faults), ANNA)
    tasks.wait_closed()


@pytest.fixture
def model(history: History) -> LogModel:
    return LogModel(history, {})


def ask(model: LogModel, qtbot: QtBot, wanted: LogFilter, order: LogOrder = LogOrder.NEWEST) -> None:
    with qtbot.waitSignal(model.answered, timeout=PATIENCE):
        model.ask(wanted, order)


def fetch_all(model: LogModel, qtbot: QtBot) -> None:
    while model.canFetchMore(QModelIndex()):
        with qtbot.waitSignal(model.answered, timeout=PATIENCE):
            model.fetchMore(QModelIndex())


def ids(model: LogModel) -> list[int]:
    return [model.row(at).inspection_id for at in range(model.rowCount())]


@pytest.mark.parametrize("order", [LogOrder.NEWEST, LogOrder.WORST])
def test_pages_join_to_the_whole_log(model: LogModel, store: Store, qtbot: QtBot, order: LogOrder) -> None:
    ask(model, qtbot, LogFilter(), order)
    assert model.rowCount() == PAGE
    fetch_all(model, qtbot)
    assert ids(model) == [row.inspection_id for row in store.page(LogFilter(), order, None, COUNT + 1)]
    assert len(set(ids(model))) == COUNT


def test_an_answer_that_is_stale_is_dropped(model: LogModel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(model.answered, timeout=PATIENCE):
        model.ask(LogFilter(product="tile"), LogOrder.NEWEST)
        model.ask(LogFilter(verdicts=(Verdict.FAIL,)), LogOrder.WORST)
    assert {model.row(at).verdict for at in range(model.rowCount())} == {Verdict.FAIL}
    assert not model.waiting


def test_asking_never_blocks(model: LogModel, qtbot: QtBot) -> None:
    ask(model, qtbot, LogFilter())
    begin = time.monotonic()
    with qtbot.waitSignal(model.answered, timeout=PATIENCE):
        model.ask(LogFilter(text="nothing has this"), LogOrder.NEWEST)
        assert time.monotonic() - begin < 0.1
        assert model.rowCount() == PAGE  # the old rows stay until the new ones are here
    assert model.rowCount() == 0


def test_new_rows_go_on_top_and_the_end_can_be_dropped(model: LogModel, store: Store, qtbot: QtBot) -> None:
    ask(model, qtbot, LogFilter())
    before = ids(model)
    recipe = store.active_recipe("tile")
    assert recipe is not None
    store.record_all(later(COUNT + number, recipe) for number in range(3))
    news = store.page(LogFilter(), LogOrder.NEWEST, None, 3)
    model.put_on_top(news)
    assert ids(model) == [*(row.inspection_id for row in news), *before]
    model.forget_beyond(50)
    assert model.rowCount() == 50
    fetch_all(model, qtbot)
    assert ids(model) == [
        row.inspection_id for row in store.page(LogFilter(), LogOrder.NEWEST, None, COUNT + 4)
    ]


def test_a_changed_row_is_shown(model: LogModel, store: Store, qtbot: QtBot) -> None:
    ask(model, qtbot, LogFilter())
    row = model.row(3)
    store.add_label(row.inspection_id, Label.GOOD, ANNA)
    model.replace(store.detail(row.inspection_id).row)
    assert model.index(3, COLUMNS.index(Column.LABEL)).data() == "Good"


def test_what_the_cells_say(model: LogModel, qtbot: QtBot) -> None:
    ask(model, qtbot, LogFilter(verdicts=(Verdict.NOT_INSPECTED,)))
    texts = {column: cell(model.row(0), column) for column in Column}
    assert texts[Column.VERDICT] == "NOT INSPECTED"
    assert texts[Column.SCORE] == "–"
    assert texts[Column.LIMITS] == "1.40 / 2.60"
    assert texts[Column.NOTE] == "The file was cut short."
    ask(model, qtbot, LogFilter(most_score=-2.9))
    assert cell(model.row(0), Column.SCORE) == "−3.00"
    heads = [model.headerData(at, Qt.Orientation.Horizontal) for at in range(model.columnCount())]
    assert len(set(heads)) == len(COLUMNS)


def test_a_closed_log_is_a_fault_not_a_bug(model: LogModel, store: Store, qtbot: QtBot) -> None:
    ask(model, qtbot, LogFilter())
    wrong = LogFilter(text="x" * 10)
    (store.folder / "log.sqlite").write_bytes(b"not a database" * 1000)
    for name in ("log.sqlite-wal", "log.sqlite-shm"):
        (store.folder / name).unlink(missing_ok=True)
    with qtbot.waitSignals([model.refused], timeout=PATIENCE):
        model.ask(wrong, LogOrder.NEWEST)
    assert not model.waiting
    assert not model.canFetchMore(QModelIndex())


def test_qt_finds_nothing_wrong_with_the_model(model: LogModel, qtbot: QtBot, qtmodeltester: object) -> None:
    ask(model, qtbot, LogFilter())
    qtmodeltester.check(model)  # type: ignore[attr-defined]  # a fixture without a public type
