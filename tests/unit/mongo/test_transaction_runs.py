"""Why a transaction failed, where an earlier try may have been committed (app/leads_api/mongo/transaction_runs.py)."""

from asyncio import timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Self

import pytest
from pymongo.errors import OperationFailure

from leads_api.mongo.client import DeadlinePassed
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.transaction_runs import Run


class Session:
    """A session whose commits are answered as if the server had forgotten them."""

    in_transaction = False

    def __init__(self) -> None:
        self.seen: list[object] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""

    def start_transaction(self, **_: object) -> None:
        self.seen.append("a transaction")

    async def abort_transaction(self) -> None:
        """Abort."""

    async def commit_transaction(self) -> None:
        raise OperationFailure("forgotten", 251, {"errorLabels": ["TransientTransactionError"]})


class Database:
    """A database behind servers of some type, whose reads the session remembers."""

    def __init__(self, server_type: str, session: Session) -> None:
        server = SimpleNamespace(server_type_name=server_type)
        description = SimpleNamespace(server_descriptions=lambda: {"a": server})
        self.client = SimpleNamespace(start_session=self._start_session, topology_description=description)
        self._session = session

    async def _start_session(self) -> Session:
        return self._session

    def __getitem__(self, name: str) -> Any:
        async def find_one(wanted: object, _: object, session: Session) -> None:
            session.seen.append((name, wanted))

        return SimpleNamespace(find_one=find_one)


class Limits(ConcurrencyLimits):
    """Gives one turn, and refuses the next."""

    turns = 1

    @property
    def transactions(self) -> Any:
        @asynccontextmanager
        async def turn() -> AsyncIterator[None]:
            if self.turns == 0:
                raise DeadlinePassed("transactions")
            self.turns -= 1
            yield

        return turn()


@pytest.mark.parametrize(("turns", "reason"), [(1, OperationFailure), (0, DeadlinePassed)])
async def test_a_refused_try_does_not_hide_that_an_earlier_one_may_be_committed(
    turns: int, reason: type[Exception]
) -> None:
    async def work(_: object) -> int:
        return 1

    limits = Limits()
    limits.turns = turns
    database: Any = Database("RSPrimary", Session())

    with pytest.raises(reason):
        await Run(database, limits, work, [], None)()


@pytest.mark.parametrize("held", [False, True], ids=["held by the run", "held by the caller"])
@pytest.mark.parametrize("server_type", ["Mongos", "LoadBalancer", "RSPrimary"])
async def test_on_a_sharded_cluster_the_records_are_read_first_so_that_no_snapshot_is_older(
    server_type: str, held: bool
) -> None:
    session = Session()
    database: Any = Database(server_type, session)
    records = [("leads", 1), ("external_ids", "crm-1"), ("leads", 2)]

    async def work(_: object) -> None:
        raise LookupError

    limits = ConcurrencyLimits()
    async with limits.records(*(records if held else [])), timeout(10):
        with pytest.raises(LookupError):
            await Run(database, limits, work, records, None, held=held)()

    before = session.seen[: session.seen.index("a transaction")]
    looks = [("leads", {"_id": {"$in": [1, 2]}}), ("external_ids", {"_id": {"$in": ["crm-1"]}})]
    assert before == ([] if server_type == "RSPrimary" else looks)
