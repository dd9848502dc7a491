"""A history of requests: what was sent, when, and what callers were told. The checker compares it with the database.

Every request has a mark, which is its request id. It is also in what the request writes (a title, a text, an e-mail),
so the effect of each request can be found.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Any

import httpx

from tests.client import Api, Json

CREATE, CHANGE, ARCHIVE, COMMENT, UNCOMMENT, ITEM, CONVERT, CLONE, MERGE, DELETE, READ = (
    "create", "change", "archive", "comment", "uncomment", "item", "convert", "clone", "merge", "delete", "read",
)  # fmt: skip

RAISES_VERSION = {CHANGE, ARCHIVE, COMMENT, UNCOMMENT, CONVERT, MERGE}
"""The kinds of requests that change a lead, and leave it there."""

_SENT_ONCE = r"AutoReconnect|NetworkTimeout|WTimeoutError|ExecutionTimeout|WriteConcernError|_OperationCancelled"
_MAY_BE_LOST = re.compile(rf"database error: ({_SENT_ONCE})\b|the deadline of the request passed")
"""Reasons in the log of a 503 after which the database may have written: it was asked, and its answer did not come."""
_COMMIT_MAY_BE_LOST = re.compile(
    rf"{_MAY_BE_LOST.pattern}|ServerSelectionTimeoutError|WaitQueueTimeoutError|OperationFailure (?!112)"
)
"""The same for a transaction. After a commit whose answer was lost, what follows can fail in more ways."""

_WAITED = "the deadline passed while the request waited for"
_SHOWN_AS = {"tags": "tags", "lead_description": "description"}
"""The field of a lead that each field of a change's body sets."""


@dataclass
class Request:
    """One request, and what its caller was told."""

    kind: str
    mark: str
    lead: int | None = None
    comment: int | None = None
    """The comment that is to be deleted."""
    method: str = ""
    path: str = ""
    body: Json = field(default_factory=dict)
    keyed: bool = False
    """Whether it has an idempotency key, so that it can be sent again: it is one request then."""
    began: float = 0.0
    ended: float = inf
    status: int | None = None
    """The status of the answer; None if there was none."""
    data: Json = field(default_factory=dict)
    replayed: bool = False
    retry_after: str = ""
    text: str = ""
    """The answer's body, if it is an error."""

    @property
    def sets(self) -> Json:
        """The fields of the lead that this sets, as the lead shows them."""
        if self.kind == ARCHIVE:
            return {"active_state": "archived"}
        return {_SHOWN_AS[name]: value for name, value in self.body.items() if name in _SHOWN_AS}

    @property
    def done(self) -> bool:
        """Whether the caller was told that it is done."""
        return self.status is not None and self.status < 300

    @property
    def deletes(self) -> bool:
        """Whether the lead is gone if this is done."""
        return self.kind == DELETE or self.body.get("delete_lead") == "yes"

    @property
    def merges(self) -> list[int]:
        """The leads that are gone, because they are part of this one, if this is done."""
        others: list[int] = self.body.get("lead_ids", [])
        return others

    @property
    def changes(self) -> bool:
        """Whether the lead has another version if this is done."""
        return self.kind in RAISES_VERSION and not self.deletes


class History:
    """The requests of a test."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.reasons: dict[str, str] = {}
        """Why requests were answered 503, by mark, from the log of the service."""
        self.in_use: set[str] = set()
        """The marks of requests of whose idempotency keys the database may say that another transaction has them."""

    def __iter__(self) -> Iterator[Request]:
        return iter(self.requests)

    def of(self, *kinds: str) -> Iterator[Request]:
        return (request for request in self.requests if request.kind in kinds)

    def begin(self, kind: str, **fields: Any) -> Request:
        """Record a request that is about to be sent."""
        request = Request(kind, f"{kind}-{len(self.requests)}", began=monotonic(), **fields)
        self.requests.append(request)
        return request

    def is_open(self, request: Request) -> bool:
        """Whether nobody can know from its answer if a request has written."""
        if request.status != 503:
            return request.status is None
        reason = self.reasons.get(request.mark, "")
        if request.keyed and _WAITED in reason:  # so the service's last attempt ended, and the first may have written
            return True
        in_transaction = request.keyed or request.kind in (CONVERT, CLONE, MERGE, DELETE, ITEM)
        return (_COMMIT_MAY_BE_LOST if in_transaction else _MAY_BE_LOST).search(reason) is not None

    def explain(self, lines: Iterable[Json]) -> None:
        """Take the reasons of 503s from the lines of a log."""
        for line in lines:
            if line["level"] != "info" and "request_id" in line:
                self.reasons[line["request_id"]] = line["message"]

    async def send(self, api: Api, request: Request) -> Request:
        """Send a request, possibly once more, and record what comes of it."""
        headers = {"X-Request-ID": request.mark} | ({"Idempotency-Key": request.mark} if request.keyed else {})
        try:
            answer = await api.call(request.method, request.path, request.body or None, headers=headers)
        except httpx.HTTPError:
            return request  # it has not ended: no answer will come any more, but an effect may
        request.ended = monotonic()
        told(request, answer)
        return request


def told(request: Request, answer: httpx.Response) -> None:
    """Record an answer."""
    request.status = answer.status_code
    if request.done:
        request.data = answer.json()["data"]
        request.replayed = "Idempotency-Replayed" in answer.headers
    else:
        request.text = answer.text
        request.retry_after = answer.headers.get("Retry-After", "")
