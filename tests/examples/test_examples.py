"""The example projects, each in a copy of its own: their tests pass as docs/testing.md says."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.generated_clients.install import HERE, node_packages
from tests.programs import program

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAGE = ROOT / "docs" / "testing.md"
SECONDS = 240.0
VARIABLES = {**os.environ, "LEADS_PYTHON": sys.executable, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def run(folder: Path, *command: str | Path) -> str:
    """Run a project's tests; return what they print."""
    done = subprocess.run(
        command, cwd=folder, env=VARIABLES, text=True, check=False, timeout=SECONDS,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def copied(name: str, folder: Path) -> Path:
    return shutil.copytree(EXAMPLES / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))


def test_the_pytest_project(tmp_path: Path) -> None:
    printed = run(copied("pytest", tmp_path), sys.executable, "-m", "pytest", "-W", "error::pytest.PytestWarning")

    assert re.search(r"\b3 passed", printed), printed


def test_the_unittest_project(tmp_path: Path) -> None:
    printed = run(copied("unittest", tmp_path), sys.executable, "-m", "unittest")

    assert re.search(r"Ran 2 tests .*\nOK", printed, re.DOTALL), printed


def test_the_python_examples_of_the_page(tmp_path: Path) -> None:
    text = PAGE.read_text().partition("\n## In process\n")[0]  # tests/wire/test_readme.py runs what is there
    plugin, test, fixture, unittest = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "conftest.py").write_text(plugin + fixture)
    (tmp_path / "test_pytest.py").write_text(f"{test}\n\ndef test_more(leads_on_a_database):\n    pass\n")
    (tmp_path / "leads.py").write_text(unittest)

    assert re.search(r"\b2 passed", run(tmp_path, sys.executable, "-m", "pytest"))
    assert "Ran 1 test" in run(tmp_path, sys.executable, "leads.py")


def test_the_typescript_project() -> None:
    npm = program("npm")
    program("node")
    with tempfile.TemporaryDirectory(dir=node_packages(npm)) as folder:  # below the packages, so that they are found
        printed = run(copied("typescript", Path(folder)), npm, "test")

    assert re.search(r"pass 2\n", printed), printed


def test_the_typescript_project_needs_the_packages_that_it_is_tested_with() -> None:
    own, installed = (
        json.loads((folder / "package.json").read_text())["devDependencies"]
        for folder in (EXAMPLES / "typescript", HERE / "typescript")
    )

    assert own.items() <= installed.items()
