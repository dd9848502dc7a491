"""Which fault wins when a request has two (contract, section 1, "Order of checks")."""

import pytest

from leads_api.access.keys import KeyStore
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from tests.client import KEY, Api, errors
from tests.conftest import Serve

JSON = "application/json"
BIG = b"[" + b" " * 2000
GOOD = b'{"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}'

# Each row breaks two rules: the status named first must win over the second.
TWO_FAULTS = [
    # 401
    (401, 404, "GET", "/api/nothing", "", b"", None),
    (401, 404, "GET", "/api/leads/0", "", b"", None),
    (401, 405, "DELETE", "/api/leads", "", b"", None),
    (401, 413, "POST", "/api/leads", "", BIG, JSON),
    (401, 415, "POST", "/api/leads", "", b"x", "text/plain"),
    (401, 400, "POST", "/api/leads", "", b"{", JSON),
    (401, 422, "GET", "/api/leads", "?foo=1", b"", None),
    (401, 404, "GET", "/api/leads/99", "", b"", None),
    (401, 409, "DELETE", "/api/lead-statuses/1", "", b"", None),
    # 404 of the path
    (404, 405, "POST", "/api/leads/0", "", b"", None),
    (404, 405, "PURGE", "/api/nothing", "", b"", None),
    (404, 413, "POST", "/api/nothing", "", BIG, JSON),
    (404, 415, "PUT", "/api/leads/01/status", "", b"x", "text/plain"),
    (404, 400, "PUT", "/api/leads/x/status", "", b"{", JSON),
    (404, 422, "GET", "/api/nothing", "?foo=1", b"", None),
    (404, 422, "PATCH", "/api/leads/9223372036854775808", "?foo=1", b"{}", JSON),
    # 405
    (405, 413, "PUT", "/api/leads", "", BIG, JSON),
    (405, 415, "PUT", "/api/leads", "", b"x", "text/plain"),
    (405, 400, "PATCH", "/api/leads", "", b"{", JSON),
    (405, 422, "DELETE", "/api/leads", "?foo=1", b"", None),
    (405, 404, "POST", "/api/leads/99", "", b"{}", JSON),
    # 403 of the key's scope: with a key that may only read
    (404, 403, "POST", "/api/nothing", "", b"", None),
    (404, 403, "PATCH", "/api/leads/0", "", b"{}", JSON),
    (405, 403, "DELETE", "/api/leads", "", b"", None),
    (403, 413, "POST", "/api/leads", "", BIG, JSON),
    (403, 415, "POST", "/api/leads", "", b"x", "text/plain"),
    (403, 400, "POST", "/api/leads", "", b"{", JSON),
    (403, 422, "PUT", "/api/leads/1/archive", "?foo=1", b"", None),
    (403, 404, "DELETE", "/api/leads/99", "", b"", None),
    (403, 412, "DELETE", "/api/leads/1", "", b"", None),
    (403, 409, "DELETE", "/api/lead-statuses/1", "", b"", None),
    # 413, 415, 400
    (413, 415, "POST", "/api/leads", "", BIG, "text/plain"),
    (413, 400, "POST", "/api/leads", "", BIG, JSON),
    (413, 422, "POST", "/api/leads", "?foo=1", BIG, JSON),
    (413, 422, "DELETE", "/api/leads/99", "?foo=1", BIG, JSON),
    (413, 404, "PUT", "/api/leads/99/archive", "", BIG, JSON),
    (415, 400, "POST", "/api/leads", "", b"{", "text/plain"),
    (415, 422, "POST", "/api/leads", "?foo=1", GOOD, None),
    (415, 404, "PATCH", "/api/leads/99", "", b"{}", "text/plain"),
    (400, 422, "POST", "/api/leads", "?foo=1", b"[]", JSON),
    (400, 404, "PUT", "/api/leads/99", "", b"{", JSON),
    (400, 409, "POST", "/api/leads/1/convert", "", b"[]", JSON),
    # 422 of query and body, references included
    (422, 404, "GET", "/api/leads/99", "?foo=1", b"", None),
    (422, 404, "DELETE", "/api/leads/99", "?foo=1", b"", None),
    (422, 404, "PUT", "/api/leads/99/archive", "?foo=1", b"", None),
    (422, 404, "PATCH", "/api/leads/99", "", b"{}", JSON),
    (422, 404, "PATCH", "/api/leads/99", "", b'{"lead_title": ""}', JSON),
    (422, 404, "PUT", "/api/leads/99/status", "", b'{"status": 99}', JSON),
    (422, 404, "PUT", "/api/leads/99/assigned", "", b'{"assigned": [99]}', JSON),
    (422, 404, "POST", "/api/leads/99/clone", "", b'{"lead_title": "x", "lead_status": 99}', JSON),
    (422, 404, "POST", "/api/leads/99/convert", "", b"{}", JSON),
    (422, 404, "POST", "/api/leads/99/comments", "", b"{}", JSON),
    (422, 404, "GET", "/api/leads/99/comments", "?page=0", b"", None),
    (422, 404, "PATCH", "/api/team/99", "", b'{"email": "x"}', JSON),
    (422, 404, "PATCH", "/api/custom-fields/99", "", b'{"name": "x"}', JSON),
    (422, 404, "PUT", "/api/checklists/99/status", "", b'{"status": "x"}', JSON),
    (422, 409, "POST", "/api/leads/1/convert", "", b"{}", JSON),
    (422, 409, "DELETE", "/api/lead-statuses/1", "?foo=1", b"", None),
    (422, 412, "PATCH", "/api/leads/1", "", b"{}", JSON),
    (422, 412, "DELETE", "/api/leads/1", "?foo=1", b"", None),
    # 404 of the record, 412 of a stale If-Match, 409
    (404, 412, "DELETE", "/api/leads/99", "", b"", None),
    (404, 412, "DELETE", "/api/leads/1/comments/99", "", b"", None),
    (412, 409, "POST", "/api/leads/1/convert", "",
     b'{"first_name": "J", "last_name": "D", "email": "j@acme.example"}', JSON),
    (412, 422, "POST", "/api/leads/2/convert", "",
     b'{"first_name": "J", "last_name": "D", "email": "owner-1@acme.example"}', JSON),
    (404, 422, "POST", "/api/leads/99/convert", "",
     b'{"first_name": "J", "last_name": "D", "email": "owner-1@acme.example"}', JSON),
    (409, 422, "POST", "/api/leads/1/convert", "",
     b'{"first_name": "J", "last_name": "D", "email": "owner-1@acme.example"}', JSON),
]  # fmt: skip


async def test_of_two_faults_the_first_in_the_order_is_told(serve: Serve, database: Database) -> None:
    async with serve(max_body_bytes=1024) as api:
        lead = await api.lead()
        await api.client(lead["id"])
        assert (lead["id"], (await api.lead())["id"]) == (1, 2)
        _, reading = await KeyStore(database, Ids(database)).create("reports", user=1, scope="read")

        found = []
        for first, second, method, path, query, body, content_type in TWO_FAULTS:
            faults = {first, second}
            headers = {} if first == 401 else {"Authorization": f"Bearer {reading if 403 in faults else KEY}"}
            headers |= {"If-Match": '"v99.1"'} if 412 in faults else {}
            headers |= {} if content_type is None else {"Content-Type": content_type}
            answer = await api.http.request(method, path + query, content=body, headers=headers)
            found.append((answer.status_code, second, method, path, query, body, content_type))

    assert found == TWO_FAULTS


async def test_each_fault_of_the_rows_is_one_on_its_own(serve: Serve) -> None:
    async with serve(max_body_bytes=1024) as api:
        await api.client((await api.lead())["id"])

        async def status(method: str, path: str, body: bytes = b"", content_type: str = JSON) -> int:
            return (await api.call(method, path, content=body, headers={"Content-Type": content_type})).status_code

        assert await status("POST", "/api/leads", BIG) == 413
        assert await status("POST", "/api/leads", GOOD, "text/plain") == 415
        assert await status("POST", "/api/leads", b"{") == 400
        assert await status("GET", "/api/leads?foo=1") == 422
        assert await status("GET", "/api/leads/99") == 404
        assert await status("DELETE", "/api/lead-statuses/1") == 409
        assert await status("PURGE", "/api/leads") == 405
        stale = await api.delete("/api/leads/1", headers={"If-Match": '"v99.1"'})
        assert stale.status_code == 412


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/api/leads?foo=1", {"lead_title": ""}, {"foo", "lead_title", "lead_status", "lead_categoryid"}),
        ("/api/leads", {"lead_title": "", "lead_status": 99, "lead_categoryid": 2},
         {"lead_title", "lead_status", "lead_categoryid"}),
        ("/api/leads/99/clone?foo=1", {"lead_status": 99, "x": 1}, {"foo", "x", "lead_title", "lead_status"}),
        ("/api/checklists", {"checklistresource_type": "x", "checklistresource_id": 99},
         {"checklistresource_type", "checklistresource_id", "checklist_text"}),
        ("/api/custom-fields", {"name": "lead_title", "title": "", "datatype": "dropdown"},
         {"name", "title", "options"}),
    ],
)  # fmt: skip
async def test_faults_of_query_body_and_references_are_told_together(
    api: Api, path: str, body: dict[str, object], fields: set[str]
) -> None:
    assert errors(await api.post(path, body)).keys() == fields
