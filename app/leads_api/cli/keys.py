"""The command `leads keys`: create, list and revoke API keys."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from leads_api.access.keys import ApiKey, KeyStore
from leads_api.catalog.cache import Catalog
from leads_api.cli import arguments
from leads_api.cli.arguments import Given, Json, said
from leads_api.cli.connection import Refused, on_database
from leads_api.cli.output import CannotWrite, show, show_json, show_table, shown_second, tell
from leads_api.clock import shown_time
from leads_api.errors import Failure
from leads_api.mongo.client import Database
from leads_api.mongo.faults import DatabaseError
from leads_api.mongo.ids import Ids


def create(
    *,
    name: Annotated[str, said("what the key is for", arguments.name, metavar="NAME")],
    user: Annotated[int, said("team user that the key belongs to", arguments.identifier, metavar="ID")] = 1,
    expires: Annotated[
        date | None, said("last day (UTC) on which the key is valid", arguments.last_day, metavar="DATE")
    ] = None,
    scope: Annotated[Literal["all", "read"], said("what the key allows: everything (all), or only to read")] = "all",
    json: Json = False,
    settings: Given,
) -> None:
    """Create a key and print it once."""

    async def work(database: Database) -> None:
        if not await Catalog(database, seconds=0).is_active(user):
            raise Refused(f"{user} is not the id of an active team user.")
        keys = KeyStore(database, Ids(database))
        key, text = await keys.create(name, user=user, scope=scope, expires=_end_of(expires))
        try:
            if json:
                show_json(_plain(key, text))
            else:
                tell(f"Key {key.id} for {key.name}. It is shown only once:")
                show(f"{text}\n")
        except CannotWrite as error:
            await _take_back(keys, key, error)

    on_database(settings, work)


async def _take_back(keys: KeyStore, key: ApiKey, reason: CannotWrite) -> None:
    """Revoke a key that nobody has seen. Raises Refused."""
    try:
        await keys.revoke(key.id)
    except (DatabaseError, Failure):
        raise Refused(
            f"{reason}, so nobody has seen key {key.id}, and the database failed. Run `leads keys revoke {key.id}`."
        ) from None
    raise Refused(f"{reason}, so nobody has seen key {key.id}. It is revoked.")


def list_keys(*, json: Json = False, settings: Given) -> None:
    """List all keys."""

    async def work(database: Database) -> list[ApiKey]:
        return await KeyStore(database, Ids(database)).all()

    keys = on_database(settings, work)
    if json:
        show_json([_plain(key) for key in keys])
        return
    show_table(
        ("ID", "NAME", "USER", "SCOPE", "CREATED", "EXPIRES", "REVOKED"),
        (
            (
                str(key.id),
                key.name,
                str(key.user),
                key.scope,
                shown_second(key.created),
                str(_last_day(key.expires) or "-"),
                shown_second(key.revoked),
            )
            for key in keys
        ),
    )


def revoke(
    key_id: Annotated[int, said("id of the key", arguments.identifier, name="ID")],
    /,
    *,
    json: Json = False,
    settings: Given,
) -> None:
    """Revoke a key."""

    async def work(database: Database) -> ApiKey | None:
        return await KeyStore(database, Ids(database)).revoke(key_id)

    if (key := on_database(settings, work)) is None:
        raise Refused(f"there is no key {key_id}.")
    if json:
        show_json(_plain(key))
    else:
        show(f"Key {key.id} is revoked. Running services refuse it within {settings.cache_seconds:g} s.\n")


def _plain(key: ApiKey, text: str | None = None) -> dict[str, object]:
    """Return a key as it is in JSON (contract, section 6); `text` is what callers send, which is known only once."""
    return {
        "id": key.id,
        "name": key.name,
        **({} if text is None else {"key": text}),
        "user_id": key.user,
        "scope": key.scope,
        "expires": _last_day(key.expires),
        "revoked": None if key.revoked is None else shown_time(key.revoked),
    }


def _end_of(day: date | None) -> datetime | None:
    """Return the first moment at which a key with this last day is no longer valid."""
    return None if day is None else datetime.combine(day, time(), UTC) + timedelta(days=1)


def _last_day(expires: datetime | None) -> date | None:
    """Return the last day of a key that is no longer valid from `expires` on."""
    return None if expires is None else (expires - timedelta(milliseconds=1)).date()
