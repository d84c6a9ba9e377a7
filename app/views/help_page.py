"""The manual: its chapters left, the text right, with a search over all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QDesktopServices,
    QImage,
    QKeySequence,
    QResizeEvent,
    QShortcut,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextTable,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from app.icons import Icon
from app.theme import BODY, GAP, MARGIN, RADIUS, Role, Tokens, set_role, theme, tokens
from app.views.empty_state import EmptyState
from app.views.form_fields import CLEAR_STYLE

MANUAL = Path(__file__).resolve().parents[2] / "resources" / "manual"
PICTURES = MANUAL / "pictures"
CHAPTERS_WIDTH = 232
TEXT_WIDTH = 860
PICTURE_WIDTH = 780  # px: what the text has at most
_File = int(Qt.ItemDataRole.UserRole)


class HelpPage(QWidget):
    """Shows the Markdown files of a folder, in the order of their names; the first line is the title."""

    def __init__(self, folder: Path = MANUAL, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
        self._search, self._list, self._text = QLineEdit(self), QListWidget(self), _Text(folder, self)
        self._found = QLabel(self)
        self._nothing = EmptyState(Icon.SEARCH, self)
        self._build()
        self._connect()
        self._fill("")

    def open_chapter(self, name: str) -> None:
        """Show the chapter in the file `name` (without folder)."""
        for at in range(self._list.count()):
            if self._list.item(at).data(_File).name == name:
                self._list.setCurrentRow(at)

    @property
    def chapter(self) -> str:
        """The name of the file that is shown, empty when nothing is found."""
        item = self._list.currentItem()
        return item.data(_File).name if item else ""

    def _build(self) -> None:
        self._search.setPlaceholderText(self.tr("Search the manual"))
        self._search.setAccessibleName(self._search.placeholderText())
        self._search.setClearButtonEnabled(True)
        self._search.setStyleSheet(CLEAR_STYLE)
        self._list.setAccessibleName(self.tr("Chapters"))
        self._list.setStyleSheet("QListView::item { padding: 8px 12px; }")
        self._list.setWordWrap(True)
        set_role(self._found, Role.CAPTION)
        self._text.setOpenLinks(False)
        self._text.setFrameShape(QFrame.Shape.NoFrame)
        self._text.setMaximumWidth(TEXT_WIDTH)
        self._text.setStyleSheet(
            f"QTextBrowser {{ border: none; border-radius: {RADIUS}px; padding: 12px 20px; }}"
        )
        self._nothing.say(
            self.tr("No chapter has these words"), self.tr("Try another word, or fewer letters.")
        )
        self._nothing.hide()
        left = QVBoxLayout()
        left.setSpacing(GAP)
        left.addWidget(self._search)
        left.addWidget(self._found)
        left.addWidget(self._list, 1)
        for widget in (self._search, self._list):
            widget.setFixedWidth(CHAPTERS_WIDTH)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        row.setSpacing(MARGIN)
        row.addLayout(left)
        row.addWidget(self._text, 1)
        row.addWidget(self._nothing, 1)
        row.addStretch(0)

    def _connect(self) -> None:
        self._list.currentItemChanged.connect(self._chosen)
        self._search.textChanged.connect(self._fill)
        self._search.returnPressed.connect(self._find_next)
        self._text.anchorClicked.connect(self._follow)
        self._text.width_changed.connect(self._fit_pictures)
        theme().changed.connect(self._recolor)
        QShortcut(QKeySequence.StandardKey.Find, self, self._begin_search)

    def _fill(self, wanted: str) -> None:
        """List the chapters that have the words, and mark the first of them in the text."""
        word, before = wanted.strip().casefold(), self.chapter
        self._list.blockSignals(True)
        self._list.clear()
        for path, text in self._texts.items():
            if word in text.casefold():
                item = QListWidgetItem(_title(text) or path.stem, self._list)
                item.setData(_File, path)
        self._list.blockSignals(False)
        found = self._list.count()
        self._found.setText(self.tr("{0} of {1} chapters").format(found, len(self._texts)) if word else "")
        self._found.setVisible(bool(word))
        self._text.setVisible(found > 0)
        self._nothing.setVisible(not found)
        if found:
            self._list.setCurrentRow(0)
            self.open_chapter(before)

    def _chosen(self, item: QListWidgetItem | None, _before: QListWidgetItem | None = None) -> None:
        if item is not None:
            self._show(self._texts[item.data(_File)])

    def _show(self, text: str) -> None:
        self._text.setMarkdown(text)
        document = self._text.document()
        font = self._text.font()
        font.setPixelSize(BODY + 1)
        document.setDefaultFont(font)
        _space(document)
        if self._search.text().strip():
            self._text.find(self._search.text().strip())

    def _fit_pictures(self, _width: int) -> None:
        """Show the chapter anew, as far down as before, where its pictures have another width."""
        bar = self._text.verticalScrollBar()
        down = bar.value() / max(bar.maximum(), 1)
        self._chosen(self._list.currentItem())
        bar.setValue(round(down * bar.maximum()))

    def _find_next(self) -> None:
        word = self._search.text().strip()
        if word and not self._text.find(word):
            self._text.moveCursor(self._text.textCursor().MoveOperation.Start)
            self._text.find(word)

    def _begin_search(self) -> None:
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def _follow(self, link: QUrl) -> None:
        """Open a chapter here, anything else in the browser."""
        if link.isRelative():
            self._search.clear()
            self.open_chapter(link.fileName())
        else:
            QDesktopServices.openUrl(link)

    def _recolor(self, _tokens: Tokens) -> None:
        self._chosen(self._list.currentItem())


class _Text(QTextBrowser):
    """Text whose pictures are never wider than its page."""

    width_changed = Signal(int)  # that of the pictures

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder, self._width = folder, PICTURE_WIDTH

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Tell when the pictures have another width."""
        super().resizeEvent(event)
        wanted = min(PICTURE_WIDTH, round(self.viewport().width() - 2 * self.document().documentMargin()))
        if wanted != self._width:
            self._width = wanted
            self.width_changed.emit(wanted)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:  # noqa: N802
        """Return a picture of the manual, smoothly made smaller where it is too wide."""
        address = name if isinstance(name, QUrl) else QUrl(name)
        picture = QImage(str(self._folder / address.path()))
        if kind != QTextDocument.ResourceType.ImageResource or picture.isNull():
            return super().loadResource(kind, name)
        if picture.width() > self._width > 0:
            picture = picture.scaledToWidth(self._width, Qt.TransformationMode.SmoothTransformation)
        return picture


def _title(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ").strip()


def _space(document: QTextDocument) -> None:
    """Put room around headings and paragraphs, and calm the tables: Markdown says nothing of either."""
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            table = frame.format()
            table.setCellPadding(5)
            table.setBorderCollapse(True)
            table.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
            table.setBorderBrush(QColor(tokens().raised))
            table.setTopMargin(4)
            table.setBottomMargin(8)
            frame.setFormat(table)
    cursor, block = QTextCursor(document), document.begin()
    while block.isValid():
        cursor.setPosition(block.position())
        if cursor.currentTable() is None:
            layout, level = block.blockFormat(), block.blockFormat().headingLevel()
            layout.setTopMargin(20 if level > 1 else 0)
            code = layout.hasProperty(QTextFormat.Property.BlockCodeFence)
            layout.setBottomMargin(0 if code else 4 if block.textList() else 8)
            cursor.setBlockFormat(layout)
        block = block.next()
