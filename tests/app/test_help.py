"""The manual: it is shown, it can be searched, and it says what the program really has."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLineEdit, QListWidget, QTextBrowser
from pytestqt.qtbot import QtBot

from almrr_core.store.tables import metadata
from app.views.help_page import MANUAL, PICTURE_WIDTH, PICTURES, HelpPage
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


PICTURE = re.compile(r"!\[(.+)\]\((pictures/.+\.webp)\)")


def shown_widths(page: HelpPage) -> list[float]:
    """How wide the chapter's pictures are on the screen."""
    text = page.findChild(QTextBrowser)
    found, block = list[float](), text.document().begin()
    while block.isValid():
        if "\ufffc" in block.text():
            text.document().documentLayout().blockBoundingRect(block)  # lays it out
            found.append(block.layout().lineAt(0).naturalTextWidth())
        block = block.next()
    return found


def test_the_pictures_of_the_clicks_are_small_files_and_fit_the_page(page: HelpPage, qtbot: QtBot) -> None:
    text = (MANUAL / "05-retrain.md").read_text(encoding="utf-8")
    files = [MANUAL / name for _, name in PICTURE.findall(text)]
    assert len(files) == 7
    assert set(files) == set(PICTURES.iterdir()), "no picture is missing, none is of no use"
    sizes = [path.stat().st_size for path in files]
    assert max(sizes) <= 25_000
    assert sum(sizes) <= 200_000
    page.resize(1290, 700)
    page.open_chapter("05-retrain.md")
    own = [float(QImage(str(path)).width()) for path in files]
    assert max(own) <= PICTURE_WIDTH
    assert shown_widths(page) == own
    page.resize(900, 700)
    qtbot.waitUntil(lambda: max(shown_widths(page)) < PICTURE_WIDTH)
    browser = page.findChild(QTextBrowser)
    assert max(shown_widths(page)) <= browser.viewport().width()
    assert browser.horizontalScrollBar().maximum() == 0


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
