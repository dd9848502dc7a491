"""The examples of the README and of how-to pages answer as printed there, in their order, on a fresh database."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import program
from tests.wire.process import running

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
BETWEEN = "-- next --"


def examples(text: str) -> list[tuple[str, str]]:
    """Return the commands of a page, each with the answer that is printed below it."""
    return re.findall(r"```sh\n(.*?)```(?:\n```json\n(.*?)```)?", text, re.DOTALL)


def matches(printed: str, answer: str) -> bool:
    """Compare an answer with what is printed, where `...` stands for anything."""
    pattern = ".*?".join(re.escape(part) for part in printed.strip().split("..."))
    return re.fullmatch(pattern, answer.strip(), re.DOTALL) is not None


async def run(*command: str, cwd: Path) -> str:
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", ["README.md", "docs/duplicates.md"])
async def test_every_curl_line_answers_as_printed(tmp_path: Path, page: str) -> None:
    program("curl")
    expected = examples((ROOT / page).read_text())
    async with running(tmp_path, LEADS_API_KEY="") as service:
        script = f"\necho; echo '{BETWEEN}'\n".join(command for command, _ in expected)
        output = await run("bash", "-ec", script.replace("http://127.0.0.1:8000", service.url), cwd=tmp_path)

    answers = output.split(BETWEEN)
    assert len(answers) == len(expected)
    for (command, printed), answer in zip(expected, answers, strict=True):
        assert matches(printed, answer), f"{command}\nprinted:  {printed}\nanswered: {answer}"


async def test_the_examples_meet_every_endpoint_of_leads() -> None:
    called = {
        (method, re.sub(r"\d+", "{}", path))
        for command, _ in examples(README)
        for method, path in re.findall(r"curl -s(?: -X (\w+))?.*?\$leads([\w/]*)", command)
    }

    assert called == {
        ("", ""),  # GET the list, and POST
        *((method, "/{}") for method in ("", "PUT", "PATCH", "DELETE")),
        *(("PUT", f"/{{}}/{part}") for part in ("status", "assigned", "tags", "archive", "activate")),
        *(("", f"/{{}}/{part}") for part in ("convert", "clone", "comments")),
        ("DELETE", "/{}/comments/{}"),
    }


@pytest.mark.parametrize("example", [example for example in PYTHON if "def test_" not in example])
async def test_the_examples_for_tests_of_other_programs_run(tmp_path: Path, example: str) -> None:
    others = "ignore:datetime.datetime.utcnow() is deprecated:DeprecationWarning:mongomock.helpers"  # as in pyproject
    await run(sys.executable, "-W", "error", "-W", others, "-c", example, cwd=tmp_path)
