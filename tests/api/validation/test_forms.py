"""Forms (contract, section 1, "Request bodies")."""

from typing import Any

import httpx
import pytest

from tests.api.endpoints import FORM
from tests.api.envelope import assert_enveloped
from tests.client import Api, errors

NO_TITLE = {"lead_title": ["The lead title field is required."]}


async def form(api: Api, content: str | bytes, path: str = "/api/leads", method: str = "POST") -> httpx.Response:
    return await api.call(method, path, content=content, headers={"Content-Type": FORM})


async def created(api: Api, content: str) -> dict[str, Any]:
    answer = await form(api, f"lead_status=1&lead_categoryid=3&{content}")
    assert answer.status_code == 201, answer.text
    lead: dict[str, Any] = answer.json()["data"]
    return lead


@pytest.mark.parametrize(
    ("sent", "title"),
    [
        ("Acme+GmbH", "Acme GmbH"),
        ("Acme%20GmbH", "Acme GmbH"),
        ("1%2B1%3D2", "1+1=2"),
        ("a%26b", "a&b"),
        ("a=b", "a=b"),
        ("a;b", "a;b"),
        ("%C3%A9%F0%9F%98%80", "é\U0001f600"),
        ("é", "é"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("%E2%80%A8", None),
        ("++Acme++", "Acme"),
        ("null", "null"),
        ("%3Cb%3E", "<b>"),
        ("a%0D%0Ab", "a\r\nb"),
    ],
)
async def test_values_are_decoded_as_forms_are(shared: Api, sent: str, title: str | None) -> None:
    if title is None:  # nothing but white space, of whatever script
        assert errors(await form(shared, f"lead_status=1&lead_categoryid=3&lead_title={sent}")) == NO_TITLE
    else:
        assert (await created(shared, f"lead_title={sent}"))["title"] == title


async def test_names_are_decoded_as_well(shared: Api) -> None:
    assert (await created(shared, "lead%5Ftitle=Acme"))["title"] == "Acme"


@pytest.mark.parametrize(
    ("sent", "tags"),
    [
        ("tags[]=a&tags[]=b", ["a", "b"]),
        ("tags=a&tags=b", ["a", "b"]),
        ("tags[0]=a&tags[1]=b", ["a", "b"]),
        ("tags%5B1%5D=b&tags%5B0%5D=a", ["a", "b"]),
        ("tags[5]=", []),
        ("tags%5B%5D=a&tags%5B%5D=b", ["a", "b"]),
        ("tags[]=a", ["a"]),
        ("tags=a", ["a"]),
        ("tags=a,b", ["a,b"]),
        ("tags[]=", []),
        ("tags%5B%5D=", []),
        ("tags[]", []),
    ],
)
async def test_arrays_are_repeated_names_with_or_without_brackets(shared: Api, sent: str, tags: list[str]) -> None:
    lead = await shared.lead()
    await shared.put(f"/api/leads/{lead['id']}/tags", {"tags": ["old"]})

    answer = await form(shared, sent, f"/api/leads/{lead['id']}/tags", "PUT")

    assert (answer.status_code, answer.json()["data"]["tags"]) == (200, tags)


async def test_ids_in_an_array_are_decimal_digits(api: Api) -> None:
    lead, member = await api.lead(), await api.member()
    path = f"/api/leads/{lead['id']}/assigned"

    answer = await form(api, f"assigned[]=1&assigned[]={member['id']}", path, "PUT")
    cleared = await form(api, "assigned[]=", path, "PUT")
    faulty = await form(api, "assigned[]=1&assigned[]=x&assigned[]=99&assigned[]=", path, "PUT")

    assert {person["id"] for person in answer.json()["data"]["assigned"]} == {1, member["id"]}
    assert cleared.json()["data"]["assigned"] == []
    assert errors(faulty) == {
        "assigned.1": ["The assigned.1 field must be an integer."],
        "assigned.2": ["The selected assigned.2 is invalid."],
        "assigned.3": ["The assigned.3 field is required."],
    }


@pytest.mark.parametrize("sent", ["", "&", "tag[]=a"])
async def test_an_array_that_is_not_sent_must_be_present(shared: Api, sent: str) -> None:
    lead = await shared.lead()

    answer = await form(shared, sent, f"/api/leads/{lead['id']}/tags", "PUT")

    assert errors(answer)["tags"] == ["The tags field must be present."]


async def test_a_blank_string_is_null_where_nullable_the_default_where_there_is_one_and_missing_where_required(
    api: Api,
) -> None:
    lead = await api.lead(lead_source="Web", lead_value="2.50", lead_last_contacted="2026-06-15")

    cleared = await form(api, "lead_source=&lead_value=+&lead_last_contacted=", f"/api/leads/{lead['id']}", "PATCH")
    defaulted = await form(api, "title=Won&color=&position=", "/api/lead-statuses")
    missing = await form(api, "lead_title=+&lead_status=&lead_categoryid=")

    data = cleared.json()["data"]
    assert (data["source"], data["value"], data["last_contacted"]) == (None, None, None)
    assert defaulted.json()["data"]["color"] == "default"
    assert errors(missing) == {
        "lead_title": ["The lead title field is required."],
        "lead_status": ["The lead status field is required."],
        "lead_categoryid": ["The lead categoryid field is required."],
    }


async def test_a_blank_string_means_the_same_in_json(api: Api) -> None:
    lead = await api.lead(lead_source="Web", lead_value="2.50")

    cleared = await api.patch(f"/api/leads/{lead['id']}", {"lead_source": "", "lead_value": " \t"})
    defaulted = await api.post("/api/lead-statuses", {"title": "Won", "color": " ", "position": ""})
    missing = await api.post("/api/leads", {"lead_title": "\n", "lead_status": "", "lead_categoryid": " "})

    assert (cleared.json()["data"]["source"], cleared.json()["data"]["value"]) == (None, None)
    assert defaulted.json()["data"]["color"] == "default"
    assert errors(missing).keys() == {"lead_title", "lead_status", "lead_categoryid"}


BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


async def test_booleans_are_true_false_1_0_yes_no_on_off(api: Api) -> None:
    shown = {}
    for number, word in enumerate(BOOLEANS):
        answer = await form(api, f"name=f{number}&title=F&datatype=text&is_enabled={word}", "/api/custom-fields")
        shown[word] = answer.json()["data"]["is_enabled"]

    assert shown == BOOLEANS


async def test_a_blank_boolean_is_its_default_and_another_word_is_a_fault(api: Api) -> None:
    blank = await form(api, "name=a&title=F&datatype=text&is_enabled=&is_required=", "/api/custom-fields")
    other = await form(api, "name=b&title=F&datatype=text&is_enabled=maybe&is_required=2", "/api/custom-fields")

    assert (blank.json()["data"]["is_enabled"], blank.json()["data"]["is_required"]) == (True, False)
    assert errors(other).keys() == {"is_enabled", "is_required"}


@pytest.mark.parametrize("sent", ["lead_title=a&lead_title=b", "lead_title[]=a&lead_title[]=b", "lead_title[]=a"])
async def test_several_values_for_a_field_that_takes_one_are_a_fault(shared: Api, sent: str) -> None:
    answer = await form(shared, f"lead_status=1&lead_categoryid=3&{sent}")

    assert errors(answer) == {"lead_title": ["The lead title field must be a string."]}


async def test_an_unknown_name_is_a_fault_in_forms_too(shared: Api) -> None:
    answer = await form(shared, "lead_title=a&lead_status=1&lead_categoryid=3&lead_titel=b&x[y]=1&t[]=1")

    assert errors(answer) == {
        "lead_titel": ["The lead titel field is not recognised."],
        "x[y]": ["The x[y] field is not recognised."],
        "t": ["The t field is not recognised."],
    }


@pytest.mark.parametrize(
    "content", [b"lead_title=%FF", b"lead_title=\xff", b"%FF=1", b"a=%ED%A0%80", b"a=%C3", b"\xc3\x28=1"]
)
async def test_a_form_that_is_not_utf_8_is_refused(shared: Api, content: bytes) -> None:
    answer = await form(shared, content)

    assert answer.status_code == 400
    assert_enveloped(answer)


async def test_a_form_of_very_many_names_is_refused_quickly(shared: Api) -> None:
    answer = await form(shared, b"&".join(b"a%d=1" % number for number in range(50_000)))

    assert answer.status_code == 400
    assert_enveloped(answer)


async def test_nul_and_other_control_characters_are_refused_in_forms_too(shared: Api) -> None:
    answer = await form(shared, "lead_title=a%00b&lead_status=1&lead_categoryid=3&lead_source=%1B")

    text = "The {} field contains characters that are not allowed."
    assert errors(answer) == {"lead_title": [text.format("lead title")], "lead_source": [text.format("lead source")]}


async def test_everywhere_arrays_may_have_indexes(shared: Api) -> None:
    lead = await shared.lead()
    items = [
        (await form(shared, f"checklistresource_type=lead&checklistresource_id={lead['id']}&checklist_text={n}",
                    "/api/checklists")).json()["data"]["id"]
        for n in range(2)
    ]  # fmt: skip
    field = "name=indexed&title=Colour&datatype=dropdown&options[1]=green&options[0]=blue"

    answers = [
        await form(shared, "assigned[0]=1", f"/api/leads/{lead['id']}/assigned", "PUT"),
        await form(
            shared, f"checklist_ids[3]={items[0]}&checklist_ids[1]={items[1]}", "/api/checklists/positions", "PUT"
        ),
        made := await form(shared, field, "/api/custom-fields"),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 201]
    assert made.json()["data"]["options"] == ["blue", "green"]
    await shared.delete(f"/api/custom-fields/{made.json()['data']['id']}")


async def test_a_bad_item_is_keyed_by_its_place(shared: Api) -> None:
    lead = await shared.lead()

    answer = await form(shared, "assigned[7]=1&assigned[9]=x", f"/api/leads/{lead['id']}/assigned", "PUT")

    assert errors(answer) == {"assigned.1": ["The assigned.1 field must be an integer."]}


async def test_an_array_written_in_two_ways_is_refused(shared: Api) -> None:
    lead = await shared.lead()

    answer = await form(shared, "tags[]=a&tags[0]=b", f"/api/leads/{lead['id']}/tags", "PUT")

    assert errors(answer) == {"tags": ["The tags field must not be written in more than one way."]}
