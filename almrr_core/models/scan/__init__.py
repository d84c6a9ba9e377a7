"""Mamba's selective scan: `selective_scan` for models, `available_paths` and `parity` for the self-test."""

from almrr_core.models.scan.dispatch import PARITY_LIMIT, ScanPath, available_paths, parity, selective_scan

__all__ = ["PARITY_LIMIT", "ScanPath", "available_paths", "parity", "selective_scan"]
