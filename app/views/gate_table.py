"""Candidate and active model side by side: figures with what is better, in words and arrows."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.services.training_values import GateReport, Light
from app.theme import BODY, GAP, MARGIN, STEP, VERDICT_LOOK, Role, Tokens, figures, set_role, theme, tokens
from app.views.log_words import NOTHING, number
from app.views.train_words import LIGHT_VERDICT, light_word
from app.views.verdict_shape import draw_shape

SHAPE = 32
Cells = tuple[str, str, str, int]  # name, candidate, active; 1 better, -1 worse, 0 neither


class LightSign(QWidget):
    """A light as a shape: disc, triangle or octagon."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._light = Light.AMBER
        self.setFixedSize(QSize(SHAPE, SHAPE))

    def show_light(self, light: Light) -> None:
        """Show another light."""
        self._light = light
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the shape."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        verdict = LIGHT_VERDICT[self._light]
        look = VERDICT_LOOK[verdict]
        draw_shape(painter, verdict, QRectF(self.rect()).adjusted(1, 1, -1, -1), look.color, look.ink)


class LightBar(QFrame):
    """The gate's word with its shape, and its reasons."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._sign, self._word, self._reasons = LightSign(self), QLabel(self), QLabel(self)
        set_role(self._word, Role.TITLE)
        self._reasons.setWordWrap(True)
        self._reasons.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        words = QVBoxLayout()
        words.setSpacing(STEP)
        words.addWidget(self._word)
        words.addWidget(self._reasons)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(MARGIN, GAP, MARGIN, GAP)
        self._row.setSpacing(MARGIN)
        self._row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        self._row.addLayout(words, 1)

    def add(self, widget: QWidget) -> None:
        """Put something that can be pressed at the right."""
        self._row.addWidget(widget)

    @property
    def word(self) -> str:
        """Return the light's word."""
        return self._word.text()

    def show_report(self, report: GateReport) -> None:
        """Show light and reasons."""
        self._sign.show_light(report.light)
        self._word.setText(light_word(report.light))
        self._reasons.setText("\n".join(one.sentence for one in (*report.reasons,)))


class GateTable(QFrame):
    """One line a figure."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        self._grid.setHorizontalSpacing(GAP)
        self._grid.setVerticalSpacing(STEP)
        self._report: GateReport | None = None
        theme().changed.connect(self._recolor)

    def show_report(self, report: GateReport) -> None:
        """Show the figures of both models."""
        self._report = report
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        heads = ("", report.candidate, self.tr("against {0}").format(report.active), "")
        for column, head in enumerate(heads):
            self._put(head, 0, column, Role.CAPTION)
        for line, (name, candidate, active, better) in enumerate(self._rows(report), 1):
            self._put(name, line, 0, Role.MUTED)
            self._put(candidate, line, 1)
            self._put(active, line, 2)
            self._put(self._delta_words(better), line, 3, color=self._color(better))
        self._put(self._left_out(report), len(self._rows(report)) + 1, 0, Role.CAPTION, columns=4)
        self._grid.setRowStretch(len(self._rows(report)) + 2, 1)

    def _rows(self, report: GateReport) -> list[Cells]:
        new, old = report.candidate_figures, report.active_figures
        counts = (
            (self.tr("False rejects"), new.false_rejects, old.false_rejects, new.normals),
            (self.tr("of them FAIL"), new.failed_normals, old.failed_normals, new.normals),
            (self.tr("Escapes"), new.escapes, old.escapes, new.defects),
            (self.tr("Unlabelled rejects"), new.unlabelled_rejects, old.unlabelled_rejects, new.unlabelled),
        )
        rows = [(name, _of(a, of), _of(b, of), _sign(b - a)) for name, a, b, of in counts]
        shares = (
            (self.tr("AUROC"), new.auroc, old.auroc),
            (self.tr("AP"), new.ap, old.ap),
            (self.tr("Pixel AP"), new.pixel_ap, old.pixel_ap),
        )
        for name, first, second in shares:
            better = 0 if first is None or second is None else _sign(round(first - second, 4))
            rows.append((name, _percent(first), _percent(second), better))
        rows.append((self.tr("Score shift"), number(report.shift), number(0.0), 0))
        return rows

    def _delta_words(self, better: int) -> str:
        return {1: self.tr("▲ better"), -1: self.tr("▼ worse"), 0: ""}[better]

    def _color(self, better: int) -> str:
        return {1: tokens().passed, -1: tokens().fail, 0: ""}[better]

    def _left_out(self, report: GateReport) -> str:
        words = self.tr("{0} pictures compared.").format(len(report.pictures))
        if report.left_out:
            words += " " + self.tr("{0} could not be: {1}").format(len(report.left_out), report.left_out[0])
        return words

    def _put(
        self, words: str, line: int, column: int, role: Role | None = None, color: str = "", columns: int = 1
    ) -> None:
        label = QLabel(words, self)
        if role is not None:
            set_role(label, role)
        else:
            label.setFont(figures(BODY))
        if color:
            label.setStyleSheet(f"color: {color}; font-weight: 600;")
        if columns > 1:
            label.setWordWrap(True)
        side = Qt.AlignmentFlag.AlignRight if column in (1, 2) else Qt.AlignmentFlag.AlignLeft
        self._grid.addWidget(label, line, column, 1, columns, side if columns == 1 else Qt.AlignmentFlag(0))

    def _recolor(self, _tokens: Tokens) -> None:
        if self._report is not None:
            self.show_report(self._report)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _of(count: int, total: int) -> str:
    return f"{count} / {total}" if total else NOTHING


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.1f} %"
