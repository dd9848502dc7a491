"""`leads_api.testing`, and the package as other programs install it (contract, section 6, "In process")."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Literal

import httpx
import pytest

from leads_api.settings import BadSetting
from leads_api.testing import LeadsService, running_service
from tests.wire.process import SECONDS, processes_of, until

ROOT = Path(__file__).parents[2]
LEAD = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}


def call(service: LeadsService, method: str, path: str, body: object = None) -> httpx.Response:
    return httpx.request(method, f"{service.url}{path}", json=body, headers=service.headers, timeout=SECONDS)


@pytest.mark.parametrize("kind", ["mongomock", "embedded"])
def test_a_running_service_serves_the_whole_api(kind: Literal["mongomock", "embedded"]) -> None:
    with running_service(kind) as service:
        made = call(service, "POST", "/api/leads", LEAD)
        path = made.headers["Location"]
        answers = [
            call(service, "GET", path),
            call(service, "GET", "/api/leads?search=acm"),
            call(service, "POST", f"{path}/comments", {"comment": "Called."}),
            call(service, "POST", f"{path}/clone", {"lead_title": "Second", "lead_status": 1}),
            call(service, "POST", f"{path}/convert", {"first_name": "J", "last_name": "D", "email": "j@acme.example"}),
            httpx.get(f"{service.url}/api/leads"),
        ]

    assert made.status_code == 201
    assert [answer.status_code for answer in answers] == [200, 200, 201, 201, 201, 401]
    with pytest.raises(httpx.TransportError):
        call(service, "GET", path)


def test_two_services_have_nothing_in_common() -> None:
    with running_service() as first, running_service() as second:
        call(first, "POST", "/api/leads", LEAD)

        assert call(first, "GET", "/api/leads").json()["meta"]["total"] == 1
        assert call(second, "GET", "/api/leads").json()["meta"]["total"] == 0
        assert first.key != second.key
        assert call(LeadsService(second.url, first.key), "GET", "/api/leads").status_code == 401


def test_settings_are_given_as_to_the_command_and_those_of_the_process_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEADS_DEFAULT_LIMIT", "7")
    with running_service(environment={"LEADS_MAX_BODY_BYTES": "1024"}) as service:
        assert call(service, "GET", "/api/leads").json()["meta"]["per_page"] == 25
        assert call(service, "POST", "/api/leads", {"lead_description": "x" * 2000}).status_code == 413


def test_a_bad_setting_is_told_and_nothing_is_left_running() -> None:
    with (
        pytest.raises(BadSetting, match="LEADS_DEFAULT_LIMIT"),
        running_service(environment={"LEADS_DEFAULT_LIMIT": "0"}),
    ):
        raise AssertionError
    with pytest.raises(RuntimeError), running_service("embedded", {"LEADS_DEFAULT_LIMIT": "0"}):
        raise AssertionError


def test_an_error_in_the_block_ends_the_service(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), running_service("embedded", {"LEADS_DATA_DIR": str(tmp_path)}):
        raise ZeroDivisionError

    assert processes_of(tmp_path) == []


async def gone(service: LeadsService) -> None:
    """Wait until a service no longer listens."""

    def refuses() -> bool:
        try:
            call(service, "GET", "/health/live")
        except httpx.TransportError:
            return True
        return False

    async def is_gone() -> bool:
        return await asyncio.to_thread(refuses)

    await until(is_gone, f"nothing listens at {service.url}")


def begun(*command: str, stdin: int) -> tuple[subprocess.Popen[str], LeadsService]:
    """Start a program that runs a service and prints its URL and key; wait for the line."""
    process = subprocess.Popen([sys.executable, *command], stdin=stdin, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as output:
        return process, LeadsService(**json.loads(output.readline()))


async def test_a_program_that_is_killed_leaves_no_service_behind(tmp_path: Path) -> None:
    program = f"""
import json
from leads_api.testing import running_service
with running_service("embedded", {{"LEADS_DATA_DIR": {str(tmp_path)!r}}}) as service:
    print(json.dumps({{"url": service.url, "key": service.key}}), flush=True)
    input()
"""
    process, service = begun("-c", program, stdin=subprocess.PIPE)
    assert call(service, "GET", "/api/leads").status_code == 200

    process.kill()

    process.communicate()
    await gone(service)

    async def database_is_gone() -> bool:
        return not processes_of(tmp_path)

    await until(database_is_gone, "the database ends")


@pytest.mark.parametrize("options", [(), ("--store", "embedded")])
async def test_the_command_serves_until_its_input_is_closed(options: tuple[str, ...]) -> None:
    process, service = begun("-m", "leads_api.testing", *options, stdin=subprocess.PIPE)
    made = call(service, "POST", "/api/leads", LEAD)

    process.communicate()

    assert made.status_code == 201
    assert process.returncode == 0
    await gone(service)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_command_without_a_pipe_serves_until_a_signal(number: signal.Signals) -> None:
    process, service = begun("-m", "leads_api.testing", stdin=subprocess.DEVNULL)
    listed = call(service, "GET", "/api/leads")

    process.send_signal(number)

    assert listed.status_code == 200
    assert process.wait(SECONDS) == 128 + number
    await gone(service)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is published."""
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT])
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, and with what it needs from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("program") / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", folder])
    python = folder / "bin" / "python"
    run([sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel])
    found = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
    (Path(found.strip()) / "needs.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return python


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program with a package `app` of its own."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("NAME = 'another program'\n")
    return tmp_path


def run(command: list[str | Path], folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS * 2)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def examples(page: str, heading: str) -> list[str]:
    """Return the Python examples of a section of a page."""
    section = (ROOT / page).read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def test_the_wheel_works_beside_a_package_called_app(python: Path, program: Path) -> None:
    code = "import app, leads_api; print(app.NAME, leads_api.__file__)"

    assert run([python, "-c", code], program).startswith(f"another program {python.parents[1]}")
    assert run([python.with_name("leads"), "openapi"], program).startswith("{")


def test_the_examples_of_the_pages_run_in_another_program(python: Path, program: Path) -> None:
    (program / "conftest.py").write_text('pytest_plugins = ["leads_api.testing"]\n')
    scripts = examples("README.md", "In your tests") + examples("docs/testing.md", "In process")
    for number, script in enumerate(scripts):
        (program / f"test_example_{number}.py").write_text(f"import app\n\n{script}")

    for number, script in enumerate(scripts):
        if "def test_" in script:
            printed = run([python, "-m", "pytest", "-q", f"test_example_{number}.py"], program)
            assert re.search(r"[1-9]\d* passed", printed), printed
        else:
            run([python, f"test_example_{number}.py"], program)
    assert len(scripts) == 3
