from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path, PureWindowsPath

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from almrr_core.bench.log import main
from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import sha256_of
from almrr_core.store import Store, schema
from almrr_core.store.database import Database
from almrr_core.store.tables import metadata
from almrr_core.types import LogFilter
from tests.core.store.helpers import a_picture, open_store, prepare, record_of
from tests.core.store.processes import child, line, release

LATER = '''
"""A migration of a program that does not exist yet."""
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.batch_alter_table("part") as part:
        part.add_column(sa.Column("colour", sa.Text, nullable=False, server_default="gray"))
        part.alter_column("lot", new_column_name="batch")
'''
BROKEN = LATER + "    op.execute('INSERT INTO nowhere VALUES (1)')\n"


def filled(folder: Path, parts: int = 3) -> Path:
    """A closed log with some parts; returns the database's file."""
    with closing(open_store(folder)) as store:
        recipe = prepare(store)
        for number in range(parts):
            record = record_of(recipe, f"P-{number}", 3.0, number, picture=a_picture())
            store.record(record, keep_picture=True)
    return folder / "log.sqlite"


def refused(folder: Path) -> StationError:
    """Try to open and return the fault; the file must stay as it was, and the lock free."""
    path = folder / "log.sqlite"
    before = sha256_of(path)
    with pytest.raises(StationError) as caught:
        open_store(folder)
    assert sha256_of(path) == before
    assert str(path) in caught.value.sentence
    return caught.value


def migrations_with(folder: Path, text: str) -> Path:
    scripts = folder / "migrations"
    shutil.copytree(schema.MIGRATIONS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "m0002_later.py").write_text(text, encoding="utf-8")
    return scripts


def migrate(path: Path, scripts: Path) -> None:
    url = URL.create("sqlite", database=str(path))
    with closing(Database(url, path.parent, foreign_keys=False)) as database:
        schema.migrate(database, path, path.parent / "backups", scripts)


def test_a_log_opens_again_as_it_was(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(open_store(tmp_path)) as store:
        assert (store.count(LogFilter()), store.recovered) == (3, 0)
        assert store.active_recipe("weave") is not None
    assert not (tmp_path / "backups").exists()


def test_the_migrations_make_the_tables_the_program_knows(store: Store) -> None:
    with store._database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        mode = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        ]
        assert mode == ["wal", 2]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    assert ScriptDirectory(str(schema.MIGRATIONS)).get_current_head() == schema.HEAD


def test_the_tables_can_be_made_on_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    texts = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    texts += [str(CreateIndex(one).compile(dialect=dialect)) for one in metadata.tables["inspection"].indexes]
    assert any("WHERE picture IS NOT NULL" in text for text in texts)


def test_a_second_station_in_another_process_is_refused(tmp_path: Path) -> None:
    with child("hold_station", tmp_path) as other:
        assert line(other) == "held"
        with pytest.raises(
            StationError, match=f"Another station is running on the data folder {tmp_path}"
        ) as caught:
            open_store(tmp_path)
        assert caught.value.code is ErrorCode.STATION_RUNNING
        release(other)
    open_store(tmp_path).close()


def test_a_second_store_in_this_process_is_refused(store: Store) -> None:
    with pytest.raises(StationError, match="Another station is running"):
        open_store(store.folder)
    store.close()
    store.close()
    open_store(store.folder).close()


def test_an_older_log_is_backed_up_and_migrated(tmp_path: Path) -> None:
    path = filled(tmp_path / "data")
    scripts = migrations_with(tmp_path, LATER)
    migrate(path, scripts)
    migrate(path, scripts)
    (backup,) = (path.parent / "backups").iterdir()
    assert backup.name.startswith("log-0001-")
    with closing(sqlite3.connect(path)) as new, closing(sqlite3.connect(backup)) as old:
        assert new.execute("SELECT part_id, batch, colour FROM part").fetchall()[2] == ("P-2", "", "gray")
        assert old.execute("SELECT part_id, lot FROM part").fetchall()[2] == ("P-2", "")
        for log in (new, old):
            assert log.execute("SELECT count(*) FROM region").fetchone() == (6,)
            assert log.execute("PRAGMA foreign_key_check").fetchall() == []
    fault = refused(path.parent)
    assert fault.code is ErrorCode.LOG_NEWER
    assert "was written by a newer program (its tables are at 0002)" in fault.sentence


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = filled(tmp_path / "data")
    with pytest.raises(Exception, match="nowhere"):
        migrate(path, migrations_with(tmp_path, BROKEN))
    with closing(open_store(path.parent)) as store:
        assert store.count(LogFilter()) == 3


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").write_bytes(b"not a database at all" * 100)
    fault = refused(tmp_path)
    assert fault.code is ErrorCode.LOG_DAMAGED
    assert "it is not an SQLite database. It was left as it is." in fault.sentence
    assert "backups" in fault.remedy


@pytest.mark.parametrize("size", [50, 4096, 40_000])
def test_a_log_that_was_cut_short_is_refused(tmp_path: Path, size: int) -> None:
    path = filled(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    assert refused(tmp_path).code is ErrorCode.LOG_DAMAGED


@pytest.mark.parametrize("page", range(1, 8))
def test_a_log_with_a_damaged_page_is_refused(tmp_path: Path, page: int) -> None:
    path = filled(tmp_path)
    content = bytearray(path.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    assert refused(tmp_path).code is ErrorCode.LOG_DAMAGED


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as other, other:
        other.execute("CREATE TABLE recipe (flour)")
    fault = refused(tmp_path)
    assert (fault.code, "of another program" in fault.sentence) == (ErrorCode.LOG_DAMAGED, True)


def test_an_empty_file_is_a_new_log(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").touch()
    assert len(filled(tmp_path).read_bytes()) > 4096


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StationError, match="could not be written") as caught:
        open_store(tmp_path / "file" / "data")
    assert caught.value.code is ErrorCode.WRITE_FAILED


def test_a_log_may_lie_where_an_address_says(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
    for opened in range(2):
        with closing(Store.open(tmp_path / "data", url)) as store:
            recipe = store.active_recipe("weave") or prepare(store)
            store.record(record_of(recipe, f"P-{opened}", picture=a_picture()), keep_picture=True)
    assert not (tmp_path / "data" / "log.sqlite").exists()
    assert (tmp_path / "data" / "pictures/2026/07/23/P-1.png").exists()


def test_the_benchmark_fills_a_log_once_and_measures_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        main(["--rows", "600", "--folder", str(tmp_path)])
        printed = capsys.readouterr().out
        assert "600 inspections" in printed
        assert "page text of one part, worst" in printed
    with closing(open_store(tmp_path)) as store:
        assert store.count(LogFilter()) == 600


def test_a_log_on_a_share_has_a_uri_that_sqlite_takes(tmp_path: Path) -> None:
    on_share = schema.sqlite_uri(PureWindowsPath(r"\\server\share\da ta\log.sqlite"))
    assert on_share == "file:////server/share/da%20ta/log.sqlite"
    assert schema.sqlite_uri(PureWindowsPath(r"C:\a#b\log.sqlite")) == "file:///C:/a%23b/log.sqlite"
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):  # not: invalid uri authority
        sqlite3.connect(on_share + "?mode=ro", uri=True)
    assert schema.stored_version(filled(tmp_path / "a b #1 100% é"), 1.0) == schema.HEAD
