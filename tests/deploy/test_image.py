"""The image: what it is built from, and how the service is as process 1, started and asked as the image does it."""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from leads_api.mongo.client import Client
from tests.client import KEY
from tests.deploy.processes import DEPLOY, free_port, run
from tests.programs import missing, program
from tests.wire.process import environment, until

ROOT = DEPLOY.parent
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
LAST_STAGE = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(path: str) -> dict[str, str]:
    """Return versions by package."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / path).read_text(), re.MULTILINE)
    return {re.sub(r"[._-]+", "-", name).lower(): version for name, version in found}


def test_the_dockerfile_has_no_known_faults() -> None:
    run("hadolint", "deploy/Dockerfile")


def test_the_image_is_built_from_what_the_build_may_see() -> None:
    copied = {
        source for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for source in line.split()
    }
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert copied == {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (
            "deploy/requirements.txt",
            [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["otel"]],
        ),
        ("deploy/build-requirements.txt", ["setuptools"]),
    ],
)
def test_the_image_gets_the_tested_version_of_every_package_by_its_hash(path: str, wanted: list[str]) -> None:
    locked, tested = pins(path), pins("constraints.txt")
    entries = re.split(r"\n(?=\S)", (ROOT / path).read_text().strip())

    assert {re.sub(r"\[.*", "", name) for name in wanted} <= set(locked)  # `make lock` adds a new one
    assert locked.items() <= tested.items()
    assert all("--hash=sha256:" in entry for entry in entries)
    assert len(entries) == len(locked)


def test_pip_installs_nothing_into_the_image_that_has_no_hash() -> None:
    installs = re.findall(r"pip (?:--python \S+ )?install((?:[^&\\]|\\\n)*)", DOCKERFILE)

    assert len(installs) == 3
    assert all("--require-hashes" in options or "--no-index dist/*.whl" in options for options in installs)
    assert "wheel --no-deps --no-build-isolation" in DOCKERFILE


def test_two_builds_give_the_same_byte_code() -> None:
    assert DOCKERFILE.count("--no-compile") == 2
    assert "compileall -q --invalidation-mode unchecked-hash" in DOCKERFILE


def test_the_image_runs_as_a_user_by_number_without_the_embedded_server() -> None:
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", LAST_STAGE, re.MULTILINE)
    assert re.search(r'^CMD \["serve", "--host", "0\.0\.0\.0"\]$', LAST_STAGE, re.MULTILINE)
    assert "secantusdb" not in pins("deploy/requirements.txt")


def test_the_license_is_the_same_in_the_file_the_metadata_and_the_label_of_the_image() -> None:
    named = PROJECT["project"]["license"]

    assert PROJECT["project"]["license-files"] == ["LICENSE"]
    assert (ROOT / "LICENSE").read_text().startswith(f"{named} License\n")
    assert f'org.opencontainers.image.licenses="{named}"' in LAST_STAGE


def test_make_image_labels_the_image_with_version_and_commit() -> None:
    done = subprocess.run(["make", "--dry-run", "image"], cwd=ROOT, capture_output=True, text=True, check=True)

    version = PROJECT["project"]["version"]
    assert f"--build-arg VERSION={version} " in done.stdout
    assert re.search(r"--build-arg REVISION=\S+ ", done.stdout)


class FirstProcess:
    """`leads serve` as process 1 of a namespace of its own, as in a container."""

    def __init__(self, folder: Path, settings: dict[str, str], *options: str) -> None:
        apart = ["--pid", "--mount-proc", "--fork", "--kill-child", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        if subprocess.run([program("unshare"), *apart, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
            missing("namespaces cannot be made here (as root and outside of containers they can)")
        leads = str(Path(sys.executable).with_name("leads"))
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._outer = subprocess.Popen(
                [program("unshare"), *apart, leads, "serve", *options],
                env=environment(settings), stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def id(self) -> int:
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()
        return int(children[0])

    def check(self) -> int:
        """Run the image's health check beside it; return its exit status."""
        (line,) = re.findall(r"^HEALTHCHECK .* CMD (.*)$", DOCKERFILE, re.MULTILINE)
        interpreter, script = json.loads(line)
        assert (interpreter, Path(script).name) == ("python", "health.py")
        # The machine of a test may be busier than one that runs containers.
        code = (DEPLOY / "health.py").read_text().replace("timeout=4", "timeout=60")
        assert "timeout=60" in code
        namespaces = [
            "--target",
            str(self.id),
            "--pid",
            "--mount",
            *([] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]),
        ]
        command = [program("nsenter"), *namespaces, sys.executable, "-c", code]
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode

    def end(self) -> int:
        """Send SIGTERM to process 1; return its exit status."""
        if self._outer.poll() is None:
            os.kill(self.id, signal.SIGTERM)
        return self._outer.wait(60)

    def close(self) -> None:
        self._outer.kill()
        self._outer.wait()


@pytest.fixture
async def settings(server_uri: str, wire_client: Client) -> AsyncIterator[dict[str, str]]:
    name = f"image_{uuid4().hex[:20]}"
    yield {"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": name, "LEADS_API_KEY": KEY}
    await wire_client.drop_database(name)


@pytest.mark.parametrize("options", [[], ["--workers", "2"]], ids=["one process", "workers"])
async def test_as_process_1_it_starts_is_healthy_by_its_own_port_and_ends_in_order(
    settings: dict[str, str], tmp_path: Path, options: list[str]
) -> None:
    port = free_port()
    first = FirstProcess(tmp_path, settings, "--port", str(port), *options)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            await until(lambda: answers(http), "it is ready")
        healthy = first.check()
        ended = first.end()
    finally:
        first.close()

    assert (healthy, ended) == (0, 0)


def test_what_does_not_serve_is_not_healthy() -> None:
    code = (DEPLOY / "health.py").read_text().replace('"/proc"', '"/proc/self/fdinfo"')

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (1, "leads serve does not run\n")


async def answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health/ready")).status_code == 200
    except httpx.TransportError:
        return False
