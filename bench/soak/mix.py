"""The mixed load: all kinds of requests, and as many leads at the end as at the start."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from random import Random
from typing import Any

import msgspec

from bench.soak.client import Done

SHARES = {
    "get": 50, "list": 12, "create": 8, "patch": 7, "status": 4, "comment": 4, "clone": 2, "convert": 3, "delete": 10,
}  # fmt: skip
"""Of a hundred requests. What creates and clones add, deletes take away."""

_STATUSES = [1, 3, 4, 5, 7]
_SORTS = ["lead_title", "lead_value", "lead_created"]
_TEXT = "Called back and talked about dates; wants the offer by Friday, with two options for the hosting."
_MORE = 1.2
"""How many times as many leads there may be as at the start. Under overload fewer are deleted than made, and with more
leads each list would cost more, also after the overload."""
_REFUSED = 503
AFTER_A_REFUSAL = 599
"""Stands for the 404 or 409 of a lead whose deletion or conversion was answered with 503, and yet done."""

Request = tuple[bytes, Done]


class Mix:
    """Makes requests on leads that exist. A lead that is deleted has no other request under way."""

    def __init__(
        self, key: str, leads: Iterable[int], converted: Callable[[int], bool], without: Collection[str] = ()
    ) -> None:
        """`leads` are the ids of the leads that are there; `converted` tells which cannot be converted.

        Kinds of requests may be left out.
        """
        self._dice = Random(1)  # noqa: S311 - the same every time is what is wanted
        self._head = f"HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer {key}\r\n"
        self._leads = list(leads)
        self._most = len(self._leads) * _MORE
        self._open = [lead for lead in self._leads if not converted(lead)]
        self._busy: Counter[int] = Counter()
        self._gone: set[int] = set()
        self._doubtful: set[int] = set()
        """Leads whose deletion or conversion was answered with 503."""
        self._number = 0
        self._run = f"{self._dice.getrandbits(32):x}"
        self._kinds = [kind for kind in SHARES if kind not in without]
        self._weights = [SHARES[kind] for kind in self._kinds]

    def next(self, done: Callable[[int], None]) -> Request:
        """Return a request, and what is to be done with its response; `done` gets its status."""
        self._number += 1
        (kind,) = self._dice.choices(self._kinds, self._weights)
        if kind in {"create", "clone"} and len(self._leads) > self._most:
            kind = "get"
        make: Callable[[Callable[[int], None]], Request] = getattr(self, f"_{kind}")
        return make(done)

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        if body is None:
            length = "" if method == "GET" else "Content-Length: 0\r\n"
            return f"{method} {path} {self._head}{length}\r\n".encode()
        content = msgspec.json.encode(body)
        head = f"{method} {path} {self._head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        return head.encode() + content

    def _of_lead(self, method: str, more: str, body: dict[str, Any] | None, done: Callable[[int], None]) -> Request:
        lead = self._one()
        self._busy[lead] += 1

        def after(status: int, _: bytes) -> None:
            self._busy[lead] -= 1
            done(self._meant(status, lead))

        return self._request(method, f"/api/leads/{lead}{more}", body), after

    def _meant(self, status: int, lead: int) -> int:
        if status not in {404, 409} or lead not in self._doubtful:
            return status
        self._gone.add(lead)
        return AFTER_A_REFUSAL

    def _one(self) -> int:
        while True:
            lead = self._dice.choice(self._leads)
            if lead not in self._gone:
                return lead

    def _adding(self, path: str, body: dict[str, Any], done: Callable[[int], None], busy: int = 0) -> Request:
        """A request that makes a lead, out of a busy one if it is a clone."""
        self._busy[busy] += 1

        def after(status: int, content: bytes) -> None:
            self._busy[busy] -= 1
            if status == 201:  # noqa: PLR2004 - it was made
                lead = int(content[len(b'{"data":{"id":') : content.index(b",")])
                self._leads.append(lead)
                self._open.append(lead)
            done(self._meant(status, busy))

        return self._request("POST", path, body), after

    def _get(self, done: Callable[[int], None]) -> Request:
        return self._of_lead("GET", "", None, done)

    def _list(self, done: Callable[[int], None]) -> Request:
        sort, page = self._dice.choice(_SORTS), self._dice.randint(1, 4)
        return self._request("GET", f"/api/leads?sort={sort}&page={page}"), lambda status, _: done(status)

    def _create(self, done: Callable[[int], None]) -> Request:
        number = self._number
        body = {
            "lead_title": f"Acme {number} - new website", "lead_status": self._dice.choice(_STATUSES),
            "lead_categoryid": 3, "lead_firstname": "Jane", "lead_lastname": "Doe", "lead_company_name": "Acme Works",
            "lead_value": f"{number % 9000}.50", "lead_email": f"jane.{number}@acme.example", "lead_phone": "+1 555 01",
            "lead_source": "Website", "lead_last_contacted": "2026-06-15", "lead_description": _TEXT,
            "lead_city": "Porto", "lead_country": "Portugal",
        }  # fmt: skip
        return self._adding("/api/leads", body, done)

    def _clone(self, done: Callable[[int], None]) -> Request:
        lead = self._one()
        return self._adding(f"/api/leads/{lead}/clone", {"lead_title": "Again", "lead_status": 1}, done, busy=lead)

    def _patch(self, done: Callable[[int], None]) -> Request:
        body = {"lead_value": f"{self._number % 9000}.25", "lead_job_position": "CTO"}
        return self._of_lead("PATCH", "", body, done)

    def _status(self, done: Callable[[int], None]) -> Request:
        return self._of_lead("PUT", "/status", {"status": self._dice.choice(_STATUSES)}, done)

    def _comment(self, done: Callable[[int], None]) -> Request:
        return self._of_lead("POST", "/comments", {"comment": f"{self._number}: {_TEXT}"}, done)

    def _convert(self, done: Callable[[int], None]) -> Request:
        while self._open:
            place = self._dice.randrange(len(self._open))
            lead, self._open[place] = self._open[place], self._open[-1]
            self._open.pop()
            if lead not in self._gone:
                break
        else:
            return self._create(done)
        self._busy[lead] += 1
        body = {
            "first_name": "Jane", "last_name": "Doe", "email": f"{self._run}.{self._number}@convert.example",
            "client_billing_invoice_due_days": 14,
        }  # fmt: skip

        def after(status: int, _: bytes) -> None:
            self._busy[lead] -= 1
            done(self._meant(status, lead))
            if status == _REFUSED:
                self._doubtful.add(lead)
                self._open.append(lead)

        return self._request("POST", f"/api/leads/{lead}/convert", body), after

    def _delete(self, done: Callable[[int], None]) -> Request:
        for _ in range(50):
            place = self._dice.randrange(len(self._leads))
            lead = self._leads[place]
            if not self._busy[lead]:
                break
        else:
            return self._get(done)
        self._leads[place] = self._leads[-1]
        self._leads.pop()
        self._gone.add(lead)
        del self._busy[lead]

        def after(status: int, _: bytes) -> None:
            done(self._meant(status, lead))
            if status == _REFUSED:
                self._doubtful.add(lead)
                self._gone.discard(lead)
                self._leads.append(lead)

        return self._request("DELETE", f"/api/leads/{lead}"), after
