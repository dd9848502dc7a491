"""The command `leads completion`."""

from typing import Annotated, Literal

from leads_api.cli.arguments import said
from leads_api.cli.commands import application
from leads_api.cli.output import show


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], said("your shell", name="SHELL")], /) -> None:
    """Print a completion script."""
    show(application().generate_completion(shell=shell))
