"""The window of the station. Everything without a GUI lives in `almrr_core`."""
