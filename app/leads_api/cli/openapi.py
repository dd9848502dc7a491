"""The command `leads openapi`."""

import msgspec

from leads_api import asgi
from leads_api.cli.arguments import Given
from leads_api.cli.output import show


def openapi(*, settings: Given) -> None:
    """Print the OpenAPI document."""
    document = msgspec.json.encode(asgi.openapi(), order="sorted")
    show(msgspec.json.format(document, indent=1).decode() + "\n")
