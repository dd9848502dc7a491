"""Prints docs/commands.md: the help of every command (`make commands`)."""

from collections.abc import Iterator

from leads_api.cli.commands import LEADS, Group, application
from leads_api.cli.help import help_of

_INTRODUCTION = """# Commands

What `leads --help` and `leads COMMAND --help` print. `make commands` writes this page.

Results go to standard output, everything else to standard error; an error is one line. A mistyped command or option is
answered with the nearest one. With `--json`, the result is JSON, for programs. `leads completion` prints a script with
which your shell completes commands and options. [operations.md](operations.md) describes how to use the commands,
[import.md](import.md) the files that `leads import` reads.
"""


def reference() -> str:
    """Return the page."""
    sections = [_INTRODUCTION]
    for words in [(), *_words(LEADS)]:
        _, apps, _ = application().parse_commands(list(words))
        title = " ".join(("leads", *words))
        sections.append(f"## {title}\n\n```text\n{help_of(words, apps[-1])}```\n")
    return "\n".join(sections)


def _words(group: Group, *before: str) -> Iterator[tuple[str, ...]]:
    for word, entry in group.commands.items():
        if isinstance(entry, Group):
            yield from _words(entry, *before, word)
        else:
            yield (*before, word)


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201 - that is what it is for
