"""Installs what other programs use, once, into a folder that git ignores: generators of clients, a bridge, a library.

`make test` runs this as a program before the tests, because it may take longer than a test may.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
PYTHON_VERSIONS = ("current", "older")
"""The versions of openapi-python-client, each with its pins in `python/`."""

_INSTALLED = HERE / ".installed"
_SECONDS = 600


class Failed(Exception):  # noqa: N818 - a program has failed
    """A program has failed. The message has all that it wrote."""


def run(*command: str | Path, folder: Path) -> str:
    """Run a program to its end; return what it printed. Raises Failed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise Failed(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def python_with(version: str) -> Path:
    """Return a Python that has a version of openapi-python-client. Raises Failed."""
    pins = HERE / "python" / f"{version}.txt"
    with _installing(f"python-{version}", pins.read_bytes(), sys.version.encode(), bytes(HERE)) as (folder, missing):
        python = folder / "bin" / "python"
        if missing:
            run(sys.executable, "-m", "venv", folder, folder=HERE)
            run(python, "-m", "pip", "install", "--quiet", "--no-input", "--requirement", pins, folder=HERE)
    return python


def node_packages(npm: str, name: str = "typescript") -> Path:
    """Return a folder with the packages of `NAME/package-lock.json`. Raises Failed."""
    files = [HERE / name / file for file in ("package.json", "package-lock.json", ".npmrc")]
    with _installing(name, *[file.read_bytes() for file in files]) as (folder, missing):
        if missing:
            for file in files:
                shutil.copy(file, folder)
            run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)
    return folder


@contextmanager
def _installing(name: str, *parts: bytes) -> Iterator[tuple[Path, bool]]:
    """Give a folder for what is installed from these parts, and whether it is still to be installed.

    Processes of one test run wait for each other. What failed is installed anew the next time.
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


def main() -> None:
    """Install what can be installed here. What is missing is told by the tests that need it."""
    for version in PYTHON_VERSIONS:
        python_with(version)
    if (npm := shutil.which("npm")) and shutil.which("node"):
        node_packages(npm)
        node_packages(npm, "mcp")
        node_packages(npm, "webhooks")


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(str(failed))
