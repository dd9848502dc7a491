"""Why a transaction failed, where an earlier try may have been committed (app/leads_api/mongo/transaction_runs.py)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import pytest
from pymongo.errors import OperationFailure

from leads_api.mongo.client import DeadlinePassed
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.transaction_runs import Run


class Session:
    """A session whose commits are answered as if the server had forgotten them."""

    in_transaction = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""

    def start_transaction(self, **_: object) -> None:
        """Begin."""

    async def commit_transaction(self) -> None:
        raise OperationFailure("forgotten", 251, {"errorLabels": ["TransientTransactionError"]})


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
    async def start_session() -> Session:
        return Session()

    async def work(_: object) -> int:
        return 1

    limits = Limits()
    limits.turns = turns
    client = type("Client", (), {"start_session": staticmethod(start_session)})()
    database: Any = type("Database", (), {"client": client})()

    with pytest.raises(reason):
        await Run(database, limits, work, [], None)()
