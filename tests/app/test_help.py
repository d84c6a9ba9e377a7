"""The manual: it is shown, it can be searched, and it says what the program really has."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QListWidget, QTextBrowser
from pytestqt.qtbot import QtBot

from almrr_core.store.tables import metadata
from app.views.help_page import MANUAL, HelpPage
from tests.app.log_material import fill

DATA = (MANUAL / "09-data.md").read_text(encoding="utf-8")


@pytest.fixture
def page(qtbot: QtBot) -> HelpPage:
    made = HelpPage()
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    return made


def titles(page: HelpPage) -> list[str]:
    found = page.findChild(QListWidget)
    return [found.item(at).text() for at in range(found.count())]


def test_all_chapters_are_listed_and_the_first_is_open(page: HelpPage) -> None:
    assert titles(page)[0] == "First start"
    assert titles(page)[-1] == "Keys"
    assert len(titles(page)) == len(list(MANUAL.glob("*.md")))
    assert "First start" in page.findChild(QTextBrowser).toPlainText()


def test_chapters_by_keyboard(page: HelpPage, qtbot: QtBot) -> None:
    chapters = page.findChild(QListWidget)
    chapters.setFocus()
    qtbot.keyClick(chapters, Qt.Key.Key_Down)
    assert page.chapter == "02-inspect.md"
    assert "operator's view" in page.findChild(QTextBrowser).toPlainText()


def test_search_finds_chapters_and_places(page: HelpPage, qtbot: QtBot) -> None:
    qtbot.keyClick(page, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    field, text = page.findChild(QLineEdit), page.findChild(QTextBrowser)
    qtbot.keyClicks(field, "yield")
    assert titles(page) == ["Inspect", "Files and tables of the log"]
    assert text.textCursor().selectedText().casefold() == "yield"
    before = text.textCursor().position()
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert text.textCursor().position() > before
    qtbot.keyClicks(field, "zzz")
    assert titles(page) == []
    assert not text.isVisible()
    field.clear()
    assert text.isVisible()


def test_the_manual_names_every_column_of_the_tables() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", DATA, re.MULTILINE))
    for name, table in metadata.tables.items():
        said = {re.split(r"[ (]", one.strip())[0] for one in rows[name].split(",")}
        assert {column.name for column in table.columns} <= said, name


def test_the_examples_run_on_a_real_log(tmp_path: Path) -> None:
    fill(tmp_path / "log", 200, pictures=1)
    queries = re.findall(r"```sql\n(.+?)```", DATA, re.DOTALL)
    assert len(queries) == 5
    address = f"{(tmp_path / 'log' / 'log.sqlite').as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        answers = [connection.execute(query).fetchall() for query in queries]
    per_day, of_lot, by_recipe, events, not_inspected = answers
    assert sum(row[2] for row in per_day) == 201
    assert of_lot == []  # there is no lot L17
    assert by_recipe == [("weave", 1, 1, 0, by_recipe[0][4])]
    assert len(events) == 2
    assert {row[2] for row in not_inspected} == {"The file was cut short."}
