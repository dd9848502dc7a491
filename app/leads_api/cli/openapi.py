"""The command `leads openapi`."""

import argparse
from typing import Any

import msgspec

from leads_api import asgi
from leads_api.cli.output import show
from leads_api.settings import Settings


def add_to(commands: Any) -> None:
    """Declare the command."""
    commands.add_parser("openapi", help="print the OpenAPI document").set_defaults(run=_print)


def _print(_settings: Settings, _options: argparse.Namespace) -> None:
    document = msgspec.json.encode(asgi.openapi(), order="sorted")
    show(msgspec.json.format(document, indent=1).decode() + "\n")
