"""In CI everything that a test may need is there, so a skip hides a fault: it counts as a failure."""

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure with the same reason where CI=true."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        where, line, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("", "", "")
        report.outcome = "failed"
        report.longrepr = f"{where}:{line}: {reason}: in CI nothing may be skipped"
    return report
