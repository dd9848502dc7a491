"""`scripts/test-mongodb`, with a Docker and a pytest that only stand in."""

import subprocess
from pathlib import Path

import pytest

from tests.deploy.processes import DEPLOY

DOCKER = """#!/bin/sh
echo "docker $*" >> {calls}
case $1 in
  run) echo "container-of-${{6#mongo:}}" ;;
  exec) [ ! -e {folder}/no-primary ] || exit 1 ;;
esac
"""
PYTEST = """#!/bin/sh
echo "pytest $LEADS_TEST_MONGODB_URI $*" >> {calls}
case "$*" in *{failing}*) exit 1 ;; esac
"""


class Script:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._calls = folder / "calls"
        self._write("docker", DOCKER)

    def _write(self, name: str, text: str, **values: str) -> None:
        path = self.folder / name
        path.write_text(text.format(calls=self._calls, folder=self.folder, **values))
        path.chmod(0o755)

    def run(self, *versions: str, failing: str = "nothing") -> subprocess.CompletedProcess[str]:
        self._write("pytest", PYTEST, failing=failing)
        self._write("sleep", "#!/bin/sh\n")
        return subprocess.run(
            [DEPLOY.parent / "scripts" / "test-mongodb", self.folder, *versions],
            env={"PATH": f"{self.folder}:/usr/bin:/bin"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def called(self, name: str) -> list[str]:
        return [line.split(" ", 1)[1] for line in self._calls.read_text().splitlines() if line.startswith(f"{name} ")]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


def test_each_version_is_tested_with_both_drivers_as_a_replica_set_and_stopped(script: Script) -> None:
    done = script.run("7.0", "8.0")

    assert (done.returncode, done.stdout) == (0, "All tests passed on MongoDB: 7.0 8.0.\n")
    uri = "mongodb://127.0.0.1:27117/?replicaSet=rs0"
    runs = [f"{uri} tests/api tests/wire --store wire --driver {driver}" for driver in ("motor", "pymongo")]
    assert script.called("pytest") == runs * 2
    servers = [call for call in script.called("docker") if not call.startswith("exec ")]
    assert [server.split()[0] for server in servers] == ["run", "stop", "run", "stop"]
    assert "mongo:7.0 mongod --replSet rs0" in servers[0]
    assert servers[1::2] == ["stop container-of-7.0", "stop container-of-8.0"]


def test_all_runs_happen_also_if_one_fails_and_the_last_line_says_which(script: Script) -> None:
    done = script.run(failing="motor")

    assert (done.returncode, done.stdout) == (1, "Tests failed on MongoDB: 8.0/motor.\n")
    assert len(script.called("pytest")) == 2
    assert script.called("docker")[-1] == "stop container-of-8.0"


def test_a_server_that_has_no_primary_is_stopped_and_told(script: Script) -> None:
    (script.folder / "no-primary").touch()

    done = script.run()

    assert done.returncode == 1
    assert done.stderr == "MongoDB 8.0 did not start.\n"
    assert "pytest" not in (script.folder / "calls").read_text()
    assert script.called("docker")[-1] == "stop container-of-8.0"
