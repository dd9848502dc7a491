"""The help of the commands, and the page of it (contract, section 6)."""

import subprocess
import sys
from pathlib import Path

import pytest

from leads_api.cli.commands import LEADS, Command, Group, application
from leads_api.cli.help import help_of
from leads_api.cli.reference import reference

ROOT = Path(__file__).parents[3]


def every(group: Group = LEADS, before: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Command]]:
    found = []
    for word, entry in group.commands.items():
        words = (*before, word)
        found += every(entry, words) if isinstance(entry, Group) else [(words, entry)]
    return found


COMMANDS = every()


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_the_help_of_a_command_has_examples_that_are_valid(words: tuple[str, ...], command: Command) -> None:
    _, apps, _ = application().parse_commands(list(words))

    text = help_of(words, apps[-1])

    assert command.examples
    for example in command.examples:
        assert f"  {example}\n" in text
        assert " ".join(("leads", *words)) in example


def test_the_page_of_the_commands_is_what_they_print() -> None:
    assert (ROOT / "docs" / "commands.md").read_text() == reference(), "run `make commands`"


def test_every_line_of_the_help_fits_into_a_terminal() -> None:
    for words, _ in COMMANDS:
        _, apps, _ = application().parse_commands(list(words))
        own = help_of(words, apps[-1]).partition("examples:")[0]
        assert [line for line in own.splitlines() if len(line) > 79] == []


def test_the_help_imports_neither_the_service_nor_the_driver() -> None:
    heavy = {"pymongo", "motor", "litestar", "rich", "uvicorn"}
    script = (
        "import sys; sys.argv = ['leads', '--help']\n"
        "from leads_api.cli.main import main; main()\n"
        f"print(sorted({{name.split('.')[0] for name in sys.modules}} & {heavy}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "app")},
    )

    assert done.stdout.splitlines()[-1] == "[]"
