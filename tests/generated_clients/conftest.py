"""Generators of clients, installed once into a folder that git ignores, and a service for the clients to call."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leads_api.testing import LeadsService, running_service
from tests.programs import program

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "openapi.json"
_INSTALLED = HERE / ".installed"
_SECONDS = 600


def run(*command: str | Path, folder: Path) -> str:
    """Run a command to its end; return what it printed. Fails the test with all that it wrote, if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        pytest.fail(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout


@contextmanager
def _installing(name: str, *parts: bytes) -> Iterator[tuple[Path, bool]]:
    """Give a folder for what is installed from these parts, and whether it is still to be installed.

    Processes of one test run wait for each other. What fails is installed anew the next time.
    """
    _INSTALLED.mkdir(exist_ok=True)
    folder = _INSTALLED / f"{name}-{hashlib.sha256(b''.join(parts)).hexdigest()[:12]}"
    ready = folder / "ready"
    with (_INSTALLED / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = not ready.exists()
        if missing:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        yield folder, missing
        ready.touch()


def python_with(pins: Path) -> Path:
    """Return a Python of a virtual environment with these packages."""
    with _installing(f"python-{pins.stem}", pins.read_bytes(), sys.version.encode(), bytes(HERE)) as (folder, missing):
        python = folder / "bin" / "python"
        if missing:
            run(sys.executable, "-m", "venv", folder, folder=HERE)
            run(python, "-m", "pip", "install", "--quiet", "--no-input", "--requirement", pins, folder=HERE)
    return python


def node_modules() -> Path:
    """Return the folder that has the packages of `typescript/package-lock.json`."""
    npm, source = program("npm"), HERE / "typescript"
    files = [source / name for name in ("package.json", "package-lock.json", ".npmrc")]
    with _installing("typescript", *[file.read_bytes() for file in files]) as (folder, missing):
        if missing:
            for file in files:
                shutil.copy(file, folder)
            run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)
    return folder


@pytest.fixture
def service() -> Iterator[LeadsService]:
    """A service with an empty database, as a process of its own."""
    with running_service("embedded") as service:
        yield service
