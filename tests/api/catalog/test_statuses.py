"""Lead statuses (contract, section 4)."""

from typing import Any

import pytest

from tests.client import Api, Json, errors

STATUSES = "/api/lead-statuses"
MAX_64_BIT = 2**63 - 1


async def titles(api: Api) -> list[str]:
    answer = await api.get(STATUSES)
    return [status["title"] for status in answer.json()["data"]]


async def test_a_title_is_all_that_a_status_needs(api: Api) -> None:
    answer = await api.post(STATUSES, {"title": "Negotiation"})

    assert answer.json()["data"] == {
        "id": 8,
        "title": "Negotiation",
        "color": "default",
        "position": 7,
        "is_system": False,
    }


async def test_every_field_can_be_given(api: Api) -> None:
    answer = await api.post(STATUSES, {"title": "Negotiation", "color": "lime", "position": 2})

    assert answer.json()["data"] == {
        "id": 8,
        "title": "Negotiation",
        "color": "lime",
        "position": 2,
        "is_system": False,
    }


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"title": ["The title field is required."]}),
        ({"title": None}, {"title": ["The title field is required."]}),
        ({"title": " \t\n"}, {"title": ["The title field is required."]}),
        ({"title": 5}, {"title": ["The title field must be a string."]}),
        ({"title": "x" * 201}, {"title": ["The title field must not be greater than 200 characters."]}),
        ({"title": "a\x00b"}, {"title": ["The title field contains characters that are not allowed."]}),
        ({"title": "a\x7fb"}, {"title": ["The title field contains characters that are not allowed."]}),
        ({"title": "x", "color": "y" * 31}, {"color": ["The color field must not be greater than 30 characters."]}),
        ({"title": "x", "color": ["red"]}, {"color": ["The color field must be a string."]}),
        ({"title": "x", "position": 1.0}, {"position": ["The position field must be an integer."]}),
        ({"title": "x", "position": True}, {"position": ["The position field must be an integer."]}),
        ({"title": "x", "position": " 3"}, {"position": ["The position field must be an integer."]}),
        ({"title": "x", "position": MAX_64_BIT + 1}, {"position": ["The position field must be an integer."]}),
        (
            {"color": 1, "position": "first", "titel": "x"},
            {
                "title": ["The title field is required."],
                "color": ["The color field must be a string."],
                "position": ["The position field must be an integer."],
                "titel": ["The titel field is not recognised."],
            },
        ),
    ],
)
async def test_faults_are_told_all_at_once(untouched: Api, body: Json, faults: Any) -> None:
    answer = await untouched.post(STATUSES, body)

    assert errors(answer) == faults
    assert len(await titles(untouched)) == 6


async def test_lengths_count_after_trimming_and_text_is_kept_as_sent(api: Api) -> None:
    title = "Ü" * 197 + "<b>"

    answer = await api.post(STATUSES, {"title": f" \n{title}\t ", "color": f"  {'c' * 30} ", "position": "3"})

    assert answer.status_code == 201
    status = answer.json()["data"]
    assert (status["title"], status["color"], status["position"]) == (title, "c" * 30, 3)


@pytest.mark.parametrize("blank", [None, "", "  "])
async def test_what_is_blank_gets_its_default(api: Api, blank: object) -> None:
    status = await api.status(color=blank, position=blank)
    coloured = await api.status("Second", color="lime", position=1)

    answer = await api.patch(f"{STATUSES}/{coloured['id']}", {"color": blank, "position": blank})

    assert (status["color"], status["position"]) == ("default", 7)
    assert answer.json()["data"]["color"] == "default"
    assert (await titles(api))[-1] == "Second"


@pytest.mark.parametrize(
    ("first", "second"), [("Negotiation", "nEGOTIATION"), ("Straße", "STRASSE"), ("Ärger", "äRGER")]
)
async def test_a_title_is_taken_in_any_case(api: Api, first: str, second: str) -> None:
    await api.status(first)

    answer = await api.post(STATUSES, {"title": f" {second} "})

    assert errors(answer) == {"title": ["The title has already been taken."]}


async def test_a_rename_cannot_take_anothers_title_but_can_change_the_case_of_its_own(api: Api) -> None:
    status = await api.status("Negotiation")

    taken = await api.patch(f"{STATUSES}/{status['id']}", {"title": "converted"})
    own = await api.patch(f"{STATUSES}/{status['id']}", {"title": "NEGOTIATION"})

    assert errors(taken) == {"title": ["The title has already been taken."]}
    assert own.status_code == 200
    assert (await titles(api))[-1] == "NEGOTIATION"


@pytest.mark.parametrize("title", [None, "", "  "])
async def test_a_title_cannot_be_cleared(untouched: Api, title: str | None) -> None:
    answer = await untouched.patch(f"{STATUSES}/1", {"title": title})

    assert errors(answer) == {"title": ["The title field is required."]}
    assert (await titles(untouched))[0] == "New"


async def test_statuses_are_listed_by_position_then_id(api: Api) -> None:
    await api.status("Front", position=0)
    await api.status("Beside", position=1)
    await api.status("Last")
    await api.patch(f"{STATUSES}/7", {"position": 100})

    assert await titles(api) == [
        "Front",
        "New",
        "Beside",
        "Contacted",
        "Qualified",
        "Proposal Sent",
        "Converted",
        "Last",
        "Disqualified",
    ]


async def test_the_default_position_is_behind_the_last_wherever_that_is(api: Api) -> None:
    await api.status("Far", position=500)
    await api.status("Farther")

    assert (await titles(api))[-2:] == ["Far", "Farther"]


@pytest.mark.parametrize("status_id", [1, 2])
async def test_a_status_of_the_system_cannot_be_deleted(untouched: Api, status_id: int) -> None:
    answer = await untouched.delete(f"{STATUSES}/{status_id}")

    assert answer.status_code == 409
    assert list(answer.json()) == ["message"]
    assert (await untouched.get(f"{STATUSES}/{status_id}")).status_code == 200


async def test_a_status_of_the_system_can_be_renamed_and_still_does_its_duty(api: Api) -> None:
    await api.patch(f"{STATUSES}/2", {"title": "Won", "color": "gold", "position": 0})
    lead = await api.lead()

    await api.client(lead["id"])

    assert (await api.shown(lead["id"]))["status"] == {"id": 2, "title": "Won", "color": "gold"}
    assert (await api.get(f"{STATUSES}/2")).json()["data"]["is_system"] is True


async def test_a_status_cannot_be_deleted_while_a_lead_has_it(api: Api) -> None:
    status = await api.status()
    lead = await api.lead(lead_status=status["id"])
    await api.put(f"/api/leads/{lead['id']}/archive")

    in_use = await api.delete(f"{STATUSES}/{status['id']}")
    await api.put(f"/api/leads/{lead['id']}/status", {"status": 1})
    free = await api.delete(f"{STATUSES}/{status['id']}")

    assert in_use.status_code == 409
    assert free.status_code == 200


async def test_a_deleted_status_cannot_be_given_to_leads_and_finds_none(api: Api) -> None:
    status = await api.status()
    lead = await api.lead()
    await api.delete(f"{STATUSES}/{status['id']}")

    created = await api.post("/api/leads", {"lead_title": "x", "lead_status": status["id"], "lead_categoryid": 3})
    changed = await api.put(f"/api/leads/{lead['id']}/status", {"status": status["id"]})
    listed = await api.get("/api/leads", status=status["id"])

    assert errors(created) == {"lead_status": ["The selected lead status is invalid."]}
    assert errors(changed) == {"status": ["The selected status is invalid."]}
    assert listed.json()["data"] == []
