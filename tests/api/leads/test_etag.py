"""The entity tag of a lead, and `If-None-Match` (contract, section 5, "Optimistic concurrency"; RFC 9110, 13.1.2)."""

import re
from asyncio import gather

import httpx
import pytest

from leads_api.mongo.client import Database
from tests.api.endpoints import ENDPOINTS
from tests.api.envelope import assert_fails
from tests.client import KEY, Api, Json, errors
from tests.conftest import Serve

WITH_TAG = {
    *(f"{method} /api/leads/by-external-id/{{external_id}}" for method in ("GET", "PUT", "PATCH")),
    "POST /api/leads", "GET /api/leads/{lead}", "PUT /api/leads/{lead}", "PATCH /api/leads/{lead}",
    "PUT /api/leads/{lead}/status", "PUT /api/leads/{lead}/assigned", "PUT /api/leads/{lead}/tags",
    "PUT /api/leads/{lead}/archive", "PUT /api/leads/{lead}/activate", "POST /api/leads/{lead}/clone",
    "POST /api/leads/{lead}/merge", "GET /api/leads/by-external-id/{external_id}",
    "PUT /api/leads/by-external-id/{external_id}", "PATCH /api/leads/by-external-id/{external_id}",
}  # fmt: skip


def parts(answer: httpx.Response) -> tuple[int, int]:
    """Return the version and the revision of an answer's tag."""
    match = re.fullmatch(r'"v([0-9]+)\.([0-9]+)"', answer.headers["ETag"])
    assert match
    return int(match[1]), int(match[2])


async def revision(database: Database) -> int:
    found = await database["catalog"].find_one({"_id": "catalog"})
    assert found
    return int(found["revision"])


async def unless_known(api: Api, lead: Json, tag: str, method: str = "GET") -> httpx.Response:
    return await api.call(method, f"/api/leads/{lead['id']}", headers={"If-None-Match": tag})


async def test_every_answer_with_one_lead_has_the_tag_of_what_it_shows_and_no_other_has_one(
    api: Api, ids: dict[str, int], database: Database
) -> None:
    tagged = set()
    for endpoint in ENDPOINTS:
        answer = await api.call(endpoint.method, f"{endpoint.at(ids)}?{endpoint.query}", endpoint.sent(ids))
        assert answer.status_code == endpoint.status
        if "ETag" in answer.headers:
            tagged.add(endpoint.name)
            assert parts(answer) == (answer.json()["data"]["version"], await revision(database)), endpoint.name

    assert tagged == WITH_TAG


async def test_no_failure_has_a_tag(api: Api) -> None:
    lead = await api.lead()
    answers = [
        await api.get(f"/api/leads/{lead['id']}", foo=1),
        await api.get("/api/leads/99"),
        await api.patch(f"/api/leads/{lead['id']}", {}),
        await api.http.get(f"/api/leads/{lead['id']}"),
    ]

    assert [answer.status_code for answer in answers] == [422, 404, 422, 401]
    assert not [answer for answer in answers if "ETag" in answer.headers]


async def test_leads_that_are_read_at_the_same_moment_have_the_tags_of_their_own_versions(api: Api) -> None:
    leads = [await api.lead() for _ in range(5)]
    for changes, lead in enumerate(leads):
        for _ in range(changes):
            await api.put(f"/api/leads/{lead['id']}/archive")

    answers = await gather(*(api.get(f"/api/leads/{lead['id']}") for lead in leads * 4))

    assert [parts(answer)[0] for answer in answers] == [1, 2, 3, 4, 5] * 4


async def test_a_change_of_the_lead_changes_the_first_part_and_a_renamed_status_the_second(api: Api) -> None:
    lead = await api.lead()
    path = f"/api/leads/{lead['id']}"
    created = await api.get(path)
    changed = await api.patch(path, {"lead_title": "New"})

    await api.patch("/api/lead-statuses/1", {"title": "Fresh"})
    renamed = await api.get(path)

    assert parts(changed) == (2, parts(created)[1])
    assert parts(renamed)[0] == 2
    assert parts(renamed)[1] > parts(changed)[1]
    assert (changed.json()["data"]["status"]["title"], renamed.json()["data"]["status"]["title"]) == ("New", "Fresh")


async def test_after_a_rename_if_none_match_misses_and_if_match_still_passes(api: Api) -> None:
    lead = await api.lead()
    path = f"/api/leads/{lead['id']}"
    tag = (await api.get(path)).headers["ETag"]
    await api.patch("/api/lead-statuses/1", {"title": "Fresh"})

    missed = await unless_known(api, lead, tag)
    written = await api.put(f"{path}/archive", headers={"If-Match": tag})

    assert (missed.status_code, missed.json()["data"]["status"]["title"]) == (200, "Fresh")
    assert written.status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_lead_that_is_known_is_not_sent_again(api: Api, method: str) -> None:
    lead = await api.lead()
    shown = await api.get(f"/api/leads/{lead['id']}")
    tag = shown.headers["ETag"]

    for header in (tag, f"W/{tag}", f'"other", W/"other" , {tag}', "*", f", {tag},"):
        answer = await unless_known(api, lead, header, method)
        assert (answer.status_code, answer.content) == (304, b""), header
        assert answer.headers["ETag"] == tag
        assert "Content-Type" not in answer.headers
        assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_lead_that_is_not_known_is_sent(api: Api, method: str) -> None:
    lead = await api.lead()
    shown = await api.get(f"/api/leads/{lead['id']}")
    version, second = parts(shown)

    for header in (f'"v{version + 1}.{second}"', f'"v{version}.{second + 1}"', f'"v{version}"', '"other"', 'W/"x"'):
        answer = await unless_known(api, lead, header, method)
        assert answer.status_code == 200, header
        assert answer.content == (shown.content if method == "GET" else b"")
        assert answer.headers["ETag"] == shown.headers["ETag"]


async def test_the_lines_of_a_header_are_one_list(api: Api) -> None:
    lead = await api.lead()
    path = f"/api/leads/{lead['id']}"
    tag = (await api.get(path)).headers["ETag"]
    key = ("Authorization", f"Bearer {KEY}")

    known = [await api.http.get(path, headers=[key, *order]) for order in orders("If-None-Match", tag, '"v9.9"')]
    written = [
        await api.http.put(f"{path}/archive", headers=[key, *order]) for order in orders("If-Match", '"v1.1"', '"v2.1"')
    ]
    mixed = await api.http.put(f"{path}/archive", headers=[key, ("If-Match", '"v1.1"'), ("If-Match", "*")])

    assert [answer.status_code for answer in known] == [304, 304]
    assert [answer.status_code for answer in written] == [200, 200]
    assert mixed.status_code == 400


def orders(name: str, first: str, second: str) -> list[list[tuple[str, str]]]:
    """Return two lines of a header, in both orders."""
    lines = [(name, first), (name, second)]
    return [lines, lines[::-1]]


@pytest.mark.parametrize("header", ["", "v1.1", '"v1.1', "**", '*, "v1.1"', ", " * 3000])
async def test_a_header_that_is_no_list_of_tags_is_told_before_anything_else_of_the_lead(api: Api, header: str) -> None:
    lead = await api.lead()

    answers = [await unless_known(api, {"id": which}, header) for which in (lead["id"], 99, f"{lead['id']}?foo=1")]

    for answer in answers:
        assert_fails(
            answer,
            400,
            'The If-None-Match header must be *, or entity tags like "v7.3" with their quotes, separated by commas,'
            " of at most 4096 characters.",
        )


async def test_faults_of_the_request_come_before_a_304(api: Api) -> None:
    lead = await api.lead()
    headers = {"If-None-Match": "*"}

    assert errors(await api.call("GET", f"/api/leads/{lead['id']}?foo=1", headers=headers)).keys() == {"foo"}
    assert_fails(await unless_known(api, {"id": 99}, "*"), 404, "Lead not found.")
    assert (await api.http.get(f"/api/leads/{lead['id']}", headers=headers)).status_code == 401


async def test_a_tag_of_lost_settings_is_that_of_what_is_shown(serve: Serve, database: Database) -> None:
    async with serve(cache_seconds=0) as api:
        status = await api.status("Gone")
        lead = await api.lead(lead_status=status["id"])
        (lost,) = [document async for document in database["lead_statuses"].find({"_id": status["id"]})]
        await database["lead_statuses"].delete_one({"_id": status["id"]})
        await database["catalog"].update_one({"_id": "catalog"}, {"$inc": {"revision": 1}})
        without = await api.get(f"/api/leads/{lead['id']}")
        assert parts(without) == (1, await revision(database))
        await database["lead_statuses"].insert_one(lost)
        await database["catalog"].update_one({"_id": "catalog"}, {"$inc": {"revision": 1}})

        again = await unless_known(api, lead, without.headers["ETag"])

    assert without.json()["data"]["status"]["title"] == ""
    assert (again.status_code, again.json()["data"]["status"]["title"]) == (200, "Gone")
    assert parts(again) == (1, await revision(database))


async def test_what_has_no_tag_ignores_preconditions_even_malformed_ones(api: Api, ids: dict[str, int]) -> None:
    ignored = [each for each in ENDPOINTS if "{lead}" not in each.path or each.path.endswith("{lead}/comments")]
    conditional = WITH_TAG | {"POST /api/leads/{lead}/comments"}
    ignored = [each for each in ignored if each.name not in conditional or each.name == "POST /api/leads"]
    assert len(ignored) > 30

    for endpoint in ignored:
        headers = {"If-Match": "nonsense", "If-None-Match": "nonsense"}
        path = f"{endpoint.at(ids)}?{endpoint.query}"
        answer = await api.call(endpoint.method, path, endpoint.sent(ids), headers=headers)
        assert answer.status_code == endpoint.status, endpoint.name
