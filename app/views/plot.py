"""A pyqtgraph plot that only shows: no menus, no buttons, no mouse."""

from __future__ import annotations

import pyqtgraph
from PySide6.QtWidgets import QWidget


def quiet_plot(parent: QWidget) -> pyqtgraph.PlotWidget:
    """Return a plot for people to read.

    Every PlotItem makes a menu without a parent, also where none is wanted, which nobody deletes: it gets one.
    """
    plot = pyqtgraph.PlotWidget(parent, enableMenu=False)
    menu = plot.plotItem.ctrlMenu
    menu.setParent(plot, menu.windowFlags())
    plot.setMouseEnabled(False, False)
    plot.hideButtons()
    return plot
