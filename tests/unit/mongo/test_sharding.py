"""What a sharded cluster may shard, and by what (app/leads_api/mongo/sharding.py)."""

import logging
from typing import Any

import pytest
from pymongo.errors import OperationFailure, PyMongoError

from leads_api.mongo.client import Document
from leads_api.mongo.sharding import check_shard_keys, faults
from leads_api.setup import INDEXES, SHARD_KEYS

FITTING: list[Document] = [
    {"_id": "config.system.sessions", "key": {"_id": 1}, "unique": False},
    {"_id": "leads.leads", "key": {"_id": "hashed"}, "unique": False, "noBalance": False},
    {"_id": "leads.blobs.chunks", "key": {"files_id": 1}, "unique": False},
    {"_id": "leads.users", "key": {"_id": 1}, "unique": False, "unsplittable": True},  # moved, not sharded
    {"_id": "leads.counters", "key": {"_id": 1}, "dropped": True},
    {"_id": "leads_of_others.leads", "key": {"title": 1}, "unique": False},
]


class Cluster:
    """Stands for a client of a mongos, or of a replica set."""

    def __init__(self, entries: list[Document] | PyMongoError, *, router: bool = True) -> None:
        self.entries = entries
        self.router = router
        self.admin = self
        self.client = self
        self.name = "leads"

    async def command(self, _name: str) -> Document:
        return {"msg": "isdbgrid"} if self.router else {"setName": "rs0"}

    def __getitem__(self, _name: str) -> "Cluster":
        return self

    def find(self, *_: object) -> "Cluster":
        return self

    async def to_list(self, _length: None) -> list[Document]:
        if isinstance(self.entries, PyMongoError):
            raise self.entries
        return self.entries


async def logged(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    database: Any = cluster
    with caplog.at_level(logging.INFO, "leads.sharding"):
        await check_shard_keys(database, SHARD_KEYS)
    return [(record.levelname, record.message) for record in caplog.records]


async def test_what_fits_is_not_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    assert await logged(Cluster(FITTING), caplog) == []
    assert await logged(Cluster([]), caplog) == []


@pytest.mark.parametrize(
    ("name", "key", "fault"),
    [
        ("leads", {"_id": 1}, "must be sharded by {'_id': 'hashed'} or not at all, but it is by {'_id': 1}"),
        ("leads", {"_id": "hashed", "title": 1}, "must be sharded by {'_id': 'hashed'} or not at all, but it is by"),
        ("blobs.chunks", {"n": 1, "files_id": 1}, "must be sharded by {'files_id': 1} or not at all, but it is by"),
        ("blobs.chunks", {"files_id": "hashed"}, "must be sharded by {'files_id': 1} or not at all, but it is by"),
        ("blobs.files", {"_id": 1}, "must not be sharded, but it is, by {'_id': 1}"),
        ("clients", {"_id": "hashed"}, "must not be sharded, but it is, by {'_id': 'hashed'}"),
    ],
)
async def test_what_does_not_fit_is_an_error_that_names_the_collection(
    caplog: pytest.LogCaptureFixture, name: str, key: Document, fault: str
) -> None:
    entries = [entry for entry in FITTING if entry["_id"] != f"leads.{name}"]

    ((level, message),) = await logged(Cluster([*entries, {"_id": f"leads.{name}", "key": key}]), caplog)

    assert level == "ERROR"
    assert message.startswith(f"the collection {name} {fault}")


async def test_a_user_who_may_not_read_it_is_told_so_and_nothing_fails(caplog: pytest.LogCaptureFixture) -> None:
    refusal = OperationFailure("not authorized on config to execute command", code=13)

    ((level, message),) = await logged(Cluster(refusal), caplog)

    assert level == "INFO"
    assert message.startswith("the shard keys were not checked: OperationFailure: not authorized on config")


async def test_a_replica_set_is_not_asked(caplog: pytest.LogCaptureFixture) -> None:
    assert await logged(Cluster(OperationFailure("must not be asked"), router=False), caplog) == []


def test_a_unique_index_of_a_sharded_collection_begins_with_its_shard_key() -> None:
    """Else the server refuses either the index or the shard key."""
    for collection, key in SHARD_KEYS.items():
        for index in INDEXES[collection]:
            if index.unique:
                assert index.keys[: len(key)] == tuple(key.items()), index.name


def test_a_database_is_told_from_another_whose_name_is_longer() -> None:
    assert faults("leads", [{"_id": "leads2.leads", "key": {"a": 1}}], SHARD_KEYS) == []
