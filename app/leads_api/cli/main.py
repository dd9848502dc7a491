"""The entry point: parses the command line, reads the settings, runs the command, and reports errors in one line."""

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper

from cyclopts import (
    App,
    Argument,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from leads_api.cli.commands import Group, NotValid, application, named
from leads_api.cli.help import help_of
from leads_api.cli.output import NobodyReads, show, tell

_SIGPIPE = 141
_NOT_VALID = 2
_HELP = {"-h", "--help"}
_ENDS_OPTIONS = "--"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(sys.argv[1:] if argv is None else list(argv))
    except NobodyReads:
        return _SIGPIPE
    except Exception as error:  # noqa: BLE001 - nothing ends in a traceback
        # Imported here, because it knows the errors of all parts: without an error, the help needs none of them.
        told = import_module("leads_api.cli.errors").told
        tell(f"leads: {told(error)}")
        return 1


def _run(words: list[str]) -> int:
    if words[:1] == ["--version"]:
        show(f"leads {import_module('importlib.metadata').version('leads-api')}\n")
        return 0
    options = words[: words.index(_ENDS_OPTIONS)] if _ENDS_OPTIONS in words else words
    asks_help = not _HELP.isdisjoint(options)
    app = application()
    chain, apps, unused = app.parse_commands([word for word in words if word not in _HELP] if asks_help else words)
    program, entry = " ".join(("leads", *chain)), named(chain)
    if isinstance(entry, Group) and unused:
        return _refuse(program, _unknown(unused[0], entry))
    if asks_help or isinstance(entry, Group):
        show(help_of(chain, apps[-1]))
        return 0
    return _execute(app, words, program)


def _execute(app: App, words: list[str], program: str) -> int:
    try:
        command, bound, others = app.parse_args(words, print_error=False, exit_on_error=False)
    except CycloptsError as error:
        return _refuse(program, _told(error))
    if "settings" in others:
        bound.arguments["settings"] = import_module("leads_api.settings").from_environment(os.environ)
    try:
        command(*bound.args, **bound.kwargs)
    except NotValid as error:
        return _refuse(program, str(error))
    return 0


def _refuse(program: str, reason: str) -> int:
    tell(f"{program}: {reason.rstrip('.?')}{'?' if reason.endswith('?') else '.'} See {program} --help.")
    return _NOT_VALID


def _unknown(word: str, group: Group) -> str:
    """Return what to say about a word that is no command of a group."""
    if word.startswith("-"):
        return f"there is no option {word}"
    close = get_close_matches(word, group.commands, n=1)
    return f"there is no command {word}" + (f". Did you mean {close[0]}?" if close else "")


def _told(error: CycloptsError) -> str:
    """Return what is wrong with a command line."""
    argument = error.argument
    match error:
        case CoercionError() if argument is not None:
            return f"argument {argument.name}: {error.msg or _choices(argument) or 'takes no value'}"
        case MissingArgumentError() if argument is not None:
            if close := get_close_matches(argument.name, error.unused_tokens or (), n=1):
                return f"there is no option {close[0]}. Did you mean {argument.name}?"
            needs_value = error.keyword is not None or argument.tokens or not argument.required
            return f"argument {argument.name}: {'expects a value' if needs_value else 'is required'}"
        case UnusedCliTokensError():
            return f"there is no argument {(error.unused_tokens or [''])[0]}"
        case UnknownOptionError():
            return f"{error}".replace("Unknown option: ", "there is no option ")
    return f"{error}"


def _choices(argument: Argument) -> str:
    choices = argument.get_choices() or ()
    return f"must be one of {', '.join(choices)}" if choices else ""
