"""From a normal picture to a promoted model: pools, quality, retraining, gate, promotion, drift.

The rules live here once, for the window's services and the command line alike. Nothing heavy is imported at the
top of a module that a page needs at its start: torch loads where a model is.
"""
