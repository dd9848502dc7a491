"""The scripts behind `make run` and `make test`: a failure says why, and does not make the next try fail."""

import os
import shutil
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.deploy.processes import DEPLOY

ROOT = DEPLOY.parent
FAKE = """#!/bin/sh
# Stands in for a Python, and for what is made with it.
echo "$*" >> {calls}
case $* in
  *sys.exit*) shift 2; for wanted; do [ {version} != "$wanted.0" ] || exit 0; done
    [ $# -gt 0 ] && exit 1; case {version} in 3.11.* | 3.12.* | 3.13.*) exit 0 ;; *) exit 1 ;; esac ;;
  *base_prefix*) echo {version} {prefix} ;;
  *_base_executable*) echo {prefix}/python ;;
  *ensurepip*) [ ! -e {prefix}/no-venv ] ;;
  *"-m venv"*) mkdir -p "$3/bin" && touch "$3/pyvenv.cfg" && cp {prefix}/python "$3/bin/" &&
    if [ -e {prefix}/venv-fails ]; then echo "no space left"; exit 1; fi ;;
  *"-m pip"*) if [ -e {prefix}/pip-fails ]; then echo "no route to host"; exit 1; fi ;;
esac
"""


class Project:
    """A copy of what the set-up reads, in a folder with a difficult name, with Pythons that only stand in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "mein Ordner ü"
        self.calls = folder / "calls"
        (self.folder / "app").mkdir(parents=True)
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.folder)
        shutil.copytree(ROOT / "scripts", self.folder / "scripts")

    def python(self, version: str, name: str = "python") -> Path:
        prefix = self.folder.parent / version
        prefix.mkdir()
        file = prefix / "python"
        file.write_text(FAKE.format(version=version, prefix=prefix, calls=self.calls))
        file.chmod(0o755)
        if name != "python":
            (prefix / name).symlink_to(file)
        return file

    def set_up(self, purpose: str = "run", python: Path | str = "", path: str = "") -> subprocess.CompletedProcess[str]:
        self.calls.write_text("")
        return subprocess.run(
            [self.folder / "scripts" / "set-up", ".venv", purpose, str(python)],
            env={"PATH": f"{path}:/usr/bin:/bin", "HOME": str(self.folder)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    @property
    def installed(self) -> bool:
        return "-m pip" in self.calls.read_text()


def test_what_is_installed_accepts_the_python_of_debian_12() -> None:
    required = {each.metadata["Name"]: str(each.metadata.json.get("requires_python", "")) for each in distributions()}

    assert [name for name, versions in required.items() if "3.11.2" not in SpecifierSet(versions)] == []


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Set-up: ")
    return last


def test_what_is_set_up_is_not_set_up_again_until_a_file_changes(project: Project) -> None:
    python = project.python("3.12.0")

    first, installed = project.set_up(python=python), project.installed
    again, installed_again = project.set_up(), project.installed
    with (project.folder / "constraints.txt").open("a") as constraints:
        constraints.write("# changed\n")
    changed = project.set_up()

    assert (first.returncode, again.returncode, changed.returncode) == (0, 0, 0)
    assert (installed, installed_again, project.installed) == (True, False, True)
    assert again.stderr == ""


def test_the_developers_tools_are_added_and_serve_for_running_as_well(project: Project) -> None:
    project.set_up(python=project.python("3.12.0"))
    tools = project.set_up("dev"), project.calls.read_text()
    project.set_up("run")

    assert ".[embedded,otel,testing,docs,dev]" in tools[1]
    assert "-m venv" not in tools[1]
    assert not project.installed


def test_a_python_that_is_named_is_taken_whatever_was_before(project: Project) -> None:
    first, second = project.python("3.11.9"), project.python("3.13.1")
    project.set_up(python=first)

    done = project.set_up(python=second)
    kept = project.set_up()

    assert "Python 3.13.1" in done.stderr
    assert kept.stderr == ""
    assert "3.13.1" in (project.folder / ".venv/bin/python").read_text()


@pytest.mark.parametrize("version", ["3.10.13", "3.14.0", "2.7.18"])
def test_a_named_python_that_does_not_fit_is_refused_in_one_line(project: Project, version: str) -> None:
    done = project.set_up(python=project.python(version))

    assert version in refusal(done)
    assert len(done.stderr.splitlines()) == 1
    assert not (project.folder / ".venv").exists()


def test_a_named_python_that_is_not_there_is_refused_in_one_line(project: Project) -> None:
    assert "python3.99 does not run" in refusal(project.set_up(python="python3.99"))


def test_a_newer_python3_is_passed_over_for_one_that_fits(project: Project) -> None:
    newer, fitting = project.python("3.14.0", "python3"), project.python("3.13.0", "python3.13")

    done = project.set_up(path=f"{newer.parent}:{fitting.parent}")

    assert "Python 3.13.0" in done.stderr


def test_without_venv_the_package_is_named_and_the_next_try_is_whole(project: Project) -> None:
    python = project.python("3.12.0")
    (python.parent / "no-venv").touch()

    without = project.set_up(python=python)
    (python.parent / "no-venv").unlink()

    assert "sudo apt-get install python3.12-venv" in refusal(without)
    assert project.set_up(python=python).returncode == 0
    assert project.installed


def test_an_environment_that_could_not_be_made_whole_does_not_stay(project: Project) -> None:
    python = project.python("3.12.0")
    (python.parent / "venv-fails").touch()

    done = project.set_up(python=python)

    assert "no space left" in done.stderr
    refusal(done)
    assert not (project.folder / ".venv").exists()


def test_the_reason_of_a_failed_installation_is_shown_and_it_is_tried_again(project: Project) -> None:
    python = project.python("3.12.0")
    (python.parent / "pip-fails").touch()

    failed = project.set_up(python=python)
    (python.parent / "pip-fails").unlink()
    again = project.set_up()

    assert "no route to host" in failed.stderr
    refusal(failed)
    assert again.returncode == 0
    assert project.installed


def test_a_folder_that_was_moved_gets_an_environment_with_its_own_path(project: Project) -> None:
    python = project.python("3.12.0")
    project.set_up(python=python)
    project.folder = project.folder.rename(project.folder.with_name("moved"))

    assert "Making a virtual environment" in project.set_up(python=python).stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_in_a_folder_of_somebody_else_one_line_says_what_to_do(project: Project) -> None:
    python = project.python("3.12.0")
    project.folder.chmod(0o555)

    try:
        assert "use a copy of the project that is yours" in refusal(project.set_up(python=python))
    finally:
        project.folder.chmod(0o755)


def test_a_folder_that_is_no_environment_is_never_removed(project: Project) -> None:
    kept = project.folder / "notes" / "kept"
    kept.parent.mkdir()
    kept.touch()

    done = subprocess.run(
        [project.folder / "scripts" / "set-up", "notes", "run", str(project.python("3.12.0"))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "notes is no virtual environment" in refusal(done)
    assert kept.exists()


@pytest.mark.parametrize(
    ("failing", "alone", "last"),
    [
        ("", "", ["All parts of the tests passed: main kills pymongo."]),
        ("kill", "kill", ["Tests failed in these parts: kills (of: main kills pymongo)."]),
        ("pymongo|main", "pymongo|main", ["Tests failed in these parts: main pymongo (of: main kills pymongo)."]),
        (
            "pymongo|main",
            "",
            [
                "Some tests passed only alone, in these parts: main pymongo. Their failures are above: mend them.",
                "All parts of the tests passed: main kills pymongo.",
            ],
        ),
    ],
)
def test_all_parts_of_the_tests_run_what_fails_runs_once_more_and_the_last_line_says_which_failed(
    tmp_path: Path, failing: str, alone: str, last: list[str]
) -> None:
    pytest_of_the_part = tmp_path / "pytest"
    pytest_of_the_part.write_text(f"""#!/bin/sh
        case "$*" in *--driver*) part=pymongo ;; *--ignore*) part=main ;; *) part=kill ;; esac
        case "$*" in *--last-failed*) failing="|{alone}|" again=" again" ;; *) failing="|{failing}|" ;; esac
        echo "$part$again"
        case "$failing" in *"|$part|"*) exit 1 ;; esac""")
    pytest_of_the_part.chmod(0o755)

    done = subprocess.run(
        [ROOT / "scripts" / "test", tmp_path, "main", "kills", "pymongo"], capture_output=True, text=True, check=False
    )

    again = "Some tests have failed. They are run once more, alone."
    runs = [[part, *([again, f"{part} again"] if part in failing else [])] for part in ("main", "kill", "pymongo")]
    assert done.stdout.splitlines() == [line for run in runs for line in run] + last
    assert done.returncode == (1 if alone else 0)
