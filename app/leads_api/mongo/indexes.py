"""Indexes as data, each named after the query that it serves."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from leads_api.mongo.client import Database


class Index(Struct, frozen=True):
    """One index; `keys` are (field, direction) in order."""

    name: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    sparse: bool = False

    expire_seconds: int | None = None
    """How long after the date of its field a document is removed."""

    def options(self) -> dict[str, Any]:
        """Return the options that are set; an unset one is not sent."""
        options: dict[str, Any] = {"name": self.name}
        if self.unique:
            options["unique"] = True
        if self.sparse:
            options["sparse"] = True
        if self.expire_seconds is not None:
            options["expireAfterSeconds"] = self.expire_seconds
        return options


Indexes = Mapping[str, Sequence[Index]]
"""Indexes by collection."""


async def ensure(database: Database, indexes: Indexes) -> None:
    """Create what is missing, collections included: a transaction should not have to. Safe to repeat and to race."""
    for collection, wanted in indexes.items():
        for index in wanted:
            await database[collection].create_index(list(index.keys), **index.options())
