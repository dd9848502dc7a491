"""The unit for systemd: valid, confined, and fit for the service. systemd itself judges it, without running it."""

import re
import subprocess
from pathlib import Path

import pytest

from leads_api.settings import described, from_environment
from tests.deploy.processes import DEPLOY
from tests.programs import program

UNIT = (DEPLOY / "systemd" / "leads.service").read_text()
MOST_EXPOSURE = 15
"""Of 100, where 100 is a service that is not confined at all."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is there."""
    path = tmp_path / "leads.service"
    path.write_text(UNIT.replace("/opt/leads/bin/leads", "/bin/true"))
    return path


@pytest.mark.parametrize(
    "options", [["verify"], ["security", "--offline=yes", f"--threshold={MOST_EXPOSURE}"]], ids=str
)
def test_systemd_finds_no_fault_in_the_unit(unit: Path, options: list[str]) -> None:
    done = subprocess.run([program("systemd-analyze"), *options, unit], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""


def test_the_service_is_killed_only_after_the_drain_and_the_end() -> None:
    settings = from_environment({})
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)

    assert settings.drain_seconds + settings.request_timeout + 15 < int(seconds)


def test_secrets_come_as_files_that_only_the_service_may_read() -> None:
    files = dict(re.findall(r"^Environment=(LEADS_\w+)_FILE=%d/(.+)$", UNIT, re.MULTILINE))
    credentials = set(re.findall(r"^LoadCredential=([^:]+):", UNIT, re.MULTILINE))

    assert files.keys() <= {variable for variable, _, _ in described()}
    assert set(files.values()) == credentials == {"mongodb-uri"}
