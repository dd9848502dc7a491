"""The checker finds each kind of fault, and none where there is none."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.client import Json
from tests.faults.checker import Checker, Verdict
from tests.faults.found import Found
from tests.faults.history import (
    ARCHIVE,
    CHANGE,
    CLONE,
    COMMENT,
    CONVERT,
    CREATE,
    DELETE,
    ITEM,
    MERGE,
    READ,
    UNCOMMENT,
    History,
    Request,
)

LOST, NOT_SENT = "database error: AutoReconnect: connection closed", "answered 503: too many wait for changes: 3"


class Case:
    """A history, one request after the other, and what was found."""

    def __init__(self) -> None:
        self.history = History()
        self.found = Found()
        self._time = 0.0

    def sent(
        self, kind: str, lead: int | None = None, *, status: int | None = 200, data: Json | None = None, **fields: Any
    ) -> Request:
        """Record a request that begins after all others have ended."""
        request = self.history.begin(kind, lead=lead, **fields)
        request.began, self._time = self._time, self._time + 2
        request.ended = request.began + 1
        request.status, request.data = status, data or {}
        return request

    def created(self, number: int) -> Request:
        request = self.sent(CREATE, data=shown(number, 1))
        self.found.leads.append(document(number, request.mark))
        return request

    def lead(self, number: int) -> Json:
        return next(lead for lead in self.found.leads if lead["_id"] == number)

    def unavailable(self, kind: str, lead: int | None = None, reason: str = LOST, **fields: Any) -> Request:
        request = self.sent(kind, lead, status=503, retry_after="1", **fields)
        self.history.reasons[request.mark] = reason
        return request

    def judged(self) -> Verdict:
        return Checker(self.history, self.found).verdict()


def shown(number: int, version: int) -> Json:
    return {"id": number, "version": version, "dates": {"updated": f"2026-01-01T00:00:{version:02}"}}


def document(number: int, title: str, **fields: Any) -> Json:
    return {
        "_id": number, "title": title, "version": 1, "tags": [], "description": None, "active_state": "active",
        "comments": [], "comments_count": 0, "converted": {"is_converted": False, "client_id": None},
    } | fields  # fmt: skip


def a_life() -> Case:
    """Return leads that went through everything: 1 was changed, 2 converted, 3 deleted, 4 cloned to 5."""
    case = Case()
    for number in (1, 2, 3, 4):
        case.created(number)
    changed = case.sent(CHANGE, 1, data=shown(1, 2))
    changed.body = {"tags": [changed.mark]}
    comment = case.sent(COMMENT, 1, data={"id": 71})
    gone = case.sent(COMMENT, 1, data={"id": 72})
    case.sent(UNCOMMENT, 1, comment=gone.data["id"], data={"id": 72})
    case.sent(ARCHIVE, 1, data=shown(1, 6))
    case.sent(READ, 1, data=shown(1, 6))
    case.lead(1).update(
        version=6, tags=[changed.mark], comments=[{"id": 71, "text": comment.mark}], comments_count=1,
        active_state="archived",
    )  # fmt: skip
    converted = case.sent(
        CONVERT, 2, data={"id": 21}, body={"email": "jane@acme.example", "send_welcome_email": "yes"}
    )  # fmt: skip
    case.lead(2).update(version=2, converted={"is_converted": True, "client_id": 21})
    case.found.clients.append({"_id": 21, "created_from_lead_id": 2, "owner": {"id": 31}})
    case.found.owners.append({"_id": 31, "email": converted.body["email"], "client_id": 21})
    case.found.mails.append({"recipient": converted.body["email"]})
    case.sent(DELETE, 3)
    case.found.leads.remove(case.lead(3))
    item = case.sent(ITEM, 4, data={"id": 41})
    case.found.checklists.append({"_id": 41, "lead": 4, "text": item.mark})
    clone = case.sent(CLONE, 4, data=shown(5, 1))
    case.found.leads.append(document(5, clone.mark))
    case.found.checklists.append({"_id": 42, "lead": 5, "text": item.mark})
    return case


def test_a_life_without_a_fault_has_none() -> None:
    verdict = a_life().judged()

    assert verdict.faults == []
    assert (verdict.done, verdict.open, verdict.written) == (13, 0, 0)


def _with(**fields: Any) -> Callable[[Case], None]:
    return lambda case: case.lead(1).update(fields)


def _without(collection: str, **wanted: Any) -> Callable[[Case], None]:
    def remove(case: Case) -> None:
        documents = getattr(case.found, collection)
        documents[:] = [each for each in documents if any(each[name] != value for name, value in wanted.items())]

    return remove


def _twice(collection: str, **fields: Any) -> Callable[[Case], None]:
    def add(case: Case) -> None:
        documents = getattr(case.found, collection)
        documents.append(deepcopy(documents[-1]) | fields)

    return add


def _told(kind: str, **fields: Any) -> Callable[[Case], None]:
    """Change what callers were told by the last request of a kind."""

    def change(case: Case) -> None:
        request = list(case.history.of(kind))[-1]
        for name, value in fields.items():
            setattr(request, name, value)

    return change


FAULTS = {
    "a created lead that is lost": (_without("leads", _id=1), "create-0 is lost"),
    "a lead that was made twice": (_twice("leads", _id=6), "clone-13 was made 2 times"),
    "a lead that was refused, and made": (_told(CREATE, status=422), "create-3 was answered 422"),
    "a change that is lost": (_with(version=5), "lead 1 has version 5 after 5 changes"),
    "a change that was made twice": (_with(version=7), "lead 1 has version 7 after 5 changes"),
    "a change whose value is lost": (_with(tags=[]), "lead 1 has tags []"),
    "a state that is lost": (_with(active_state="active"), "lead 1 has active_state 'active'"),
    "a version that goes back": (_told(READ, data=shown(1, 5)), "shows version 5, not 6"),
    "a version that nobody made": (_told(READ, data=shown(1, 7)), "shows version 7, not 6"),
    "a time that goes back": (_told(READ, data=shown(1, 6) | {"dates": {"updated": "2026"}}), "after (6,"),
    "a comment that is lost": (_with(comments=[], comments_count=0), "comment-5 is there 0 times"),
    "a comment that was written twice": (
        _with(comments=[{"id": 71, "text": "comment-5"}, {"id": 73, "text": "comment-5"}], comments_count=2),
        "comment-5 is there 2 times",
    ),
    "comments with one id": (
        _with(comments=[{"id": 71, "text": "comment-5"}, {"id": 71, "text": "comment-6"}], comments_count=2),
        "comment 71 is there 2 times",
    ),
    "a comment that was deleted, and is there": (
        _with(comments=[{"id": 71, "text": "comment-5"}, {"id": 72, "text": "comment-6"}], comments_count=2),
        "comment-6 is there 1 times",
    ),
    "a comment of nobody": (
        _with(comments=[{"id": 71, "text": "comment-5"}, {"id": 79, "text": "x"}], comments_count=2),
        "a comment that nobody wrote: x",
    ),
    "a number of comments that is wrong": (_with(comments_count=2), "counts 2 comments, and has 1"),
    "a conversion without its client": (_without("clients", _id=21), "the client of convert-10 is lost"),
    "a conversion without its owner": (_without("owners", _id=31), "1 clients, and the owners of []"),
    "a conversion without its mail": (_without("mails", recipient="jane@acme.example"), "has 0 mails"),
    "a conversion with two mails": (_twice("mails"), "has 2 mails"),
    "a conversion with another's owner": (
        lambda case: case.found.owners[0].update(client_id=99),
        "client and owner of convert-10 do not belong together",
    ),
    "a conversion that is not marked": (
        lambda case: case.lead(2).update(converted={"is_converted": False, "client_id": None}),
        "lead 2 is marked",
    ),
    "a lead that was converted twice": (_twice("clients", _id=22), "lead 2 was converted 2 times"),
    "a conversion that was refused, and made": (_told(CONVERT, status=422), "the owners of ['convert-10']"),
    "a converted lead that was to be deleted": (
        _told(CONVERT, body={"email": "jane@acme.example", "send_welcome_email": "yes", "delete_lead": "yes"}),
        "convert-10 has not deleted the lead",
    ),
    "a deleted lead that is there": (lambda case: case.found.leads.append(document(3, "create-2")), "and is there"),
    "a deletion that left an item": (_twice("checklists", lead=3), "lead 3 is gone, and has a item"),
    "a deletion that left a file": (lambda case: case.found.files.append({"lead": 3}), "and has a file"),
    "an item that is lost": (_without("checklists", _id=41), "item-12 is there 0 times"),
    "a clone without an item": (_without("checklists", _id=42), "clone-13 is half a clone"),
    "a clone that is lost": (_without("leads", _id=5), "clone-13 is lost"),
    "an id that was given twice": (_told(CLONE, data=shown(4, 1)), "id 4 was given 2 times"),
    "a lead that became another": (lambda case: case.lead(1).update(title="create-1"), "is another lead now"),
    "an unexpected error": (_told(READ, status=500, data={}, text="x"), "read-9 was answered 500: x"),
    "a 503 that does not tell when to come again": (_told(READ, status=503, data={}), "read-9 was answered 503"),
    "a lead that is not found, and there": (_told(READ, status=404, data={}), "read-9 was answered 404"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str) -> None:
    break_it, fault = FAULTS[name]
    case = a_life()

    break_it(case)

    faults = case.judged().faults
    assert any(fault in each for each in faults), faults


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("answer", ["none", "lost", "not sent"])
@pytest.mark.parametrize("kind", [CREATE, CHANGE, COMMENT, DELETE])
def test_what_was_not_acknowledged_may_be_written_only_where_its_outcome_is_unknown(
    kind: str, answer: str, written: bool
) -> None:
    case = Case()
    case.created(1)
    lead = None if kind == CREATE else 1
    if answer == "none":
        request = case.sent(kind, lead, status=None)
    else:
        request = case.unavailable(kind, lead, LOST if answer == "lost" else NOT_SENT)
    request.body = {"tags": [request.mark]} if kind == CHANGE else {}
    if written:
        if kind == CREATE:
            case.found.leads.append(document(2, request.mark))
        elif kind == DELETE:
            case.found.leads.clear()
        elif kind == CHANGE:
            case.lead(1).update(version=2, tags=[request.mark])
        else:
            case.lead(1).update(version=2, comments=[{"id": 71, "text": request.mark}], comments_count=1)

    verdict = case.judged()

    assert bool(verdict.faults) == (written and answer == "not sent"), verdict.faults
    if not verdict.faults:
        assert (verdict.done, verdict.open, verdict.written) == (1, answer != "not sent", written)


def test_the_last_of_two_values_is_not_known_if_they_were_sent_at_once() -> None:
    case = a_life()
    first = next(case.history.of(CHANGE))
    second = case.sent(CHANGE, 1, data=shown(1, 7))
    second.body, second.began = {"tags": ["other"]}, first.began
    case.lead(1)["version"] = 7

    assert case.judged().faults == []

    second.began = first.ended + 0.5
    assert any("has tags" in fault for fault in case.judged().faults)


def a_merge(**answer: Any) -> Case:
    """Return a lead with a comment, an item and tags that was merged into another one."""
    case = Case()
    case.created(1)
    case.created(2)
    comment, item = case.sent(COMMENT, 2, data={"id": 71}), case.sent(ITEM, 2, data={"id": 41})
    changed = case.sent(CHANGE, 2, data=shown(2, 3))
    changed.body = {"tags": [changed.mark]}
    case.sent(MERGE, 1, body={"lead_ids": [2]}, **{"data": shown(1, 2)} | answer)
    case.found.leads.remove(case.lead(2))
    case.lead(1).update(
        version=2, comments=[{"id": 71, "text": comment.mark}], comments_count=1, tags=[changed.mark]
    )  # fmt: skip
    case.found.checklists.append({"_id": 41, "lead": 1, "text": item.mark})
    return case


def a_merge_that_was_not_done(**answer: Any) -> Case:
    case = a_merge(**answer)
    merged = case.lead(1)
    case.found.leads.append(merged | {"_id": 2, "title": "create-1", "version": 3})
    merged.update(document(1, "create-0"))
    case.found.checklists[0]["lead"] = 2
    return case


def test_a_merge_without_a_fault_has_none() -> None:
    verdict = a_merge().judged()

    assert verdict.faults == []
    assert (verdict.done, verdict.open, verdict.written) == (6, 0, 0)


@pytest.mark.parametrize(
    ("break_it", "fault"),
    [
        (_with(comments=[], comments_count=0), "comment-2 is there 0 times"),
        (_with(tags=["x"]), "lead 1 has tags ['x']"),
        (_with(version=1), "lead 1 has version 1 after 1 changes"),
        (_without("checklists", _id=41), "item-3 is there 0 times"),
        (lambda case: case.found.checklists[0].update(lead=2), "lead 2 is gone, and has a item"),
        (lambda case: case.found.leads.append(document(2, "create-1")), "lead 2 was merged into another, and is there"),
        (_without("leads", _id=1), "create-0 is lost"),
        (_told(MERGE, status=422, data={}, text="x"), "create-1 is lost"),
        (_told(MERGE, status=409, data={}, text="x"), "merge-5 was answered 409"),
    ],
)
def test_a_fault_of_a_merge_is_found(break_it: Callable[[Case], None], fault: str) -> None:
    case = a_merge()

    break_it(case)

    faults = case.judged().faults
    assert any(fault in each for each in faults), faults


@pytest.mark.parametrize("done", [True, False])
def test_a_merge_without_an_answer_is_there_or_not(done: bool) -> None:
    case = (a_merge if done else a_merge_that_was_not_done)(status=None, data={})

    verdict = case.judged()

    assert verdict.faults == []
    assert (verdict.done, verdict.open, verdict.written) == (5, 1, done)


def test_a_merge_that_was_acknowledged_and_not_done_is_a_fault() -> None:
    assert "lead 2 was merged into another, and is there" in a_merge_that_was_not_done().judged().faults


def test_a_merge_whose_key_another_transaction_may_have_is_refused_and_not_done() -> None:
    case, done = (a_case(status=409, data={}, text="x") for a_case in (a_merge_that_was_not_done, a_merge))
    for each in (case, done):
        each.history.in_use.add("merge-5")

    assert case.judged().faults == []
    assert "create-1 is lost" in done.judged().faults
