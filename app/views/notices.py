"""What people must know: the fault bar on top, the list of notices, and the dialog of a bug."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from almrr_core.types import LineState, LineStatus, Notice, SourceState
from app.services.values import Bug
from app.theme import GAP, ICON, MARGIN, Icon, Role, Tokens, icon, set_role, theme, tokens

MOST_NOTICES = 100
LIST_WIDTH = 320


class FaultBar(QFrame):
    """A vermilion bar with a sentence, what to do and one button; hidden while nothing is wrong.

    The line's fault stands before a lost source, and both before the last serious notice: the first two go when
    they are over, the last when it is dismissed.
    """

    retried = Signal(bool)  # "Try again" was pressed

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.FAULT)
        self.setAccessibleName(self.tr("Fault"))
        self._fault = self._source = ""
        self._remedy = ""
        self._notice: Notice | None = None
        self._dismissed_source = ""
        self._sign = QLabel()
        self._sentence, self._advice = QLabel(), QLabel()
        set_role(self._sentence, Role.HEADING)
        self._button = QPushButton()
        set_role(self._button, Role.TOUCH)
        self._button.clicked.connect(self._pressed)
        self._lay_out()
        self._dress(tokens())
        theme().changed.connect(self._dress)
        self._refresh()

    @property
    def sentence(self) -> str:
        """Return what the bar says, "" while it is hidden."""
        return self._words()[0]

    def press(self) -> None:
        """Press the one button."""
        self._button.click()

    def take_notice(self, notice: Notice) -> None:
        """Show a serious notice; others are the list's."""
        if notice.serious and notice.sentence != self._fault:
            self._notice = notice
            self._refresh()

    def take_status(self, status: LineStatus) -> None:
        """Show the line's fault or a source that is lost, until it is over."""
        failed, lost = status.state is LineState.FAULT, status.source.state is SourceState.LOST
        self._fault, self._remedy = (status.fault, status.remedy) if failed else ("", "")
        self._source = status.source.sentence if lost and not failed else ""
        if not self._source:
            self._dismissed_source = ""
        self._refresh()

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(2)
        for label in (self._sentence, self._advice):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.addWidget(label)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, GAP, MARGIN, GAP)
        row.setSpacing(MARGIN)
        row.addWidget(self._sign)
        row.addLayout(words, 1)
        row.addWidget(self._button)

    def _dress(self, now: Tokens) -> None:
        self._sign.setPixmap(icon(Icon.WARNING, now.on_fault).pixmap(ICON, ICON))

    def _refresh(self) -> None:
        sentence, remedy = self._words()
        self._sentence.setText(sentence)
        self._advice.setText(remedy)
        self._advice.setVisible(bool(remedy))
        self._button.setText(self.tr("Try again") if self._fault else self.tr("Dismiss"))
        self.setVisible(bool(sentence))

    def _words(self) -> tuple[str, str]:
        if self._fault:
            return self._fault, self._remedy
        if self._source and self._source != self._dismissed_source:
            return self._source, self.tr("The line goes on by itself as soon as pictures come again.")
        return (self._notice.sentence, self._notice.remedy) if self._notice else ("", "")

    def _pressed(self) -> None:
        if self._fault:
            self.retried.emit(True)
            return
        if self._source and self._source != self._dismissed_source:
            self._dismissed_source = self._source
        else:
            self._notice = None
        self._refresh()


class NoticeList(QFrame):
    """The last notices, newest first, with the time they came."""

    closed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self.setFixedWidth(LIST_WIDTH)
        title, self._close = QLabel(self.tr("Notices")), QToolButton()
        set_role(title, Role.HEADING)
        set_role(self._close, Role.QUIET)
        self._close.setToolTip(self.tr("Close the notices"))
        self._close.clicked.connect(self.closed)
        self._list, self._empty = QListWidget(), QLabel(self.tr("Faults and events will be listed here."))
        self._list.setObjectName("notices")
        self._list.setItemDelegate(_TopAligned(self._list))
        self._list.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self._list.setIconSize(QSize(ICON, ICON))
        self._list.setWordWrap(True)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setAccessibleName(self.tr("Notices"))
        set_role(self._empty, Role.MUTED)
        self._empty.setWordWrap(True)
        head, column = QHBoxLayout(), QVBoxLayout(self)
        head.addWidget(title, 1)
        head.addWidget(self._close)
        column.setContentsMargins(MARGIN, GAP, MARGIN, MARGIN)
        column.addLayout(head)
        column.addWidget(self._empty)
        column.addWidget(self._list, 1)
        self._list.hide()
        column.addStretch()
        self._dress(tokens())
        theme().changed.connect(self._dress)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return what is listed, from top to bottom."""
        return tuple(self._list.item(row).text() for row in range(self._list.count()))

    def take(self, notice: Notice) -> None:
        """Put a notice on top."""
        at = notice.at.astimezone()
        item = QListWidgetItem("\n".join((f"{at:%H:%M:%S %Z}", notice.sentence, notice.remedy)).strip())
        item.setData(Qt.ItemDataRole.UserRole, notice.serious)
        item.setToolTip(f"{at:%Y-%m-%d %H:%M:%S %Z}")
        self._list.insertItem(0, item)
        while self._list.count() > MOST_NOTICES:
            self._list.takeItem(self._list.count() - 1)
        self._empty.hide()
        self._list.show()
        self._dress_item(item, tokens())

    def _dress(self, now: Tokens) -> None:
        self._close.setIcon(icon(Icon.CLEAR))
        for row in range(self._list.count()):
            self._dress_item(self._list.item(row), now)

    def _dress_item(self, item: QListWidgetItem, now: Tokens) -> None:
        serious = bool(item.data(Qt.ItemDataRole.UserRole))
        look, color = (Icon.WARNING, now.fail) if serious else (Icon.INFORMATION, now.muted)
        item.setIcon(icon(look, color))


class _TopAligned(QStyledItemDelegate):
    """Puts the icon beside the first line of what is said."""

    def initStyleOption(  # noqa: N802 - Qt's name
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().initStyleOption(option, index)
        option.decorationAlignment = Qt.AlignmentFlag.AlignTop


class BugDialog(QMessageBox):
    """An unknown exception: what it was in one line, and where everything about it was written."""

    def __init__(self, bug: Bug, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._log = bug.log
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setIconPixmap(icon(Icon.WARNING, tokens().fail).pixmap(2 * ICON, 2 * ICON))
        self.setWindowTitle(self.tr("Something went wrong"))
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(self.tr("The program met an error that it does not know. The line goes on if it can."))
        self.setInformativeText(
            self.tr("{error}\n\nEverything about it is in\n{log}\n\nSend this file with your report.").format(
                error=bug.text, log=bug.log
            )
        )
        self._open = self.addButton(self.tr("Open folder"), QMessageBox.ButtonRole.ActionRole)
        self.addButton(self.tr("Close"), QMessageBox.ButtonRole.RejectRole)
        self._open.clicked.connect(self._show_folder)

    def _show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._log.parent)))
