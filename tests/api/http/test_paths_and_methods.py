"""Which paths and methods there are (contract, section 1, "Ids"; section 3, HEAD)."""

import httpx
import pytest

from tests.api.endpoints import ENDPOINTS
from tests.api.envelope import assert_enveloped, assert_fails
from tests.api.raw import send_raw
from tests.client import KEY, Api

NOT_FOUND, NOT_ALLOWED = "Not found.", "Method not allowed."
PUBLIC = ["/", "/health/live", "/health/ready", "/openapi.json", "/docs", "/metrics"]

_OF_TABLES = [*((path, "GET") for path in PUBLIC), *((endpoint.path, endpoint.method) for endpoint in ENDPOINTS)]
_GIVEN = {path: {method for known, method in _OF_TABLES if known == path} for path, _ in _OF_TABLES}
METHODS = {path: given | {"OPTIONS"} | ({"HEAD"} if "GET" in given else set()) for path, given in _GIVEN.items()}


def at(path: str, ids: dict[str, int]) -> str:
    return path.format(**ids)


def listed(allow: str) -> set[str]:
    names = allow.split(", ")
    assert len(names) == len(set(names))
    return set(names)


async def test_every_endpoint_answers_with_its_status_in_the_envelope(api: Api, ids: dict[str, int]) -> None:
    got: dict[str, int] = {}
    for endpoint in ENDPOINTS:
        answer = await api.call(endpoint.method, f"{endpoint.at(ids)}?{endpoint.query}", endpoint.sent(ids))
        got[endpoint.name] = answer.status_code
        assert_enveloped(answer)

    assert got == {endpoint.name: endpoint.status for endpoint in ENDPOINTS}


async def test_options_answers_204_with_the_true_allow_on_every_path(api: Api, ids: dict[str, int]) -> None:
    answers = {path: await api.call("OPTIONS", at(path, ids)) for path in METHODS}

    assert {path: (a.status_code, listed(a.headers["Allow"]), a.content) for path, a in answers.items()} == {
        path: (204, methods, b"") for path, methods in METHODS.items()
    }


async def test_a_wrong_method_answers_405_with_the_true_allow_on_every_path(api: Api, ids: dict[str, int]) -> None:
    wrong = [
        (method, path)
        for path, allowed in METHODS.items()
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE")
        if method not in allowed
    ]

    for method, path in wrong:
        answer = await api.call(method, at(path, ids))
        assert (method, path, answer.status_code) == (method, path, 405)
        assert listed(answer.headers["Allow"]) == METHODS[path]
        if method != "HEAD":
            assert_fails(answer, 405, NOT_ALLOWED)


async def test_head_answers_like_get_without_a_body_wherever_get_works(api: Api, ids: dict[str, int]) -> None:
    paths = {endpoint.path: endpoint.query for endpoint in ENDPOINTS if endpoint.method == "GET"}

    for path, query in [*paths.items(), *((path, "") for path in PUBLIC)]:
        got = await send_raw(api, "GET", at(path, ids), query=query.encode())
        head = await send_raw(api, "HEAD", at(path, ids), query=query.encode())
        assert (path, got.status_code, head.status_code) == (path, 200, 200)
        assert head.content == b""
        if path != "/metrics":  # the GET is in it
            assert _compared(head.headers) == _compared(got.headers)
            assert int(head.headers["Content-Length"]) == len(got.content)


def _compared(headers: httpx.Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "x-request-id"}


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [("/api/leads/987654321", b"", 404), ("/api/leads", b"foo=1", 422), ("/api/no", b"", 404), ("/no", b"", 404)],
)
async def test_head_of_what_fails_has_the_status_and_no_body(shared: Api, path: str, query: bytes, status: int) -> None:
    answer = await send_raw(shared, "HEAD", path, query=query)

    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/lead",
        "/api/Leads",
        "/API/leads",
        "/api/leads/1/nothing",
        "/api/leads/1/comments/1/replies",
        "/api/1",
        "/api/leads/status",
        "/api//leads",
        "/api/leads//1",
        "/api/leads//",
        "/api/leads;a=1",
        "/api/leads/1;a=1",
        "/api/leads/{lead_id}",
        "/api/leads/%7B%7D",
        "/api/../api/leads/1/x",
        "/nothing",
        "/.env",
    ],
)
async def test_an_unknown_path_is_not_found_whatever_the_method(shared: Api, path: str) -> None:
    await shared.lead()

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert_fails(await shared.call(method, path), 404, NOT_FOUND)


BAD_IDS = [
    "0", "01", "00", "-1", "+1", "-0", "1.0", "1e0", "1_0", "0x1", "abc", "1a", "a1", "%201", "1%20", "1%00", "%00",
    "\u0661", "\uff11", "\u00b9", "null", "undefined", "NaN", "1,2", "1%0A", "~", "*", "$ne",
    "9223372036854775808", "9999999999999999999", "18446744073709551617", "10000000000000000000000", "9" * 400,
]  # fmt: skip


async def test_an_id_that_is_none_is_not_found_before_the_method_is_looked_at(api: Api, ids: dict[str, int]) -> None:
    one = dict.fromkeys(ids, 1)
    paths = sorted(path for path in METHODS if "{" in path)

    for path in paths:
        for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
            for bad in BAD_IDS if path == "/api/leads/{lead}" else BAD_IDS[:3] + BAD_IDS[-5:]:
                url = at(path, one).replace("/1", f"/{bad}", 1) if name != "comment" else f"/api/leads/1/comments/{bad}"
                for method in ("GET", "POST", "DELETE", "PURGE", "OPTIONS"):
                    answer = await api.call(method, url)
                    assert (method, url, answer.status_code) == (method, url, 404)
                    assert answer.json() == {"message": NOT_FOUND}


async def test_the_largest_id_is_one_of_a_record_that_does_not_exist(shared: Api) -> None:
    path = "/api/leads/9223372036854775807"

    assert_fails(await shared.get(path), 404, "Lead not found.")
    assert_fails(await shared.call("PURGE", path), 405, NOT_ALLOWED)
    assert_fails(await shared.delete(f"{path}/comments/9223372036854775807"), 404, "Lead not found.")


async def test_a_record_that_does_not_exist_is_not_found_by_its_noun(api: Api) -> None:
    nouns = {
        "leads": "Lead", "lead-statuses": "Lead status", "categories": "Category", "team": "Team member",
        "custom-fields": "Custom field", "clients": "Client", "checklists": "Checklist",
    }  # fmt: skip
    endpoints = [endpoint for endpoint in ENDPOINTS if "{" in endpoint.path and not endpoint.path.endswith("comment}")]
    ids = dict.fromkeys(("lead", "item", "status", "category", "member", "field", "client"), 987)

    for endpoint in endpoints:
        body = endpoint.sent(ids)
        answer = await api.call(endpoint.method, endpoint.at(ids), body)
        assert (endpoint.name, answer.status_code, answer.json()) == (
            endpoint.name, 404, {"message": f"{nouns[endpoint.path.split('/')[2]]} not found."}
        )  # fmt: skip


async def test_a_comment_that_does_not_exist_is_not_found(api: Api, ids: dict[str, int]) -> None:
    for parent in (f"/api/leads/{ids['lead']}", f"/api/checklists/{ids['item']}"):
        assert_fails(await api.delete(f"{parent}/comments/987"), 404, "Comment not found.")


async def test_a_trailing_slash_changes_nothing(api: Api, ids: dict[str, int]) -> None:
    got: dict[str, int] = {}
    for endpoint in ENDPOINTS:
        answer = await api.call(endpoint.method, f"{endpoint.at(ids)}/?{endpoint.query}", endpoint.sent(ids))
        got[endpoint.name] = answer.status_code

    assert got == {endpoint.name: endpoint.status for endpoint in ENDPOINTS}
    for path in PUBLIC[1:]:
        assert (await api.http.get(f"{path}/")).status_code == 200


async def test_a_trailing_slash_is_no_way_around_the_key_or_the_method(shared: Api) -> None:
    assert (await shared.http.get("/api/leads/")).status_code == 401
    assert_fails(await shared.call("PURGE", "/api/leads/"), 405, NOT_ALLOWED)


async def test_the_method_of_a_header_does_not_stand_in_for_the_request_s_own(shared: Api) -> None:
    lead = await shared.lead()

    answer = await shared.http.post(
        f"/api/leads/{lead['id']}",
        headers={"Authorization": f"Bearer {KEY}", "X-HTTP-Method-Override": "DELETE"},
        params={"_method": "DELETE"},
    )

    assert_fails(answer, 405, NOT_ALLOWED)
    assert (await shared.shown(lead["id"]))["id"] == lead["id"]
