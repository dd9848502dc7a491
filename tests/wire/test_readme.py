"""The examples of the README and of the site's pages answer as printed there, in their order, on a fresh database."""

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import program
from tests.wire.process import running

ROOT = Path(__file__).parents[2]
NAMES = (
    "ai-agents", "backfill", "backup", "custom-fields", "deploy", "duplicates", "external-ids", "lead-forms",
    "rotate-keys", "tutorial", "upgrade", "webhooks",
)  # fmt: skip
PAGES = ["README.md", *(f"docs/{name}.md" for name in NAMES)]
RECEIVER = "hooks.acme.example"
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
IN_PROCESS = (ROOT / "docs" / "testing.md").read_text().partition("\n## In process\n")[2]
BETWEEN = "-- next --"


def examples(text: str) -> list[tuple[str, str]]:
    """Return the commands of a page, each with the answer that is printed below it."""
    text = re.sub(r"(?m)^   ", "", text)  # those of a list
    return re.findall(r"```sh\n(.*?)```(?:\n```(?:json|text)\n(.*?)```)?", text, re.DOTALL)


def lay_out(text: str, folder: Path) -> None:
    """Make the files of a page's examples: those that it shows, and the samples that it names."""
    for name, content in re.findall(r'```\w+ title="([^"]+)"\n(.*?)```', text, re.DOTALL):
        (folder / name).write_text(content)
    shutil.copytree(ROOT / "docs" / "samples", folder / "docs" / "samples")


def awaited(command: str, printed: str) -> str:
    """Return a command, after which its events are in the feed if it reads them."""
    if "/api/events" not in command:
        return command
    last = re.findall(r'"type":"[a-z._]+"', printed)[-1]
    return f"until ({command}) | grep -q '{last}'; do sleep 0.2; done\n{command}"


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


@pytest.mark.parametrize("page", PAGES)
async def test_every_curl_line_answers_as_printed(tmp_path: Path, page: str) -> None:
    program("curl")
    text = (ROOT / page).read_text()
    expected = examples(text)
    lay_out(text, tmp_path)
    async with running(tmp_path, LEADS_API_KEY="", LEADS_WEBHOOK_ALLOW_PRIVATE="yes") as service:
        given = f'PATH="{Path(sys.executable).parent}:$PATH" KEY=$(cat data/api-key)\n'  # `leads`, and a key of yours
        script = given + f"\necho; echo '{BETWEEN}'\n".join(awaited(*example) for example in expected)
        for shown, real in {"http://127.0.0.1:8000": service.url, f"https://{RECEIVER}": service.url}.items():
            script = script.replace(shown, real)
        output = (await run("bash", "-ec", script, cwd=tmp_path)).replace(
            f'"{service.url}/leads"', f'"https://{RECEIVER}/leads"'
        )

    answers = output.split(BETWEEN)
    assert len(answers) == len(expected)
    for (command, printed), answer in zip(expected, answers, strict=True):
        assert matches(printed, answer), f"{command}\nprinted:  {printed}\nanswered: {answer}"


async def test_the_tutorial_meets_every_endpoint_of_a_lead() -> None:
    called = {
        (method, re.sub(r"\d+", "{}", path))
        for command, _ in examples(TUTORIAL)
        for method, path in re.findall(r"curl -s(?: -X (\w+))?.*?\$leads([\w/-]*)", command)
    }

    assert called == {
        ("", ""),  # GET the list, and POST
        *((method, "/{}") for method in ("", "PUT", "PATCH", "DELETE")),
        *(("PUT", f"/{{}}/{part}") for part in ("status", "assigned", "tags", "archive", "activate")),
        *(("", f"/{{}}/{part}") for part in ("convert", "clone", "comments")),
        ("DELETE", "/{}/comments/{}"),
        ("PUT", "/by-external-id/shop-{}"),
        ("", "/batch"),
    }


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", IN_PROCESS, re.DOTALL))
async def test_the_examples_for_tests_of_other_programs_run(tmp_path: Path, example: str) -> None:
    others = "ignore:datetime.datetime.utcnow() is deprecated:DeprecationWarning:mongomock.helpers"  # as in pyproject
    await run(sys.executable, "-W", "error", "-W", others, "-c", example, cwd=tmp_path)
