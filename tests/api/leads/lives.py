"""The lives of leads as a state machine: any write after any other, compared with the oracle."""

from collections.abc import Callable
from itertools import count
from typing import Any

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.api.leads.oracle import ADDRESS, CONTACT, CONVERTED, Lead
from tests.client import Json

Call = Callable[..., httpx.Response]
Request = tuple[str, str, Json | None]
"""The method, what follows the lead's path, and the body."""

_machines = count()

WORDS = st.sampled_from(["Acme", "acme", "Ärzte", "  Two words", "x"]).map(str.strip)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **{name: st.none() | WORDS for name in [*CONTACT, *ADDRESS, "lead_description"]},
    "lead_email": st.none() | st.sampled_from(["jane@acme.example", "Jane@Acme.example", "x@y.example"]),
    "lead_value": st.none() | st.sampled_from(["2500", "0.005", "99999999.99"]),
    "lead_last_contacted": st.none() | st.sampled_from(["2026-06-15", "2024-02-29"]),
}
REQUIRED: dict[str, st.SearchStrategy[Any]] = {
    "lead_title": WORDS,
    "lead_status": st.sampled_from([1, 3, 5]),
    "lead_categoryid": st.just(3),
}
CLONED = [
    "lead_firstname",
    "lead_lastname",
    "lead_email",
    "lead_phone",
    "lead_company_name",
    "lead_website",
    "lead_value",
]
LEAD = st.integers(0, 5)
"""Which of the leads that were ever made."""
IF_MATCH = st.sampled_from([None, None, None, "current", "*", "stale", "weak"])
FILTERS: dict[str, st.SearchStrategy[Any]] = {
    "status": st.sampled_from([1, 2, 3]),
    "active_state": st.sampled_from(["active", "archived"]),
    "converted": st.sampled_from(["yes", "no"]),
    "tag": st.sampled_from(["hot", "HOT", "new"]),
    "email": st.sampled_from(["JANE@acme.example", "x@y.example"]),
    "search": st.sampled_from(["acm", "WORDS"]),
}


class Lives(RuleBasedStateMachine):
    """Leads of one source, which tells them from those of other runs."""

    def __init__(self, call: Call, statuses: dict[int, Json], members: dict[int, str]) -> None:
        super().__init__()
        self._call = call
        self._statuses = statuses
        self._members = members
        self._source = f"Life {next(_machines)}"
        self._made: list[int] = []
        self._leads: dict[int, Lead] = {}
        self._owners: set[str] = set()
        self._ids: set[int] = set()
        self._keys = count()

    @rule(body=st.fixed_dictionaries(REQUIRED, optional=VALUES), keyed=st.booleans())
    def create(self, body: Json, keyed: bool) -> None:
        body |= {"lead_source": self._source}
        answer = self._post("/api/leads", body, {}, keyed=keyed)
        lead = self._add(answer)
        lead.replace(body)
        self._is_shown(lead, answer)

    @precondition(lambda self: self._made)
    @rule(at=LEAD, body=st.fixed_dictionaries(REQUIRED, optional=VALUES), if_match=IF_MATCH)
    def replace(self, at: int, body: Json, if_match: str | None) -> None:
        body |= {"lead_source": self._source}
        self._changed(("PUT", "", body), at, if_match, lambda lead: lead.replace(body))

    @precondition(lambda self: self._made)
    @rule(at=LEAD, body=st.fixed_dictionaries({}, optional=REQUIRED | VALUES), if_match=IF_MATCH)
    def change(self, at: int, body: Json, if_match: str | None) -> None:
        if body:
            self._changed(("PATCH", "", body), at, if_match, lambda lead: lead.set(body))

    @precondition(lambda self: self._made)
    @rule(at=LEAD, status=st.sampled_from([1, 2, 5]), if_match=IF_MATCH)
    def set_status(self, at: int, status: int, if_match: str | None) -> None:
        body = {"status": status}
        self._changed(("PUT", "/status", body), at, if_match, lambda lead: lead.set({"lead_status": status}))

    @precondition(lambda self: self._made)
    @rule(at=LEAD, places=st.lists(st.integers(0, 2), max_size=4), if_match=IF_MATCH)
    def assign(self, at: int, places: list[int], if_match: str | None) -> None:
        members = [list(self._members)[place] for place in places]
        body = {"assigned": members}
        self._changed(("PUT", "/assigned", body), at, if_match, lambda lead: setattr(lead, "assigned", members))

    @precondition(lambda self: self._made)
    @rule(at=LEAD, tags=st.lists(st.sampled_from(["hot", "HOT", "new"])), if_match=IF_MATCH)
    def tag(self, at: int, tags: list[str], if_match: str | None) -> None:
        self._changed(("PUT", "/tags", {"tags": tags}), at, if_match, lambda lead: lead.tag(tags))

    @precondition(lambda self: self._made)
    @rule(at=LEAD, archive=st.booleans(), if_match=IF_MATCH)
    def archive(self, at: int, archive: bool, if_match: str | None) -> None:
        action, state = ("archive", "archived") if archive else ("activate", "active")
        self._changed(("PUT", f"/{action}", None), at, if_match, lambda lead: setattr(lead, "active_state", state))

    @precondition(lambda self: self._made)
    @rule(at=LEAD, text=WORDS, if_match=IF_MATCH, keyed=st.booleans())
    def comment(self, at: int, text: str, if_match: str | None, keyed: bool) -> None:
        answer, lead = self._sent(("POST", "/comments", {"comment": text}), at, if_match, keyed=keyed)
        if lead:
            comment = answer.json()["data"]
            assert (answer.status_code, comment["text"]) == (201, text)
            self._new_id(comment["id"])
            lead.comments.append((comment["id"], text))
            lead.version += 1

    @precondition(lambda self: self._made)
    @rule(at=LEAD, which=st.integers(0, 3), if_match=IF_MATCH)
    def uncomment(self, at: int, which: int, if_match: str | None) -> None:
        known = self._leads.get(self._number(at))
        comment = known.comments[which] if known and which < len(known.comments) else (9_999_999, "")
        if known and comment not in known.comments:
            if_match = None  # 404 comes before 412
        answer, lead = self._sent(("DELETE", f"/comments/{comment[0]}", None), at, if_match)
        if lead and comment in lead.comments:
            assert (answer.status_code, answer.json()["data"]) == (200, {"id": comment[0]})
            lead.comments.remove(comment)
            lead.version += 1
        elif lead:
            assert (answer.status_code, answer.json()["message"]) == (404, "Comment not found.")

    @precondition(lambda self: self._leads)
    @rule(at=LEAD, text=WORDS)
    def add_item(self, at: int, text: str) -> None:
        if lead := self._leads.get(self._number(at)):
            body = {"checklistresource_type": "lead", "checklistresource_id": lead.id, "checklist_text": text}
            assert self._call("POST", "/api/checklists", body).status_code == 201
            lead.items.append(text)

    @precondition(lambda self: self._made)
    @rule(at=LEAD, owner=st.integers(0, 3), delete=st.booleans(), if_match=IF_MATCH, keyed=st.booleans())
    def convert(self, at: int, owner: int, delete: bool, if_match: str | None, keyed: bool) -> None:
        email = f"{self._source}-{owner}@acme.example".replace(" ", "").lower()
        body = {"first_name": "Jane", "last_name": "Doe", "email": email, "delete_lead": "yes" if delete else "no"}
        answer, lead = self._sent(("POST", "/convert", body), at, if_match, keyed=keyed)
        if lead is None:
            return
        if lead.client is not None:
            assert (answer.status_code, answer.json()["client_id"]) == (409, lead.client)
        elif email in self._owners:
            assert answer.status_code == 422, answer.text
            assert answer.json()["errors"] == {"email": ["The email has already been taken."]}
        else:
            client = answer.json()["data"]
            assert (answer.status_code, client["created_from_lead_id"]) == (201, lead.id)
            assert client["company_name"] == (lead.contact.get("company_name") or "Jane Doe")
            self._owners.add(email)
            if delete:
                del self._leads[lead.id]
            else:
                lead.client, lead.status, lead.version = client["id"], CONVERTED, lead.version + 1

    @precondition(lambda self: self._made)
    @rule(
        at=LEAD,
        body=st.fixed_dictionaries(
            {name: REQUIRED[name] for name in ("lead_title", "lead_status")},
            optional={name: VALUES[name] for name in CLONED} | {"copy_checklist": st.sampled_from(["on", "off"])},
        ),
        if_match=IF_MATCH,
        keyed=st.booleans(),
    )
    def clone(self, at: int, body: Json, if_match: str | None, keyed: bool) -> None:
        answer, lead = self._sent(("POST", "/clone", body), at, if_match, keyed=keyed)
        if lead:
            number = self._add(answer).id
            self._leads[number] = clone = lead.clone(number, body)
            self._is_shown(clone, answer)

    @precondition(lambda self: self._made)
    @rule(at=LEAD, others=st.lists(LEAD, min_size=1, max_size=3), if_match=IF_MATCH, keyed=st.booleans())
    def merge(self, at: int, others: list[int], if_match: str | None, keyed: bool) -> None:
        number, numbers = self._number(at), [self._number(other) for other in others]
        wrong = {f"lead_ids.{n}" for n, other in enumerate(numbers) if other == number or other not in self._leads}
        if wrong:
            answer = self._post(f"/api/leads/{number}/merge", {"lead_ids": numbers}, {}, keyed=keyed)
            assert (answer.status_code, answer.json()["errors"].keys()) == (422, wrong)
            return
        answer, lead = self._sent(("POST", "/merge", {"lead_ids": numbers}), at, if_match, keyed=keyed)
        if lead is None:
            return
        merged = [self._leads[other] for other in dict.fromkeys(numbers)]
        if any(other.client is not None for other in merged):
            assert answer.status_code == 409, answer.text
        else:
            lead.merge(merged)
            for other in merged:
                del self._leads[other.id]
            lead.version += 1
            self._is_shown(lead, answer)

    @precondition(lambda self: self._made)
    @rule(at=LEAD, if_match=IF_MATCH)
    def delete(self, at: int, if_match: str | None) -> None:
        answer, lead = self._sent(("DELETE", "", None), at, if_match)
        if lead:
            assert (answer.status_code, answer.json()["data"]) == (200, {"id": lead.id})
            del self._leads[lead.id]

    @rule(filters=st.fixed_dictionaries({}, optional=FILTERS))
    def list(self, filters: Json) -> None:
        filters |= {"source": self._source}
        answer = self._call("GET", "/api/leads", params={**filters, "limit": 100})
        found = [lead for lead in self._leads.values() if lead.is_found_by(filters)]
        assert answer.status_code == 200, answer.text
        assert sorted(lead["id"] for lead in answer.json()["data"]) == sorted(lead.id for lead in found)
        assert answer.json()["meta"]["total"] == len(found)

    @precondition(lambda self: self._made)
    @rule(at=LEAD)
    def read(self, at: int) -> None:
        answer, lead = self._sent(("GET", "", None), at, None)
        if lead:
            self._is_shown(lead, answer)
            again = self._call("GET", f"/api/leads/{lead.id}", headers={"If-None-Match": answer.headers["ETag"]})
            assert (again.status_code, again.content) == (304, b"")

    def teardown(self) -> None:
        """Compare everything once more."""
        for number in self._made:
            answer = self._call("GET", f"/api/leads/{number}")
            if (lead := self._leads.get(number)) is None:
                assert answer.status_code == 404
                continue
            self._is_shown(lead, answer)
            comments = self._call("GET", f"/api/leads/{number}/comments").json()["data"]
            assert [(comment["id"], comment["text"]) for comment in comments] == lead.comments[::-1]
            query = {"resource_type": "lead", "resource_id": number, "limit": 100}
            items = self._call("GET", "/api/checklists", params=query).json()["data"]
            assert [item["text"] for item in items] == lead.items

    def _number(self, at: int) -> int:
        return self._made[at % len(self._made)]

    def _new_id(self, number: int) -> None:
        assert number not in self._ids
        self._ids.add(number)

    def _add(self, answer: httpx.Response) -> Lead:
        assert answer.status_code == 201, answer.text
        number = answer.json()["data"]["id"]
        assert number not in self._made
        assert answer.headers["Location"] == f"/api/leads/{number}"
        self._made.append(number)
        self._leads[number] = lead = Lead(number)
        return lead

    def _sent(
        self, request: Request, at: int, if_match: str | None, *, keyed: bool = False
    ) -> tuple[httpx.Response, Lead | None]:
        """Send a request about a lead; return the answer, and the lead unless it was rightly refused."""
        number, (method, path, body) = self._number(at), request
        lead = self._leads.get(number)
        tags = {"current": f'"v{lead.version if lead else 1}.1"', "*": "*"}
        tags |= {"stale": '"v999.1"', "weak": "W/" + tags["current"]}
        headers = {"If-Match": tags[if_match]} if if_match else {}
        path = f"/api/leads/{number}{path}"
        if method == "POST" and body is not None:
            answer = self._post(path, body, headers, keyed=keyed)
        else:
            answer = self._call(method, path, body, headers=headers)
        if lead is None:
            assert (answer.status_code, answer.json()["message"]) == (404, "Lead not found.")
        elif if_match in ("stale", "weak"):
            assert answer.status_code == 412, answer.text
            lead = None
        return answer, lead

    def _post(self, path: str, body: Json, headers: dict[str, str], *, keyed: bool) -> httpx.Response:
        """Send a POST. With a key, send it once more: only an answer that is a success is given again."""
        if not keyed:
            return self._call("POST", path, body, headers=headers)
        headers = headers | {"Idempotency-Key": f"{self._source}-{next(self._keys)}".replace(" ", "-")}
        answer = self._call("POST", path, body, headers=headers)
        again = self._call("POST", path, body, headers=headers)
        assert (again.status_code, again.content) == (answer.status_code, answer.content)
        assert again.headers.get("ETag") == answer.headers.get("ETag")
        assert again.headers.get("Location") == answer.headers.get("Location")
        assert ("Idempotency-Replayed" in again.headers) == answer.is_success
        if answer.is_success:
            other = self._call("POST", path, body | {"other": 1}, headers=headers)
            assert other.status_code == 422, other.text
            assert "idempotency_key" in other.json()["errors"]
        return answer

    def _changed(self, request: Request, at: int, if_match: str | None, change: Callable[[Lead], None]) -> None:
        answer, lead = self._sent(request, at, if_match)
        if lead:
            change(lead)
            lead.version += 1
            self._is_shown(lead, answer)

    def _is_shown(self, lead: Lead, answer: httpx.Response) -> None:
        assert answer.status_code in (200, 201), answer.text
        shown = answer.json()["data"]
        expected = lead.shown(self._statuses, self._members)
        assert {name: shown[name] for name in expected} == expected
        assert shown["converted"]["client_id"] == lead.client
        assert (
            (shown["converted"]["date"] is not None) == shown["converted"]["is_converted"] == (lead.client is not None)
        )
        assert shown["dates"]["updated"] >= lead.updated
        assert answer.headers["ETag"].startswith(f'"v{lead.version}.')
        lead.updated = shown["dates"]["updated"]
