"""The command `leads person`: what is held about a person, and its erasure."""

from typing import Annotated, Literal

from leads_api.catalog.model import ADMIN
from leads_api.cli.arguments import Given, Json, email, said
from leads_api.cli.connection import Refused, on_database
from leads_api.cli.output import show, show_json
from leads_api.errors import Conflict
from leads_api.memory import Memory
from leads_api.mongo.client import Database
from leads_api.persons import Persons
from leads_api.services import Services
from leads_api.settings import Settings

_SECONDS = 600.0
"""The texts of all comments are read."""


def person(
    who: Annotated[str, said("e-mail of the person", email, name="EMAIL")],
    action: Annotated[
        Literal["export", "erase"], said("export: print all that is held; erase: remove it", name="ACTION")
    ],
    /,
    *,
    yes: Annotated[bool, said("really erase")] = False,
    json: Json = False,
    settings: Given,
) -> None:
    """Export or erase what is held about a person."""

    async def work(database: Database) -> dict[str, int]:
        persons = _persons(database, settings)
        if action == "erase" and yes:
            return await persons.erase(who, ADMIN)
        held = await persons.held(who)
        if action == "export":
            show_json(held)
        return {kind: len(records) for kind, records in held.items()}

    try:
        counts = on_database(settings, work, seconds=_SECONDS)
    except Conflict as error:
        raise Refused(error.message) from None
    if action == "export":
        return
    if json:
        show_json(counts | {"erased": yes})
    else:
        told = ", ".join(f"{count} {kind}" for kind, count in counts.items()).replace("_", " ")
        show(f"{'Erased' if yes else 'Held'}: {told}.\n")
    if not yes:
        raise Refused("nothing was erased. Run it again with --yes: it cannot be undone.")


def _persons(database: Database, settings: Settings) -> Persons:
    services = Services(settings, database.client, Memory())
    return Persons(
        database,
        services.catalog,
        clients=services.clients,
        files=services.files,
        transact=services.transact,
    )
