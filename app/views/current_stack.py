"""Pages of which one is shown. It is as large as that one: in a QStackedWidget hidden ones would scroll it."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget


class CurrentStack(QWidget):
    """Pages on the ground of what is around them; the first one is shown at first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pages: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def add(self, page: QWidget) -> None:
        """Put a page behind the others."""
        self._pages.append(page)
        self._column.addWidget(page, 1)
        page.setVisible(page is self._pages[0])

    def show_page(self, wanted: QWidget) -> None:
        """Show this page."""
        for page in self._pages:
            if page is not wanted:
                page.hide()
        wanted.show()
