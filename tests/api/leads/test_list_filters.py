"""GET /api/leads: the filters (contract, "List")."""

from datetime import UTC, datetime

import pytest

from tests.client import Api, Json, errors

EVERY_FILTER = {
    "status": "1",
    "category_id": "3",
    "source": "Website",
    "active_state": "active",
    "assigned_user_id": "1",
    "search": "acme",
    "email": "jane@acme.example",
    "phone": "+1 555 0100",
    "tag": "priority",
    "converted": "no",
    "created_from": "2026-01-01",
    "created_to": "2099-01-01",
    "updated_from": "2026-01-01",
    "updated_to": "2099-01-01",
    "last_contacted_from": "2026-01-01",
    "last_contacted_to": "2026-12-31",
    "value_min": "1",
    "value_max": "100",
}
SORT_AND_PAGE = {"sort": "lead_title", "order": "asc", "limit": "10", "page": "1"}
IDS = ["status", "category_id", "assigned_user_id"]


async def test_status_takes_one_id_or_several(api: Api) -> None:
    for status in (1, 3, 5):
        await api.lead(lead_title=f"in {status}", lead_status=status)

    assert await titles(api, status="3") == ["in 3"]
    assert await titles(api, status="1,3") == ["in 1", "in 3"]
    assert await titles(api, status="5,5,99") == ["in 5"]


async def test_category_id_finds_the_leads_of_a_category(api: Api) -> None:
    partners = await api.category()
    await api.lead(lead_title="default")
    await api.lead(lead_title="partner", lead_categoryid=partners["id"])

    assert await titles(api, category_id="3") == ["default"]
    assert await titles(api, category_id=partners["id"]) == ["partner"]


async def test_assigned_user_id_finds_the_leads_of_a_person(api: Api) -> None:
    sam = await api.member()
    await assigned(api, "both", [1, sam["id"]])
    await assigned(api, "admin", [1])
    await api.lead(lead_title="nobody")

    assert await titles(api, assigned_user_id=sam["id"]) == ["both"]
    assert await titles(api, assigned_user_id=1) == ["admin", "both"]


@pytest.mark.parametrize(("name", "field"), [("source", "lead_source"), ("email", "lead_email")])
async def test_source_and_email_are_exact_in_any_case(api: Api, name: str, field: str) -> None:
    await api.lead(lead_title="sent", **{field: "Jürgen@Müller.example"})
    await api.lead(lead_title="longer", **{field: "Jürgen@Müller.example.com"})
    await api.lead(lead_title="none")

    assert await titles(api, **{name: "Jürgen@Müller.example"}) == ["sent"]
    assert await titles(api, **{name: " JÜRGEN@müller.EXAMPLE "}) == ["sent"]
    for other in ("Jurgen@Muller.example", "gen@Müller.example", "$ne@Müller.example"):
        assert await titles(api, **{name: other}) == []


@pytest.mark.parametrize(
    "phone", ["+49 (30) 1234567", "0049301234567", "49 30 123-45-67", "００４９／３０／１２３４５６７", "+٤٩٣٠١٢٣٤٥٦٧"]
)
async def test_phone_compares_digits_whatever_the_punctuation(api: Api, phone: str) -> None:
    await api.lead(lead_title="plain", lead_phone="+49 (30) 1234567")
    await api.lead(lead_title="00", lead_phone="0049.30.1234567")
    await api.lead(lead_title="other script", lead_phone="+４９ ٣٠ 1234567")
    await api.lead(lead_title="longer", lead_phone="+49 30 1234567 ext. 5")
    await api.lead(lead_title="shorter", lead_phone="030 1234567")
    await api.lead(lead_title="none")

    assert await titles(api, phone=phone) == ["00", "other script", "plain"]


@pytest.mark.parametrize("phone", ["555-010", "00 555 010", "ext.", "+", "²²²²²²²", "٥٥٥٠١٠"])
async def test_a_phone_of_fewer_than_seven_digits_is_refused(api: Api, phone: str) -> None:
    await api.lead(lead_phone=phone)

    answer = await api.get("/api/leads", phone=phone)

    assert errors(answer) == {"phone": ["The phone field must have at least 7 digits."]}


async def test_a_phone_follows_changes(api: Api) -> None:
    lead = await api.lead(lead_phone="555 0100 00")

    await api.patch(f"/api/leads/{lead['id']}", {"lead_phone": "555 0100 01"})
    changed = await titles(api, phone="5550100 00"), await titles(api, phone="5550100 01")
    await api.patch(f"/api/leads/{lead['id']}", {"lead_phone": None})

    assert changed == ([], ["Acme"])
    assert await titles(api, phone="5550100 01") == []


async def test_nothing_in_a_source_is_an_operator(api: Api) -> None:
    await api.lead(lead_source="Jürgen")

    for other in ("J.*", "%", "null", "$ne"):
        assert await titles(api, source=other) == []


async def test_source_and_email_follow_a_change(api: Api) -> None:
    lead = await api.lead(lead_source="Website", lead_email="old@acme.example")

    await api.patch(f"/api/leads/{lead['id']}", {"lead_source": "Fair", "lead_email": None})

    assert await titles(api, source="website") == []
    assert await titles(api, source="fair") == ["Acme"]
    assert await titles(api, email="old@acme.example") == []


async def test_tag_finds_in_any_case(api: Api) -> None:
    lead = await api.lead()
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["Priorität", "Fair 2026"]})
    await api.lead(lead_title="untagged")

    assert await titles(api, tag="PRIORITÄT") == ["Acme"]
    assert await titles(api, tag="fair 2026") == ["Acme"]
    assert await titles(api, tag="fair") == []


async def test_active_state_omitted_lists_archived_leads_too(api: Api) -> None:
    archived = await api.lead(lead_title="archived")
    await api.lead(lead_title="active")
    await api.put(f"/api/leads/{archived['id']}/archive")

    assert await titles(api) == ["active", "archived"]
    assert await titles(api, active_state="active") == ["active"]
    assert await titles(api, active_state="archived") == ["archived"]


async def test_converted_tells_those_that_became_clients(api: Api) -> None:
    converted = await api.lead(lead_title="converted")
    await api.lead(lead_title="by hand", lead_status=2)
    await api.client(converted["id"])

    assert await titles(api) == ["by hand", "converted"]
    assert await titles(api, converted="yes") == ["converted"]
    assert await titles(api, converted="no") == ["by hand"]


async def test_value_bounds_are_inclusive_and_leave_out_null(api: Api) -> None:
    for value in ("0", "9.99", "10", "10.01", None):
        await api.lead(lead_title=str(value), lead_value=value)

    assert await titles(api, value_min="10") == ["10", "10.01"]
    assert await titles(api, value_max="10.00") == ["0", "10", "9.99"]
    assert await titles(api, value_min="9.99", value_max="10") == ["10", "9.99"]
    assert await titles(api, value_min="0", value_max="99999999.99") == ["0", "10", "10.01", "9.99"]
    assert await titles(api, value_min="11", value_max="10") == []


async def test_last_contacted_bounds_are_inclusive_and_leave_out_null(api: Api) -> None:
    for day in ("0001-01-01", "2026-06-14", "2026-06-15", "2026-06-16", "9999-12-31", None):
        await api.lead(lead_title=str(day), lead_last_contacted=day)

    assert await titles(api, last_contacted_from="2026-06-16") == ["2026-06-16", "9999-12-31"]
    assert await titles(api, last_contacted_to="2026-06-14") == ["0001-01-01", "2026-06-14"]
    assert await titles(api, last_contacted_from="2026-06-15", last_contacted_to="2026-06-15") == ["2026-06-15"]
    assert len(await titles(api, last_contacted_from="0001-01-01")) == 5
    assert len(await titles(api, last_contacted_to="9999-12-31")) == 5


@pytest.mark.parametrize("what", ["created", "updated"])
async def test_created_and_updated_take_whole_days_or_moments(
    api: Api, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    moments = ("14T23:59:59.999", "15T00:00:00.000", "15T23:59:59.999", "16T00:00:00.000")
    for moment in moments:
        at(monkeypatch, f"2026-06-{moment}")
        await api.lead(lead_title=moment)
    first, second, third, fourth = moments

    assert await titles(api, **{f"{what}_from": "2026-06-15"}) == [second, third, fourth]
    assert await titles(api, **{f"{what}_to": "2026-06-15"}) == [first, second, third]
    assert await titles(api, **{f"{what}_from": "2026-06-15", f"{what}_to": "2026-06-15"}) == [second, third]
    assert await titles(api, **{f"{what}_from": "2026-06-15T23:59:59.999000Z"}) == [third, fourth]
    assert await titles(api, **{f"{what}_from": "2026-06-15T23:59:59.999001Z"}) == [fourth]
    assert await titles(api, **{f"{what}_to": "2026-06-15T00:00:00Z"}) == [first, second]
    assert await titles(api, **{f"{what}_to": "2026-06-15T01:59:59.999999+02:00"}) == [first]
    assert await titles(api, **{f"{what}_from": "0001-01-01", f"{what}_to": "9999-12-31"}) == list(moments)


async def test_updated_looks_at_the_last_change_and_created_does_not(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, "2026-06-15T12:00:00")
    lead = await api.lead()
    at(monkeypatch, "2026-06-17T12:00:00")
    await api.patch(f"/api/leads/{lead['id']}", {"lead_phone": "1"})

    assert await titles(api, created_from="2026-06-16") == []
    assert await titles(api, updated_from="2026-06-16") == ["Acme"]
    assert await titles(api, updated_to="2026-06-16") == []


async def test_the_times_that_a_lead_shows_find_it(api: Api) -> None:
    dates = (await api.lead())["dates"]

    found = await titles(
        api,
        created_from=dates["created"],
        created_to=dates["created"],
        updated_from=dates["updated"],
        updated_to=dates["updated"],
    )

    assert found == ["Acme"]


async def test_filters_combine_with_and(api: Api) -> None:
    lead = await api.lead(
        lead_source="Website",
        lead_email="jane@acme.example",
        lead_phone="+1 555 0100",
        lead_last_contacted="2026-06-15",
        lead_value=50,
    )
    await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [1]})
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["priority"]})
    misses = {
        "status": "3", "category_id": "2", "source": "Fair", "active_state": "archived", "assigned_user_id": "9",
        "search": "other", "email": "x@acme.example", "phone": "15550101", "tag": "none", "converted": "yes",
        "created_from": "2098-01-01", "created_to": "2026-01-02", "updated_from": "2098-01-01",
        "updated_to": "2026-01-02", "last_contacted_from": "2026-07-01", "last_contacted_to": "2026-05-31",
        "value_min": "51", "value_max": "49",
    }  # fmt: skip

    found = {name: await titles(api, **EVERY_FILTER | {name: value}) for name, value in misses.items()}

    assert await titles(api, **EVERY_FILTER) == ["Acme"]
    assert found == {name: [] for name in EVERY_FILTER}


@pytest.mark.parametrize("empty", ["", "  "])
async def test_an_empty_value_is_as_if_it_were_absent(api: Api, empty: str) -> None:
    await api.lead()

    answer = await api.get("/api/leads", **dict.fromkeys(EVERY_FILTER | SORT_AND_PAGE, empty))

    assert answer.status_code == 200
    assert answer.json() == (await api.get("/api/leads")).json()
    assert answer.json()["meta"]["total"] == 1


@pytest.mark.parametrize("name", IDS)
async def test_an_id_that_does_not_exist_gives_an_empty_list(api: Api, name: str) -> None:
    await api.lead()

    answer = await api.get("/api/leads", **{name: str(2**63 - 1)})

    assert answer.status_code == 200
    assert answer.json() == {
        "data": [],
        "meta": {"current_page": 1, "per_page": 25, "total": 0, "last_page": 1},
        "message": "Leads retrieved successfully.",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "must be at least 1"), ("-1", "must be at least 1")]
    + [
        (value, "must be an integer")
        for value in ("9223372036854775808", "abc", "1.0", "true", "+1", "1_0", "٣", "1;3")
    ],
)
async def test_what_is_no_id_is_refused(api: Api, value: str, text: str) -> None:
    answer = await api.get("/api/leads", **dict.fromkeys(IDS, value))

    assert errors(answer) == {name: [f"The {name.replace('_', ' ')} field {text}."] for name in IDS}


@pytest.mark.parametrize("value", ["1,", ",1", "1,,3", "1,0", "1,x"])
async def test_each_of_several_statuses_must_be_an_id(api: Api, value: str) -> None:
    assert list(errors(await api.get("/api/leads", status=value))) == ["status"]


async def test_bad_values_are_told_all_at_once(api: Api) -> None:
    bad = {
        "active_state": ("deleted", "The selected active state is invalid."),
        "phone": ("555-010", "The phone field must have at least 7 digits."),
        "converted": ("true", "The selected converted is invalid."),
        "sort": ("title", "The selected sort is invalid."),
        "order": ("up", "The selected order is invalid."),
        "created_from": ("yesterday", "The created from field must be a valid date."),
        "created_to": ("2026-02-30", "The created to field must be a valid date."),
        "updated_from": ("2026-06-15T25:00:00Z", "The updated from field must be a valid date."),
        "updated_to": ("1750000000", "The updated to field must be a valid date."),
        "last_contacted_from": ("2026-06-15T00:00:00Z", "The last contacted from field must be a valid date."),
        "last_contacted_to": ("2026-6-1", "The last contacted to field must be a valid date."),
        "value_min": ("cheap", "The value min field must be a number."),
        "value_max": ("-1", "The value max field must be at least 0."),
        "limit": ("0", "The limit field must be at least 1."),
        "page": ("0", "The page field must be at least 1."),
    }

    answer = await api.get("/api/leads", **{name: value for name, (value, _) in bad.items()})

    assert errors(answer) == {name: [text] for name, (_, text) in bad.items()}


async def test_a_parameter_given_twice_is_refused(api: Api) -> None:
    every = EVERY_FILTER | SORT_AND_PAGE

    answer = await api.call("GET", "/api/leads", params=[*every.items(), *every.items()])

    assert set(errors(answer)) == set(every)


@pytest.mark.parametrize("name", ["statuss", "Status", "status[]", "lead_status", "filter", "x_y"])
async def test_an_unknown_parameter_never_returns_the_whole_list(api: Api, name: str) -> None:
    answer = await api.get("/api/leads", **{name: ""})

    assert errors(answer) == {name: [f"The {name.replace('_', ' ')} field is not recognised."]}


async def titles(api: Api, **params: str | int) -> list[str]:
    """Return the titles of the leads that a query finds, in alphabetical order."""
    answer = await api.get("/api/leads", **params)
    assert answer.status_code == 200, answer.text
    found = sorted(lead["title"] for lead in answer.json()["data"])
    assert answer.json()["meta"]["total"] == len(found)
    return found


async def assigned(api: Api, title: str, people: list[int]) -> Json:
    """Create a lead that is assigned to some people."""
    lead = await api.lead(lead_title=title)
    await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": people})
    return lead


def at(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Set the clock of lead writes."""
    monkeypatch.setattr("leads_api.leads.store.now", lambda: datetime.fromisoformat(moment).replace(tzinfo=UTC))
