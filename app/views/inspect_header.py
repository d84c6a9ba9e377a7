"""What runs on the Inspect page: product, recipe and model; the tools of the picture; the line's state."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from almrr_core.types import LineState, LineStatus, Recipe, SourceState
from app.icons import Icon
from app.theme import GAP, ICON, MARGIN, TARGET, Role, icon, set_role, theme, tokens
from app.views.log_words import NOTHING

STATE_ICON = {
    LineState.READY: Icon.PAUSE,
    LineState.RUNNING: Icon.LIVE,
    LineState.FAULT: Icon.WARNING,
}


def source_word(state: SourceState) -> str:
    """Return what a source does, in words."""
    translate = QCoreApplication.translate
    return {
        SourceState.CLOSED: translate("Source", "source closed"),
        SourceState.OPENING: translate("Source", "source opening…"),
        SourceState.LIVE: translate("Source", "source live"),
        SourceState.LOST: translate("Source", "source lost, trying again"),
        SourceState.ENDED: translate("Source", "source at its end"),
    }[state]


class InspectHeader(QFrame):
    """One bar above the picture."""

    product_chosen = Signal(str)
    fit_asked, actual_asked, closer_asked, farther_asked = Signal(), Signal(), Signal(), Signal()
    region_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._product = QComboBox(self)
        self._recipe, self._model = QLabel(self), QLabel(self)
        self._scale, self._tools = QLabel(self), QWidget(self)
        self._fit = self._tool(Icon.FIT, self.tr("Show the whole picture (0)"))
        self._actual = self._tool(None, self.tr("One picture pixel on one screen pixel (1)"))
        self._actual.setText("1:1")
        self._farther = self._tool(Icon.ZOOM_OUT, self.tr("Zoom out (−)"))
        self._closer = self._tool(Icon.ZOOM_IN, self.tr("Zoom in (+)"))
        self.region = self._tool(
            Icon.REGION, self.tr("Region of interest: inspect only a part of the picture")
        )
        self._sign, self._state, self._source = QLabel(self), QLabel(self), QLabel(self)
        self._status: LineStatus | None = None
        self._sign_shown: tuple[Icon, str] | None = None
        self._busy = ""
        self._build()
        self._connect()
        self._recolor()

    def show_products(self, names: tuple[str, ...], chosen: str) -> None:
        """Offer these products."""
        self._product.blockSignals(True)
        self._product.clear()
        self._product.addItems(names)
        self._product.setCurrentIndex(self._product.findText(chosen))
        self._product.setEnabled(bool(names))
        self._product.blockSignals(False)

    def show_recipe(self, recipe: Recipe | None) -> None:
        """Show which recipe and model judge."""
        if recipe is None:
            self._recipe.setText(self.tr("No recipe"))
            self._model.setText(self.tr("choose a product"))
            return
        self._recipe.setText(self.tr("Recipe v{0}").format(recipe.version))
        self._model.setText(self.tr("model {0}").format(recipe.model_id))
        words = self.tr("Applied {0} by {1}: {2}")
        at = recipe.created_at.astimezone().strftime("%Y-%m-%d %H:%M %Z")
        self._recipe.setToolTip(words.format(at, recipe.actor, recipe.reason))

    def show_status(self, status: LineStatus) -> None:
        """Show what line and source do."""
        self._status = status
        self._say()

    def show_busy(self, sentence: str) -> None:
        """Say what is being prepared, "" when it is done."""
        self._busy = sentence
        self._say()

    def show_scale(self, scale: float) -> None:
        """Show how many screen pixels a picture pixel has."""
        if self._tools.isEnabled():
            self._scale.setText(f"{100 * scale:.0f} %")

    def set_picture(self, there: bool) -> None:
        """Say whether there is a picture to work on."""
        self._tools.setEnabled(there)
        if not there:
            self._scale.setText(NOTHING)

    def _tool(self, which: Icon | None, tip: str) -> QToolButton:
        button = QToolButton(self._tools)
        button.setProperty("icon-name", which and which.value)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFixedSize(TARGET, TARGET)
        button.setIconSize(QSize(ICON, ICON))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        set_role(button, Role.QUIET)
        return button

    def _build(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, GAP // 2, MARGIN, GAP // 2)
        row.setSpacing(MARGIN)
        self._product.setMinimumWidth(150)
        self._product.setPlaceholderText(self.tr("No product"))
        self._product.setMinimumHeight(TARGET - 8)
        self._product.setAccessibleName(self.tr("Product"))
        self._product.setToolTip(self.tr("Product"))
        self._product.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row.addWidget(self._product)
        row.addLayout(_stacked(self._recipe, self._model))
        row.addStretch(1)
        row.addWidget(self._tools)
        row.addStretch(1)
        row.addWidget(self._sign)
        row.addLayout(_stacked(self._state, self._source))
        tools = QHBoxLayout(self._tools)
        tools.setContentsMargins(0, 0, 0, 0)
        tools.setSpacing(0)
        self._scale.setFixedWidth(52)
        self._scale.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for widget in (self._fit, self._actual, self._farther, self._scale, self._closer, self.region):
            tools.addWidget(widget)
        self.region.setCheckable(True)
        set_role(self._state, Role.HEADING)

    def _connect(self) -> None:
        self._product.textActivated.connect(self.product_chosen)
        self._fit.clicked.connect(self.fit_asked)
        self._actual.clicked.connect(self.actual_asked)
        self._closer.clicked.connect(self.closer_asked)
        self._farther.clicked.connect(self.farther_asked)
        self.region.toggled.connect(self.region_toggled)
        theme().changed.connect(self._recolor)

    def _say(self) -> None:
        now = self._status
        state = now.state if now else LineState.READY
        words = {
            LineState.READY: self.tr("Stopped"),
            LineState.RUNNING: self.tr("Running {0:.1f}/s").format(now.pictures_per_second if now else 0),
            LineState.FAULT: self.tr("Fault"),
        }
        self._state.setText(self._busy or words[state])
        if now is not None:
            source = now.source
            size = f" · {source.width} × {source.height}" if source.width else ""
            self._source.setText(source_word(source.state) + size)
            self._source.setToolTip(source.sentence)
        color = {LineState.RUNNING: tokens().passed, LineState.FAULT: tokens().fail}.get(
            state, tokens().muted
        )
        self._show_sign(STATE_ICON[state], color)
        lost = now is not None and now.source.state is SourceState.LOST
        self._source.setStyleSheet(f"color: {tokens().fail};" if lost else "")

    def _show_sign(self, which: Icon, color: str) -> None:
        """Show a sign where it is another one: Qt keeps every pixmap that was drawn, up to 10 MB of them."""
        if self._sign_shown != (which, color):
            self._sign_shown = which, color
            self._sign.setPixmap(icon(which, color).pixmap(QSize(ICON, ICON)))

    def _recolor(self, *_tokens: object) -> None:
        for button in self._tools.findChildren(QToolButton):
            if name := button.property("icon-name"):
                button.setIcon(icon(Icon(name)))
        self._say()


def _stacked(above: QLabel, below: QLabel) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(0)
    column.addWidget(above)
    column.addWidget(below)
    set_role(below, Role.CAPTION)
    return column
