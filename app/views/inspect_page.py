"""The page operators watch all shift: picture, verdict, counters, limits and the line's buttons."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QKeyEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from almrr_core.types import Box, Frame, Limits, LineState, LineStatus, Recipe, Shown
from app.services.history import History
from app.services.recipes import Recipes
from app.services.station import Station
from app.services.tasks import Tasks
from app.theme import GAP, MARGIN
from app.views.film_strip import FilmStrip
from app.views.inspect_header import InspectHeader
from app.views.inspect_picture import InspectPicture
from app.views.inspect_side import InspectSide
from app.views.kept_part import Kept, kept_of
from app.views.limits_panel import LimitsPanel
from app.views.score_strip import ScoreStrip
from app.views.view_panel import ViewPanel

REFRESH_EVERY = 5_000  # ms: also without a line a shift begins and the disk fills


class InspectPage(QWidget):
    """Shows what the station says, and says what a person wants; it keeps thirty small parts and no line."""

    def __init__(
        self,
        station: Station,
        recipes: Recipes,
        history: History,
        tasks: Tasks,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._station, self._recipes = station, recipes
        self._header, self._picture = InspectHeader(self), InspectPicture(history, self)
        self._scores, self._film = ScoreStrip(self), FilmStrip(self)
        self._limits, self._view = LimitsPanel(recipes, tasks), ViewPanel(station.settings.heat_opacity)
        self._side = InspectSide(self._limits, self._view, self)
        self._operator, self._refreshing = False, QTimer(self)
        self._refreshing.setInterval(REFRESH_EVERY)
        self._build()
        self._connect_station()
        self._connect_parts()
        self._begin()

    @property
    def picture(self) -> InspectPicture:
        """Return the picture with what stands over it."""
        return self._picture

    @property
    def side(self) -> InspectSide:
        """Return the column beside the picture."""
        return self._side

    @property
    def limits(self) -> LimitsPanel:
        """Return the limits panel."""
        return self._limits

    @property
    def film(self) -> FilmStrip:
        """Return the film strip."""
        return self._film

    @property
    def scores(self) -> ScoreStrip:
        """Return the strip chart."""
        return self._scores

    @property
    def header(self) -> InspectHeader:
        """Return the bar above the picture."""
        return self._header

    def set_operator_mode(self, on: bool) -> None:
        """Show picture, verdict, counters and stop; nothing else."""
        self._operator = on
        if on:
            self._picture.thaw()
            self._header.region.setChecked(False)
            self._limits.revert()
        for widget in (self._header, self._scores, self._film):
            widget.setVisible(not on)
        self._side.set_operator_mode(on)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Keep the figures fresh while they are seen."""
        super().showEvent(event)
        self._refresh()
        self._refreshing.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Rest."""
        super().hideEvent(event)
        self._refreshing.stop()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Space takes a part, Esc goes back to live; a button or field that has the focus comes first."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._trigger()
        elif event.key() == Qt.Key.Key_Escape and self._header.region.isChecked():
            self._header.region.setChecked(False)
        elif event.key() == Qt.Key.Key_Escape and self._picture.frozen is not None:
            self._picture.thaw()
        else:
            super().keyPressEvent(event)

    def _build(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(GAP)
        left.addWidget(self._header)
        left.addWidget(self._picture, 1)
        left.addWidget(self._scores)
        left.addWidget(self._film)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        row.setSpacing(MARGIN)
        row.addLayout(left, 1)
        row.addWidget(self._side)
        self.setFocusProxy(self._picture)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # the window gives a page that has one the keys
        line_key = QShortcut(QKeySequence(Qt.Key.Key_F5), self)  # while the page is shown
        line_key.activated.connect(self._toggle_line)

    def _connect_station(self) -> None:
        station = self._station
        self._refreshing.timeout.connect(self._refresh)
        station.showed.connect(self._show_part)
        station.live_changed.connect(self._show_live)
        station.status_changed.connect(self._show_status)
        station.stopped.connect(self._show_status)
        station.busy_changed.connect(self._show_busy)
        station.recipe_changed.connect(self._show_recipe)
        station.product_changed.connect(self._change_product)
        station.products_changed.connect(self._show_products)
        self._recipes.scores_changed.connect(self._seed_scores)
        self._header.product_chosen.connect(station.choose_product)
        self._side.start_asked.connect(self._start)
        self._side.stop_asked.connect(station.stop)
        self._side.trigger_asked.connect(self._trigger)
        self._side.counters.reset_asked.connect(station.reset_counts)
        self._picture.start_asked.connect(self._start)
        self._picture.roi_chosen.connect(self._choose_roi)
        self._view.opacity_chosen.connect(self._remember_opacity)

    def _connect_parts(self) -> None:
        view, header = self._picture.view, self._header
        header.fit_asked.connect(view.fit)
        header.actual_asked.connect(view.actual_size)
        header.closer_asked.connect(view.zoom_in)
        header.farther_asked.connect(view.zoom_out)
        header.region_toggled.connect(self._picture.draw_roi)
        view.scale_changed.connect(header.show_scale)
        self._picture.roi_ended.connect(self._end_roi)
        self._picture.thawed.connect(self._film_to_live)
        self._film.chosen.connect(self._freeze)
        self._limits.tried.connect(self._try_limits)
        self._view.heat_changed.connect(view.set_heat)
        self._view.outline_changed.connect(view.set_outline)

    def _begin(self) -> None:
        self._picture.view.set_heat(self._view.opacity, True)
        self._header.set_picture(False)
        self._show_products(self._station.products)
        if self._station.recipe is not None:
            self._show_recipe(self._station.recipe)
        else:
            self._header.show_recipe(None)
        self._show_status(self._station.status)
        self._say_empty()

    # What the station says

    def _show_part(self, shown: Shown) -> None:
        self._header.set_picture(True)
        part = kept_of(shown)
        self._film.add(part)
        self._scores.add(shown.record)
        self._side.show_record(shown.record)
        self._picture.show_part(shown)
        if self._picture.frozen is None:
            self._limits.show_score(shown.record.score)

    def _show_live(self, frame: Frame) -> None:
        self._header.set_picture(True)
        self._picture.show_live(frame)

    def _show_status(self, status: LineStatus) -> None:
        station = self._station
        self._header.show_status(status)
        self._side.figures.show_status(status)
        self._side.figures.show_disk(station.disk_left)
        counters = self._side.counters
        counters.show_counts(station.counts_since_reset, station.shift_counts)
        counters.show_times(station.reset_at, station.shift_at)
        counters.show_truth(station.simulated_truth)
        running = status.state is LineState.RUNNING
        self._side.set_running(running, bool(station.settings.product) and not station.busy)

    def _refresh(self) -> None:
        self._show_status(self._station.status)

    def _show_busy(self, sentence: str) -> None:
        self._header.show_busy(sentence)
        if not sentence:
            self._show_products(self._station.products)  # a product whose model was not loaded is not chosen
        self._show_status(self._station.status)
        self._say_empty()

    def _show_recipe(self, recipe: Recipe) -> None:
        self._header.show_recipe(recipe)
        self._scores.set_limits(recipe.limits)
        self._limits.show_recipe(recipe, self._station.calibration, self._station.calibration_fits)
        self._picture.set_roi(recipe.geometry.roi)
        if not self._limits.trying:
            self._picture.end_trying()
        if self._side.banner.verdict is None:
            self._side.show_limits(recipe.limits)

    def _change_product(self, product: str) -> None:
        """Forget the parts of the product before: they were judged by other limits."""
        self._film.clear()
        self._scores.clear()
        self._picture.clear()
        self._header.set_picture(False)
        self._side.banner.show_verdict(None)
        self._show_products(self._station.products)
        self._say_empty()

    def _show_products(self, names: tuple[str, ...]) -> None:
        self._header.show_products(names, self._station.settings.product)

    def _seed_scores(self, _product: str) -> None:
        """Begin the strip with what the log holds; what came since is among it."""
        if self._station.recipe is not None and not self._scores.scores:
            self._scores.begin_with(self._recipes.recent_scores, self._station.recipe.limits)

    def _say_empty(self) -> None:
        station = self._station
        if station.busy:
            self._picture.say_empty(station.busy, "", "")
        elif not station.settings.product:
            self._picture.say_empty(
                self.tr("No product is chosen"),
                self.tr("Choose a product above, or make one in Settings."),
                "",
            )
        else:
            sentence = self.tr("Parts of {0} will be shown here, with their heat map and verdict.")
            self._picture.say_empty(
                self.tr("The line is stopped"),
                sentence.format(station.settings.product),
                self.tr("Start line"),
            )

    # What a person wants

    def _toggle_line(self) -> None:
        if self._side.line_button.isEnabled():
            self._side.line_button.click()

    def _start(self) -> None:
        self._station.start()

    def _trigger(self) -> None:
        if self._station.running:
            self._station.trigger()

    def _freeze(self, part: Kept) -> None:
        self._film.select(part)
        self._picture.freeze(part)
        self._limits.show_score(part.record.score)

    def _film_to_live(self) -> None:
        self._film.select(None)

    def _try_limits(self, limits: Limits) -> None:
        self._picture.try_limits(limits, not self._limits.trying)

    def _choose_roi(self, roi: Box | None) -> None:
        self._recipes.set_roi(roi)

    def _end_roi(self) -> None:
        self._header.region.setChecked(False)

    def _remember_opacity(self, opacity: float) -> None:
        self._station.change_settings(replace(self._station.settings, heat_opacity=opacity))
