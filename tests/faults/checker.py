"""The checker: compares the history of a test with what the database has in the end.

What a caller was told to be done is there, once. What was refused is not. What nobody can know, because no answer came
or the database's answer was lost, is there once or not at all, and whole. Versions count the changes. Ids are unique.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.client import Json
from tests.faults.found import Found
from tests.faults.history import (
    CLONE,
    COMMENT,
    CONVERT,
    CREATE,
    ITEM,
    MERGE,
    READ,
    UNCOMMENT,
    History,
    Request,
)

_AT_FIRST: Json = {"tags": [], "description": None, "active_state": "active"}
"""What a new lead has in the fields that changes set. A clone has the description of its source."""


@dataclass
class Verdict:
    """What the checker says."""

    faults: list[str]
    done: int
    """Requests that were acknowledged."""
    open: int
    """Requests without an answer, or told 503 while the database's answer was lost."""
    written: int
    """How many of the open ones took effect."""

    def __str__(self) -> str:
        return f"{self.done} acknowledged, {self.open} of unknown outcome, of which {self.written} took effect"


class Checker:
    """Compares one history with what was found."""

    def __init__(self, history: History, found: Found) -> None:
        self._history = history
        self._found = found
        self._leads: dict[int, Json] = {lead["_id"]: lead for lead in found.leads}
        self._titled = _grouped(found.leads, "title")
        self._items = _grouped(found.checklists, "lead")
        self._clients = _grouped(found.clients, "created_from_lead_id")
        self._on: dict[int | None, list[Request]] = defaultdict(list)
        for request in history:
            self._on[request.lead].append(request)
        self._shows: dict[int, list[Request]] = defaultdict(list)
        for request in sorted(history, key=lambda request: request.ended):
            if "version" in request.data:
                self._shows[request.data["id"]].append(request)
        self._merges = [request for request in history.of(MERGE) if self._may(request)]
        self._homes = {other: request.lead for request in self._merges for other in request.merges}
        self._written = 0

    def verdict(self) -> Verdict:
        """Check everything."""
        faults = [
            *self._answers(),
            *self._ids(),
            *(fault for request in self._history.of(CREATE, CLONE) for fault in self._creation(request)),
            *(fault for lead in self._leads.values() for fault in self._lead(lead)),
            *(fault for lead in self._told() for fault in self._observed(lead)),
            *(fault for lead in self._known() for fault in self._conversion(lead)),
            *self._belongings(),
        ]
        self._written += sum(self._is_gone_untold(lead) for lead in self._told())
        requests = [request for request in self._history if request.kind != READ]
        unknown = sum(self._history.is_open(request) for request in requests)
        return Verdict(faults, sum(request.done for request in requests), unknown, self._written)

    def _may(self, request: Request) -> bool:
        """Whether a request may have taken effect."""
        return request.done or self._history.is_open(request)

    def _outcome(self, request: Request) -> str:
        return f"{request.status} ({self._history.reasons.get(request.mark, 'no reason')})"

    def _told(self) -> set[int]:
        """Return the leads that callers were told of."""
        return {request.data["id"] for request in self._history.of(CREATE, CLONE) if request.done}

    def _known(self) -> set[int]:
        return self._told() | self._leads.keys() | {lead for lead in self._on if lead is not None}

    def _may_be_gone(self, lead: int | None) -> bool:
        deleted = any(request.deletes and self._may(request) for request in self._on[lead])
        return deleted or any(lead in request.merges for request in self._merges)

    def _home(self, lead: int | None) -> int | None:
        """Return the lead that has what belonged to a lead: itself, or the one that it was merged into."""
        while lead not in self._leads and lead in self._homes:
            lead = self._homes[lead]
        return lead

    def _may_be_converted(self, request: Request) -> bool:
        others = (other for lead in [request.lead, *request.merges] for other in self._on[lead] if other is not request)
        return any(other.kind == CONVERT and self._may(other) for other in others)

    def _may_be_uncommented(self, request: Request) -> bool:
        others = (other for other in self._on[request.lead] if other is not request)
        return any(other.comment == request.comment and self._may(other) for other in others)

    def _answers(self) -> Iterator[str]:
        """No answer says something that cannot be."""
        for request in self._history:
            gone = self._may_be_gone(request.lead)
            explained = {
                404: gone or (request.kind == UNCOMMENT and self._may_be_uncommented(request)),
                409: request.mark in self._history.in_use
                or (request.kind in (CONVERT, MERGE) and self._may_be_converted(request)),
                422: (gone and request.kind == ITEM) or any(map(self._may_be_gone, request.merges)),
                503: request.retry_after.isdigit(),
                None: True,
            }
            if not request.done and not explained.get(request.status, False):
                yield f"{request.mark} was answered {request.status}: {request.text}"

    def _ids(self) -> Iterator[str]:
        """No id was given twice."""
        for kinds in ([CREATE, CLONE], [COMMENT], [ITEM], [CONVERT]):
            ids = Counter(request.data["id"] for request in self._history.of(*kinds) if request.done)
            yield from (f"id {number} was given {times} times by {kinds}" for number, times in ids.items() if times > 1)
        comments = Counter(comment["id"] for lead in self._found.leads for comment in lead["comments"])
        yield from (f"comment {number} is there {times} times" for number, times in comments.items() if times > 1)

    def _creation(self, request: Request) -> Iterator[str]:
        """A lead or a clone is there once if it was acknowledged, and not if it was refused."""
        made = self._titled.get(request.mark, [])
        if len(made) > 1:
            yield f"{request.mark} was made {len(made)} times"
        if request.done:
            lead = self._leads.get(request.data["id"])
            if lead is None and not self._may_be_gone(request.data["id"]):
                yield f"{request.mark} is lost"
            if lead is not None and lead["title"] != request.mark:
                yield f"{request.mark} is another lead now: {lead['title']}"
        elif made and not self._history.is_open(request):
            yield f"{request.mark} was answered {self._outcome(request)}, and made"
        elif made:
            self._written += 1
        if request.kind == CLONE:
            items = (item for item in self._on[request.lead] if item.kind == ITEM and item.done)
            known = {item.mark for item in items if item.ended < request.began}
            for clone in made:
                if missing := known - {item["text"] for item in self._items.get(clone["_id"], [])}:
                    yield f"{request.mark} is half a clone, without {missing}"

    def _lead(self, lead: Json) -> Iterator[str]:
        """A lead that is there has every acknowledged change, no refused one, and none twice."""
        number = lead["_id"]
        changes = [request for request in self._on[number] if request.changes]
        members = [request for request in self._of_all(number) if request.changes]
        done = sum(request.done for request in changes)
        unknown = sum(self._history.is_open(request) for request in changes)
        beyond = lead["version"] - 1 - done
        if not 0 <= beyond <= unknown:
            yield f"lead {number} has version {lead['version']} after {done} changes, and {unknown} of unknown outcome"
        self._written += max(beyond, 0)
        yield from self._comments(lead)
        for name, at_first in _AT_FIRST.items():
            writes = [request for request in members if name in request.sets and self._may(request)]
            is_merged = len({request.lead for request in members} | {number}) > 1
            values = [request.sets[name] for request in (writes if is_merged else _last(writes))]
            if is_merged or not any(write.done for write in writes):
                values.append(at_first)
            if lead[name] not in values and not (name == "description" and lead["title"].startswith(CLONE)):
                yield f"lead {number} has {name} {lead[name]!r}, not one of {values}"
        if any(request.deletes and request.done for request in self._on[number]):
            yield f"lead {number} was deleted, and is there"
        if any(number in request.merges and request.done for request in self._merges):
            yield f"lead {number} was merged into another, and is there"

    def _of_all(self, number: int) -> list[Request]:
        """Return the requests about a lead, and about all leads that were merged into it."""
        members = [lead for lead in self._on if self._home(lead) == number]
        return [request for lead in members for request in self._on[lead]]

    def _comments(self, lead: Json) -> Iterator[str]:
        there = Counter(comment["text"] for comment in lead["comments"])
        if lead["comments_count"] != len(lead["comments"]):
            yield f"lead {lead['_id']} counts {lead['comments_count']} comments, and has {len(lead['comments'])}"
        requests = self._of_all(lead["_id"])
        deletions = {request.comment: request for request in requests if request.kind == UNCOMMENT}
        for request in requests:
            if request.kind != COMMENT:
                continue
            deletion = deletions.get(request.data.get("id"))
            least = request.done and not (deletion and self._may(deletion))
            most = self._may(request) and not (deletion and deletion.done)
            times = there.pop(request.mark, 0)
            if not least <= times <= most:
                yield f"{request.mark} is there {times} times: {self._outcome(request)}"
        yield from (f"lead {lead['_id']} has a comment that nobody wrote: {text}" for text in there)

    def _observed(self, number: int) -> Iterator[str]:
        """Whoever looks later sees a later version, and as many changes as there were."""
        about = [request for request in self._on[number] if request.changes and self._may(request)]
        shown = self._shows[number]
        for request in shown:
            least = 1 + sum(other.done and (other is request or other.ended < request.began) for other in about)
            most = 1 + sum(other.began < request.ended for other in about)
            if not least <= request.data["version"] <= most:
                yield f"{request.mark} shows version {request.data['version']}, not {least} to {most}"
        for at, request in enumerate(shown):
            for later in shown[at + 1 :]:
                if request.ended < later.began and _moment(later) < _moment(request):
                    yield f"{later.mark} shows {_moment(later)}, after {_moment(request)}"

    def _conversion(self, number: int) -> Iterator[str]:
        """A conversion is there as a whole or not at all, once at most, and surely if it was acknowledged."""
        clients, lead = self._clients.get(number, []), self._leads.get(number)
        tries = [request for request in self._on[number] if request.kind == CONVERT]
        done = [request for request in tries if request.done]
        if len(clients) > 1 or len(done) > 1:
            yield f"lead {number} was converted {len(clients)} times, and acknowledged {len(done)} times"
        if done and [done[0].data["id"]] != [client["_id"] for client in clients]:
            yield f"the client of {done[0].mark} is lost"
        marked = lead is not None and lead["converted"]["is_converted"]
        if lead is not None and [lead["converted"]["client_id"]] * marked != [client["_id"] for client in clients]:
            yield f"lead {number} is marked {lead['converted']}, and its clients are {clients}"
        made = [request for request in tries if self._found_owner(request) is not None]
        if len(made) != len(clients) or not all(self._may(request) for request in made):
            yield f"lead {number} has {len(clients)} clients, and the owners of {[request.mark for request in made]}"
        for request in made:
            yield from self._whole(request, clients)

    def _whole(self, request: Request, clients: list[Json]) -> Iterator[str]:
        owner = self._found_owner(request) or {}
        if clients and (owner["client_id"], clients[0]["owner"]["id"]) != (clients[0]["_id"], owner["_id"]):
            yield f"client and owner of {request.mark} do not belong together"
        mails = sum(mail["recipient"] == request.body["email"] for mail in self._found.mails)
        if mails != (request.body.get("send_welcome_email") == "yes"):
            yield f"{request.mark} has {mails} mails"
        if request.deletes and request.lead in self._leads:
            yield f"{request.mark} has not deleted the lead"
        if request.deletes and not request.done:
            self._written += 1

    def _found_owner(self, request: Request) -> Json | None:
        return next((owner for owner in self._found.owners if owner["email"] == request.body["email"]), None)

    def _is_gone_untold(self, number: int) -> bool:
        """Whether a lead was deleted, and nobody was told so. Conversions are counted by themselves."""
        gone = number not in self._leads and number not in self._clients and number not in self._homes
        return gone and not any(request.deletes and request.done for request in self._on[number])

    def _belongings(self) -> Iterator[str]:
        """No item or file is without its lead, and no lead without an item that was acknowledged."""
        for kind, documents in (("item", self._found.checklists), ("file", self._found.files)):
            orphans = {document["lead"] for document in documents} - self._leads.keys()
            yield from (f"lead {number} is gone, and has a {kind}" for number in orphans)
        for request in self._history.of(ITEM):
            home = self._home(request.lead)
            there = sum(item["text"] == request.mark for item in self._items.get(home, []))
            if not (request.done and home in self._leads) <= there <= self._may(request):
                yield f"{request.mark} is there {there} times: {self._outcome(request)}"
            self._written += there > 0 and not request.done


def _last(writes: list[Request]) -> list[Request]:
    """Return the writes of a field of which one was the last: no acknowledged one began after it had ended."""
    newest = max((request.began for request in writes if request.done), default=0.0)
    return [request for request in writes if request.ended > newest or not request.done]


def _moment(request: Request) -> tuple[int, str]:
    return request.data["version"], request.data["dates"]["updated"]


def _grouped(documents: Iterable[Json], name: str) -> dict[Any, list[Json]]:
    groups: dict[Any, list[Json]] = defaultdict(list)
    for document in documents:
        groups[document[name]].append(document)
    return groups
