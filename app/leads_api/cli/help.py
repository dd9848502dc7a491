"""The help of commands, as text."""

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from textwrap import wrap

from cyclopts import App, Argument

from leads_api.cli.commands import STATUSES, Command, Group, named

_WIDTH = 79
_COLUMN = 24
"""Where texts begin; as argparse has it."""

Row = tuple[str, str]
"""An argument, an option or a command, and what it is."""


def help_of(words: Sequence[str], app: App) -> str:
    """Return the help of a command or group; `app` is its parser."""
    entry, name = named(words), " ".join(("leads", *words))
    if isinstance(entry, Group):
        parts = _group(entry, name, is_root=not words)
    else:
        parts = _command(entry, name, [argument for argument in app.assemble_argument_collection() if argument.show])
    return "\n\n".join(part for part in parts if part) + "\n"


def _group(group: Group, name: str, *, is_root: bool) -> Iterator[str]:
    options = [_HELP, _VERSION] if is_root else [_HELP]
    yield _usage(name, [*(f"[{option.split(',')[0]}]" for option, _ in options), "COMMAND", "..."])
    yield _sentence(group.summary)
    yield _rows("commands", [(word, entry.summary) for word, entry in group.commands.items()])
    yield _rows("options", options)
    if is_root:
        yield f"{name} COMMAND --help shows the options and examples of a command."
        yield STATUSES


def _command(command: Command, name: str, arguments: list[Argument]) -> Iterator[str]:
    positional = [argument for argument in arguments if argument.index is not None]
    options = [argument for argument in arguments if argument.index is None]
    usage = [_invocation(option) if option.required else f"[{_invocation(option)}]" for option in options]
    usage += [argument.name if argument.required else f"[{argument.name}]" for argument in positional]
    yield _usage(name, ["[-h]", *usage])
    yield "\n".join(wrap(f"{_sentence(command.summary)} {command.details}".strip(), _WIDTH))
    yield _rows("arguments", [(argument.name, _text(argument)) for argument in positional])
    yield _rows("options", [_HELP, *((_invocation(option), _text(option)) for option in options)])
    yield "\n".join(["examples:", *(f"  {example}" for example in command.examples)])
    if command.more is not None:
        module, function = command.more.split(":")
        yield getattr(import_module(f"{__package__}.{module}"), function)()


_HELP: Row = ("-h, --help", "show this help message and exit")
_VERSION: Row = ("--version", "show program's version number and exit")


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:].rstrip('.')}."


def _usage(name: str, parts: Iterable[str]) -> str:
    first = f"usage: {name} "
    # Not within a part: an option and its value stay on a line.
    lines = wrap(" ".join(part.replace(" ", "\0") for part in parts), _WIDTH - len(first), break_on_hyphens=False)
    return first + f"\n{' ' * len(first)}".join(lines).replace("\0", " ")


def _invocation(option: Argument) -> str:
    """Return an option and the name of its value."""
    count, _ = option.token_count()
    if not count:
        return option.name
    if option.parameter.metavar is not None:
        return f"{option.name} {option.parameter.metavar}"
    return f"{option.name} {{{','.join(option.get_choices() or ())}}}"


def _text(argument: Argument) -> str:
    default = argument.field_info.default
    is_told = argument.parameter.show_default is not False and type(default) in {int, str}
    return f"{argument.parameter.help}" + (f" (default: {default})" if is_told else "")


def _rows(title: str, rows: Sequence[Row]) -> str:
    lines = [f"{title}:"] if rows else []
    for name, text in rows:
        first, *others = wrap(text, _WIDTH - _COLUMN) or [""]
        begin = f"  {name}"
        if len(begin) > _COLUMN - 2:
            lines += [begin, f"{'':{_COLUMN}}{first}"]
        else:
            lines.append(f"{begin:{_COLUMN}}{first}")
        lines += [f"{'':{_COLUMN}}{other}" for other in others]
    return "\n".join(lines)
