"""The suite's own rules: where shared data lies, and when a skip is a failure."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("ALMRR_SHARED") or ROOT.parent / "shared")

# A machine cannot be what it is not: only skips that start like this are allowed in CI.
PLATFORM_REASONS = ("needs a CUDA GPU", "only on Windows", "only on Linux", "only on macOS", "only on POSIX")


def skips_are_failures() -> bool:
    """In CI with the shared data beside the checkout, nothing may be missing."""
    return os.environ.get("CI", "").lower() == "true" and SHARED.is_dir()


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip for missing data, weights or packages into a failure."""
    if not report.skipped or hasattr(report, "wasxfail") or not skips_are_failures():
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith(PLATFORM_REASONS):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: skipped in CI, where nothing may be missing: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data and weights; skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared data at {SHARED}")
    return SHARED
