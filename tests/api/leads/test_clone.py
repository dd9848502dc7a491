"""POST /api/leads/{id}/clone (contract, "Clone"). Files: tests/wire/files."""

from typing import Any

import pytest

from leads_api.mongo.ids import Ids
from tests.client import Api, Json, errors

_take = Ids.take

WHOLE = {
    "lead_title": "Acme - new website",
    "lead_firstname": "Jane",
    "lead_lastname": "Doe",
    "lead_email": "jane@acme.example",
    "lead_phone": "+1 555 0100",
    "lead_job_position": "CTO",
    "lead_company_name": "Acme Inc",
    "lead_website": "https://acme.example",
    "lead_value": "2500.00",
    "lead_source": "Website",
    "lead_last_contacted": "2026-06-15",
    "lead_description": "Inbound enquiry.",
    "lead_street": "1 Main Street",
    "lead_city": "Springfield",
    "lead_state": "Oregon",
    "lead_zip": "97477",
    "lead_country": "US",
}
WISH = {"lead_title": "The clone", "lead_status": 5}


async def _clone(api: Api, lead: Json, **fields: Any) -> Json:
    answer = await api.post(f"/api/leads/{lead['id']}/clone", WISH | fields)
    assert answer.status_code == 201, answer.text
    clone: Json = answer.json()["data"]
    return clone


async def _used(api: Api) -> Json:
    """Return a lead on which everything is set that a lead has."""
    await api.custom_field("colour")
    category = await api.category()
    lead = await api.lead(**WHOLE, lead_categoryid=category["id"], colour="blue")
    await api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["priority"]})
    await api.put(f"/api/leads/{lead['id']}/assigned", {"assigned": [1]})
    await api.comment(lead["id"])
    await api.client(lead["id"])
    await api.put(f"/api/leads/{lead['id']}/archive")
    return await api.shown(lead["id"])


async def test_what_a_clone_keeps_and_what_is_reset(api: Api) -> None:
    source = await _used(api)

    clone = await _clone(api, source)

    created = clone["dates"]["created"]
    assert clone == source | {
        "id": source["id"] + 1,
        "title": "The clone",
        "status": {"id": 5, "title": "Contacted", "color": "warning"},
        "active_state": "active",
        "last_contacted": None,
        "converted": {"is_converted": False, "client_id": None, "date": None},
        "assigned": [],
        "tags": [],
        "dates": {"created": created, "updated": created},
        "comments_count": 0,
        "version": 1,
    }
    assert created >= source["dates"]["updated"]
    assert await api.shown(clone["id"]) == clone
    assert (await api.get(f"/api/leads/{clone['id']}/comments")).json()["data"] == []


async def test_the_source_stays_as_it_was(api: Api) -> None:
    source = await _used(api)

    await _clone(api, source, lead_email="other@acme.example")

    assert await api.shown(source["id"]) == source


async def test_the_answer_says_where_the_clone_is(api: Api) -> None:
    lead = await api.lead()

    answer = await api.post(f"/api/leads/{lead['id']}/clone", WISH)

    assert answer.headers["Location"] == f"/api/leads/{answer.json()['data']['id']}"


@pytest.mark.parametrize(
    ("field", "sent", "path", "shown"),
    [
        ("lead_firstname", "Kim", "contact.first_name", "Kim"),
        ("lead_lastname", "Poe", "contact.last_name", "Poe"),
        ("lead_email", "kim@other.example", "contact.email", "kim@other.example"),
        ("lead_phone", "1", "contact.phone", "1"),
        ("lead_company_name", "Other", "contact.company_name", "Other"),
        ("lead_website", "other.example", "contact.website", "other.example"),
        ("lead_value", 2.675, "value", "2.68"),
    ],
)
async def test_an_optional_field_is_replaced_or_cleared_and_the_others_are_kept(
    api: Api, field: str, sent: Any, path: str, shown: str
) -> None:
    source = await api.lead(**WHOLE)

    replaced = await _clone(api, source, **{field: sent})
    cleared = await _clone(api, source, **{field: None})
    blank = await _clone(api, source, **{field: " "})

    for clone, expected in ((replaced, shown), (cleared, None), (blank, None)):
        own = {"value": source["value"], "contact": dict(source["contact"])}
        part, _, key = path.rpartition(".")
        (own[part] if part else own)[key] = expected
        assert {name: clone[name] for name in own} == own


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"lead_title": None}, {"lead_title": ["The lead title field is required."]}),
        ({"lead_title": " "}, {"lead_title": ["The lead title field is required."]}),
        ({"lead_status": None}, {"lead_status": ["The lead status field is required."]}),
        ({"lead_status": 99}, {"lead_status": ["The selected lead status is invalid."]}),
        ({"lead_title": "x" * 251}, {"lead_title": ["The lead title field must not be greater than 250 characters."]}),
        ({"lead_email": "jane"}, {"lead_email": ["The lead email field must be a valid email address."]}),
        ({"lead_phone": 5}, {"lead_phone": ["The lead phone field must be a string."]}),
        ({"lead_value": -1}, {"lead_value": ["The lead value field must be at least 0."]}),
        ({"lead_value": "much"}, {"lead_value": ["The lead value field must be a number."]}),
        ({"copy_checklist": "yes"}, {"copy_checklist": ["The selected copy checklist is invalid."]}),
        ({"copy_files": 1}, {"copy_files": ["The selected copy files is invalid."]}),
        ({"lead_source": "Web"}, {"lead_source": ["The lead source field is not recognised."]}),
        ({"lead_categoryid": 3}, {"lead_categoryid": ["The lead categoryid field is not recognised."]}),
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_cloned(api: Api, fields: Json, fault: dict[str, list[str]]) -> None:
    lead = await api.lead()

    answer = await api.post(f"/api/leads/{lead['id']}/clone", WISH | fields)

    assert errors(answer) == fault
    assert (await api.get("/api/leads")).json()["meta"]["total"] == 1


async def test_custom_fields_are_no_part_of_the_request(api: Api) -> None:
    await api.custom_field("colour")
    lead = await api.lead(colour="blue")

    answer = await api.post(f"/api/leads/{lead['id']}/clone", WISH | {"colour": "red"})

    assert errors(answer) == {"colour": ["The colour field is not recognised."]}


async def test_a_disabled_custom_fields_value_is_kept_too(api: Api) -> None:
    field = await api.custom_field("colour")
    lead = await api.lead(colour="blue")
    await api.patch(f"/api/custom-fields/{field['id']}", {"is_enabled": False})

    clone = await _clone(api, lead)
    await api.patch(f"/api/custom-fields/{field['id']}", {"is_enabled": True})

    assert clone["custom_fields"] == {}
    assert (await api.shown(clone["id"]))["custom_fields"] == {"colour": "blue"}


async def test_a_required_custom_field_that_the_source_lacks_does_not_stop_a_clone(api: Api) -> None:
    lead = await api.lead()
    await api.custom_field("colour", is_required=True)

    assert (await _clone(api, lead))["custom_fields"] == {"colour": None}


async def test_the_checklist_is_copied_as_pending_with_text_and_position_and_without_comments(api: Api) -> None:
    lead = await api.lead()
    call, write, visit = [await api.item(lead["id"], text) for text in ("Call", "Write", "Visit")]
    await api.put(f"/api/checklists/{write['id']}/status", {"status": "completed"})
    await api.post(f"/api/checklists/{call['id']}/comments", {"comment": "No answer."})
    order = [visit["id"], call["id"], write["id"]]
    await api.put("/api/checklists/positions", {"checklist_ids": order})

    clone = await _clone(api, lead, copy_checklist="on")

    copies = await _checklist(api, clone)
    sources = await _checklist(api, lead)
    assert [(item["text"], item["status"], item["comments_count"]) for item in copies] == [
        ("Visit", "pending", 0),
        ("Call", "pending", 0),
        ("Write", "pending", 0),
    ]
    assert [item["position"] for item in copies] == [item["position"] for item in sources]
    assert [item["id"] for item in sources] == order
    assert not {item["id"] for item in copies} & set(order)
    assert [item["status"] for item in sources] == ["pending", "pending", "completed"]


async def test_the_ids_of_a_copied_checklist_are_taken_in_one_step(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = await api.lead()
    texts = [(await api.item(lead["id"], f"Call {number}"))["text"] for number in range(5)]
    taken: list[tuple[str, int]] = []

    async def take(ids: Ids, kind: str, count: int = 1) -> int:
        taken.append((kind, count))
        return await _take(ids, kind, count)

    monkeypatch.setattr(Ids, "take", take)
    clone = await _clone(api, lead, copy_checklist="on")

    assert sorted(taken) == [("checklists", 5), ("leads", 1)]
    copies = await _checklist(api, clone)
    assert [item["text"] for item in copies] == texts
    assert len({item["id"] for item in copies}) == 5


async def test_a_copied_checklist_is_the_clones_own(api: Api) -> None:
    lead = await api.lead()
    item = await api.item(lead["id"])
    clone = await _clone(api, lead, copy_checklist="on")

    assert (await api.delete(f"/api/leads/{lead['id']}")).status_code == 200

    (copy,) = await _checklist(api, clone)
    assert copy["text"] == item["text"]
    assert (await api.get(f"/api/checklists/{copy['id']}")).status_code == 200


@pytest.mark.parametrize("choices", [{}, {"copy_checklist": "off"}, {"copy_checklist": None}, {"copy_checklist": ""}])
async def test_the_checklist_is_not_copied_unless_it_is_asked_for(api: Api, choices: Json) -> None:
    lead = await api.lead()
    await api.item(lead["id"])

    assert await _checklist(api, await _clone(api, lead, **choices)) == []


async def test_a_clone_is_found_by_what_it_has_and_not_by_what_it_has_not(api: Api) -> None:
    source = await _used(api)
    clone = await _clone(api, source, lead_email="Kim@other.example", lead_company_name=None)

    async def finds_clone(**query: Any) -> bool:
        return clone["id"] in [lead["id"] for lead in (await api.get("/api/leads", **query)).json()["data"]]

    assert await finds_clone(email="kim@OTHER.example")
    assert await finds_clone(search="the clone kim")
    assert await finds_clone(source="website")
    assert await finds_clone(converted="no", active_state="active")
    assert not await finds_clone(email="jane@acme.example")
    assert not await finds_clone(search="inc")
    assert not await finds_clone(tag="priority")
    assert not await finds_clone(assigned_user_id=1)


async def test_a_form_clones_too(api: Api) -> None:
    lead = await api.lead(**WHOLE)

    answer = await api.post(
        f"/api/leads/{lead['id']}/clone", data={"lead_title": "Two", "lead_status": "1", "lead_phone": ""}
    )

    assert answer.status_code == 201
    assert answer.json()["data"]["contact"] == lead["contact"] | {"phone": None}


async def _checklist(api: Api, lead: Json) -> list[Json]:
    answer = await api.get("/api/checklists", resource_type="lead", resource_id=lead["id"])
    items: list[Json] = answer.json()["data"]
    return items
