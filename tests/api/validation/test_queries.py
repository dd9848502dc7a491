"""Query parameters (contract, section 1, "Unknown ... query parameters"; section 3, "List")."""

from typing import Any

import pytest

from tests.api.endpoints import ENDPOINTS, FORM
from tests.client import Api, errors

NOT_RECOGNISED = "The {} field is not recognised."


async def test_an_unknown_parameter_is_named_on_every_endpoint(api: Api, ids: dict[str, int]) -> None:
    for endpoint in ENDPOINTS:
        url = f"{endpoint.at(ids)}?{endpoint.query}&stat_us=1&per-page="
        answer = await api.call(endpoint.method, url, endpoint.sent(ids))
        assert errors(answer) == {
            "stat_us": ["The stat us field is not recognised."],
            "per-page": ["The per-page field is not recognised."],
        }, endpoint.name


async def test_no_list_is_returned_for_a_mistyped_filter(shared: Api) -> None:
    await shared.lead()
    mistyped = [
        "Status=1", "status[]=1", "status[$ne]=1", "email[]=x", "search[$regex]=x", "%20status=1", "status%20=1",
        "limit[]=1", "pages=2", "lead_title=x", "active_stat=active", "created_from[gt]=x", "$where=1", "sort.by=x",
    ]  # fmt: skip

    for query in mistyped:
        assert len(errors(await shared.get(f"/api/leads?{query}"))) == 1


async def test_unknown_names_of_any_form_are_faults_of_the_envelope(shared: Api) -> None:
    queries = ["=1", "=", "%00=1", "%ff=1", "\xe9=1", "%F0%9F%98%80=1", "a" * 5000 + "=1", "%ED%A0%80=1", "{}=1", "a"]

    for query in queries:
        found = errors(await shared.get(f"/api/leads?{query}"))
        assert len(found) == 1
        assert any("is not recognised." in text for texts in found.values() for text in texts)


async def test_a_parameter_given_twice_is_a_fault_even_with_one_value(api: Api, ids: dict[str, int]) -> None:
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET" and "{" not in endpoint.path:
            for query in ("page=1&page=1", "page=1&page=2", "page=&page="):
                answer = await api.get(f"{endpoint.path}?{endpoint.query}&{query}")
                assert list(errors(answer)) == ["page"], endpoint.name


async def test_a_parameter_given_twice_is_recognised_through_its_encoding(shared: Api) -> None:
    assert list(errors(await shared.get("/api/leads?status=1&%73tatus=3"))) == ["status"]


async def test_an_empty_value_is_as_if_it_were_absent(api: Api) -> None:
    await api.lead()
    names = [
        "status", "category_id", "source", "active_state", "assigned_user_id", "search", "sort", "order",
        "limit", "page", "email", "tag", "converted", "created_from", "created_to", "updated_from", "updated_to",
        "last_contacted_from", "last_contacted_to", "value_min", "value_max",
    ]  # fmt: skip

    plain = (await api.get("/api/leads")).json()

    for value in ("", "%20", "+%09"):
        assert (await api.get("/api/leads?" + "&".join(f"{name}={value}" for name in names))).json() == plain
    assert (await api.get("/api/leads?&&")).json() == plain
    assert (await api.get("/api/leads?status")).json() == plain


BAD_VALUES: dict[str, list[str]] = {
    "status": ["0", "-1", "x", "1,", ",1", "1,,3", "1;3", "1, 3", "1.0", "9223372036854775808", "true", "1,0", ","],
    "category_id": ["0", "-1", "x", "1,3", "9223372036854775808", "1e0", "%2B1", "\u0661"],
    "assigned_user_id": ["0", "-1", "x", "9223372036854775808"],
    "active_state": ["Active", "both", "all", "1"],
    "converted": ["true", "1", "Yes", "on"],
    "sort": ["id", "lead_Title", "-lead_title", "title", "lead_title,lead_value", "$natural"],
    "order": ["ASC", "1", "-1", "ascending"],
    "limit": ["0", "-1", "x", "1.5", "99999999999999999999"],
    "page": ["0", "-1", "x", "1.5", "9223372036854775808"],
    "created_from": ["x", "2026-02-30", "2026-06-15T25:00:00Z", "2026-06-15T00:00:00", "2026-06-15T00:00:00+25:00",
                     "1718000000", "2026-06-15 00:00"],
    "updated_to": ["x", "0000-01-01", "2026-06", "now"],
    "last_contacted_from": ["x", "2026-06-15T00:00:00Z"],
    "value_min": ["x", "-1", "NaN", "Infinity", "1e3", "1,5", "-0.001", "100000000"],
    "value_max": ["x", "99999999.995"],
    "source": ["a%00b", "%ff", "x" * 151],
    "email": ["%00", "%C3"],
    "search": ["%00", "a%1Bb", "%ED%A0%80", "x" * 1000],
    "tag": ["a%00", "x" * 101],
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_VALUES)
async def test_a_bad_value_of_a_filter_is_a_fault(shared: Api, name: str) -> None:
    for value in BAD_VALUES[name]:
        assert list(errors(await shared.get(f"/api/leads?{name}={value}"))) == [name], value


async def test_all_bad_parameters_are_told_at_once(shared: Api) -> None:
    answer = await shared.get("/api/leads?status=x&page=0&limit=-5&order=up&sort=id&foo=1&value_min=x&created_from=x")

    assert errors(answer) == {
        "status": ["The status field must be an integer."],
        "page": ["The page field must be at least 1."],
        "limit": ["The limit field must be at least 1."],
        "order": ["The selected order is invalid."],
        "sort": ["The selected sort is invalid."],
        "foo": [NOT_RECOGNISED.format("foo")],
        "value_min": ["The value min field must be a number."],
        "created_from": ["The created from field must be a valid date."],
    }


async def test_required_parameters_that_are_missing_are_told(shared: Api) -> None:
    assert errors(await shared.get("/api/checklists")) == {
        "resource_type": ["The resource type field is required."],
        "resource_id": ["The resource id field is required."],
    }
    assert errors(await shared.get("/api/checklists?resource_type=task&resource_id=0")) == {
        "resource_type": ["The selected resource type is invalid."],
        "resource_id": ["The resource id field must be at least 1."],
    }


PAGED = [
    "/api/leads", "/api/lead-statuses", "/api/categories", "/api/team", "/api/custom-fields", "/api/clients",
    "/api/checklists?resource_type=lead&resource_id={lead}", "/api/leads/{lead}/comments",
    "/api/checklists/{item}/comments",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGED)
async def test_every_list_takes_page_and_limit(api: Api, ids: dict[str, int], path: str) -> None:
    url = path.format(**ids)
    url += "&" if "?" in url else "?"

    async def meta(query: str) -> dict[str, Any]:
        found: dict[str, Any] = (await api.get(url + query)).json()["meta"]
        found.pop("progress", None)
        return found

    total = (await meta("limit=100"))["total"]
    assert total >= 1
    assert await meta("limit=1") == {"current_page": 1, "per_page": 1, "total": total, "last_page": total}
    assert (await meta("limit=101"))["per_page"] == 100
    assert (await meta("limit=9223372036854775807"))["per_page"] == 100
    assert await meta("limit=&page=1") == {"current_page": 1, "per_page": 25, "total": total, "last_page": 1}
    past = (await api.get(url + "limit=1&page=9223372036854775807")).json()
    assert (past["data"], past["meta"]["current_page"], past["meta"]["total"]) == ([], 2**63 - 1, total)
    assert list(errors(await api.get(url + "page=0"))) == ["page"]
    assert list(errors(await api.get(url + "limit=0"))) == ["limit"]


async def test_a_query_of_very_many_parameters_is_refused_in_the_envelope(shared: Api) -> None:
    answer = await shared.get("/api/leads?" + "&".join(f"a{number}=1" for number in range(5000)))

    assert answer.status_code in {400, 422}
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("_", "The _ field is not recognised."),
        ("__", "The __ field is not recognised."),
        ("1_2", "The 1_2 field is not recognised."),
        ("a_b", "The a b field is not recognised."),
        ("é_", "The é  field is not recognised."),
    ],
)
async def test_a_name_without_letters_is_told_as_it_is(shared: Api, name: str, text: str) -> None:
    assert errors(await shared.get("/api/leads", **{name: "1"})) == {name: [text]}


async def test_a_name_that_somebody_made_up_is_told_in_its_first_100_characters(shared: Api) -> None:
    long = "n" * 900_000
    sent = [
        await shared.post("/api/leads", content=long.encode(), headers={"Content-Type": FORM}),
        await shared.post("/api/leads", {long: "secret"}),
        await shared.get("/api/leads", **{long[:5000]: "secret"}),
        await shared.call("GET", f"/api/leads?{long[:2000]}=secret&{long[:2000]}=secret"),
    ]

    for answer in sent:
        assert answer.status_code == 422
        assert len(answer.content) < 2000
        assert long[:100] in errors(answer)
        assert "secret" not in answer.text
