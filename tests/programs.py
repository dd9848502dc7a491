"""Programs of the system that tests run: a test whose program is missing is skipped, and says how to install it."""

import os
import shutil
from typing import NoReturn

import pytest

_PACKAGES = {
    "chromium": "chromium",
    "curl": "curl",
    "envsubst": "gettext-base",
    "haproxy": "haproxy",
    "nginx": "nginx",
    "node": "nodejs",
    "npm": "npm",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "ps": "procps",
    "systemd-analyze": "systemd",
    "unshare": "util-linux",
}
_reasons: set[str] = set()
"""Why tests of this process were skipped."""


def program(name: str) -> str:
    """Return the path of a program. Without it the test is skipped; with CI=true in the environment it fails."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if found is None:
        missing(f"{name} is not installed (Debian, Ubuntu: sudo apt-get install {_PACKAGES[name]})")
    return found


def missing(reason: str) -> NoReturn:
    """Skip a test that needs what this machine lacks; with CI=true in the environment it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    _reasons.add(reason)
    pytest.skip(reason)


def told_once(report: pytest.TestReport, error: BaseException | None) -> None:
    """Give all tests that miss a program one place, so that the summary folds them into one line."""
    if str(error) in _reasons:
        report.longrepr = (__file__, program.__code__.co_firstlineno, f"Skipped: {error}")
