"""One version of a model in facts, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.services.training_values import ModelFacts
from app.theme import GAP, MARGIN, STEP, Role, set_role
from app.views.log_words import NOTHING, local_time, whole, zone_of
from app.views.model_timeline import title_of
from app.views.train_words import backbone_word, duration

NAME_WIDTH = 120
DIGITS = 3


class ModelDetail(QFrame):
    """Shows `ModelFacts`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, Role.CARD)
        self._title, self._body = QLabel(self), QWidget(self)
        set_role(self._title, Role.TITLE)
        self._grid = QGridLayout(self._body)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(STEP)
        self._grid.setColumnStretch(1, 1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setWidget(self._body)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addWidget(self._title)
        column.addWidget(area, 1)

    @property
    def title(self) -> str:
        """Return which version is shown."""
        return self._title.text()

    def show_facts(self, facts: ModelFacts) -> None:
        """Show one version."""
        self._title.setText(title_of(facts))
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        lines = self._lines(facts)
        for line, (name, value) in enumerate(lines):
            title, text = QLabel(name, self._body), QLabel(value, self._body)
            set_role(title, Role.CAPTION)
            title.setFixedWidth(NAME_WIDTH)
            text.setWordWrap(True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(title, line, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(text, line, 1)
        self._grid.setRowStretch(len(lines), 1)

    def _lines(self, facts: ModelFacts) -> list[tuple[str, str]]:
        row = facts.row
        lines = [
            (self.tr("Made"), f"{local_time(row.created_at)} {zone_of(row.created_at)}"),
            (self.tr("By"), row.actor),
            (self.tr("From"), row.parent or NOTHING),
            (self.tr("Note"), row.note or NOTHING),
        ]
        if facts.fault:
            lines.append((self.tr("Damaged"), facts.fault))
        else:
            lines += self._training_lines(facts)
        for at, actor, reason in facts.promoted:
            when = f"{local_time(at)} {zone_of(at)}"
            lines.append((self.tr("Promoted"), self.tr("{0} by {1}: {2}").format(when, actor, reason)))
        lines.append((self.tr("Seal"), row.seal[:16]))
        return lines

    def _training_lines(self, facts: ModelFacts) -> list[tuple[str, str]]:
        samples = self.tr("{0} to learn from, {1} to set the limits")
        learned = self.tr("{0} steps in {1}")
        return [
            (self.tr("Normals"), samples.format(whole(facts.normals or 0), whole(facts.held_out or 0))),
            (self.tr("Backbone"), backbone_word(facts.backbone)),
            (self.tr("Learning"), learned.format(whole(facts.steps or 0), duration(facts.seconds or 0))),
            *self._figure_lines(facts),
        ]

    def _figure_lines(self, facts: ModelFacts) -> list[tuple[str, str]]:
        """Say how well simulated defects were found, before the training and after it."""
        names = {
            "image_auroc": self.tr("image AUROC"),
            "pixel_auroc": self.tr("pixel AUROC"),
            "pixel_ap": self.tr("pixel AP"),
        }
        lines = []
        for stage, title in (("closed", self.tr("At the start")), ("trained", self.tr("Trained"))):
            found = [
                f"{names.get(name, name)} {value:.{DIGITS}f}"
                for key, value in facts.metrics
                for name in [key.removeprefix(f"{stage}_")]
                if name != key
            ]
            if found:
                words = self.tr("{0} on simulated defects").format(" · ".join(found))
                lines.append((title, words))
        return lines
