"""What all four settings have in common (contract, sections 1 and 4)."""

from typing import Any, NamedTuple

import pytest

from tests.client import Api, Json, errors
from tests.conftest import Serve


class Setting(NamedTuple):
    """One row of the contract's table, and what a test sends to it."""

    path: str
    noun: str
    plural: str
    new: Json
    changes: Json
    shipped: int


SETTINGS = [
    Setting("/api/lead-statuses", "Lead status", "Lead statuses", {"title": "Negotiation"}, {"title": "Haggling"}, 6),
    Setting(
        "/api/categories", "Category", "Categories", {"name": "Partners", "type": "lead"}, {"name": "Resellers"}, 2
    ),
    Setting(
        "/api/team",
        "Team member",
        "Team members",
        {"first_name": "Sam", "last_name": "Lee", "email": "sam@crm.example"},
        {"first_name": "Samuel"},
        1,
    ),
    Setting(
        "/api/custom-fields",
        "Custom field",
        "Custom fields",
        {"name": "colour", "title": "Colour", "datatype": "text"},
        {"title": "Hue"},
        0,
    ),
]
all_settings = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.path.rpartition("/")[2])


@pytest.fixture
async def record(api: Api, setting: Setting) -> Json:
    answer = await api.post(setting.path, setting.new)
    made: Json = answer.json()["data"]
    return made


@all_settings
async def test_creating_one_answers_with_it_and_where_it_is(api: Api, setting: Setting) -> None:
    answer = await api.post(setting.path, setting.new)

    assert answer.status_code == 201
    made = answer.json()["data"]
    assert answer.json()["message"] == f"{setting.noun} created successfully."
    assert setting.new.items() <= made.items()
    assert answer.headers["Location"] == f"{setting.path}/{made['id']}"
    shown = await api.get(f"{setting.path}/{made['id']}")
    assert shown.status_code == 200
    assert shown.json() == {"data": made, "message": f"{setting.noun} retrieved successfully."}


@all_settings
async def test_a_form_creates_and_changes_as_json_does(api: Api, setting: Setting) -> None:
    created = await api.post(setting.path, data=setting.new)
    made = created.json()["data"]

    changed = await api.patch(f"{setting.path}/{made['id']}", data=setting.changes)

    assert created.status_code == 201
    assert setting.new.items() <= made.items()
    assert changed.status_code == 200
    assert setting.changes.items() <= changed.json()["data"].items()


@all_settings
async def test_a_patch_changes_what_it_names_and_nothing_else(api: Api, setting: Setting, record: Json) -> None:
    answer = await api.patch(f"{setting.path}/{record['id']}", setting.changes)

    expected = record | setting.changes
    if "name" in record and "first_name" in record:
        expected["name"] = f"{expected['first_name']} {expected['last_name']}"
    assert answer.status_code == 200
    assert answer.json() == {"data": expected, "message": f"{setting.noun} updated successfully."}
    shown = await api.get(f"{setting.path}/{record['id']}")
    assert shown.json()["data"] == expected


@all_settings
async def test_a_patch_without_any_field_is_a_fault_of_the_body(api: Api, setting: Setting, record: Json) -> None:
    answer = await api.patch(f"{setting.path}/{record['id']}", {})

    assert errors(answer).keys() == {"body"}


@all_settings
async def test_a_deleted_one_is_gone_from_every_endpoint(api: Api, setting: Setting, record: Json) -> None:
    path = f"{setting.path}/{record['id']}"

    answer = await api.delete(path)

    assert answer.status_code == 200
    assert answer.json() == {"data": {"id": record["id"]}, "message": f"{setting.noun} deleted successfully."}
    listed = await api.get(setting.path)
    assert listed.json()["meta"]["total"] == setting.shipped
    assert record["id"] not in [other["id"] for other in listed.json()["data"]]
    gone = [await api.get(path), await api.patch(path, setting.changes), await api.delete(path)]
    assert [other.status_code for other in gone] == [404, 404, 404]


@all_settings
async def test_what_was_unique_of_a_deleted_one_can_be_used_again_but_its_id_never(
    api: Api, setting: Setting, record: Json
) -> None:
    await api.delete(f"{setting.path}/{record['id']}")

    again = await api.post(setting.path, setting.new)

    assert again.status_code == 201
    assert again.json()["data"]["id"] > record["id"]


@all_settings
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_id_is_told_by_the_noun(untouched: Api, setting: Setting, method: str) -> None:
    body = setting.changes if method == "PATCH" else None

    answer = await untouched.call(method, f"{setting.path}/999", body)

    assert answer.status_code == 404
    assert answer.json() == {"message": f"{setting.noun} not found."}


@all_settings
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_an_unknown_field_is_named(untouched: Api, setting: Setting, method: str) -> None:
    path, body = (setting.path, setting.new) if method == "POST" else (f"{setting.path}/1", setting.changes)

    answer = await untouched.call(method, path, body | {"foo_bar": 1})

    assert errors(answer) == {"foo_bar": ["The foo bar field is not recognised."]}


@all_settings
async def test_nobody_but_the_service_gives_ids_and_marks(untouched: Api, setting: Setting) -> None:
    answer = await untouched.post(setting.path, setting.new | {"id": 77, "is_system": True, "is_default": True})

    assert errors(answer) == {
        "id": ["The id field is not recognised."],
        "is_system": ["The is system field is not recognised."],
        "is_default": ["The is default field is not recognised."],
    }


@all_settings
async def test_faults_of_the_body_come_before_the_missing_record(untouched: Api, setting: Setting) -> None:
    answer = await untouched.patch(f"{setting.path}/999", {"foo": 1})

    assert answer.status_code == 422


@all_settings
async def test_walking_the_pages_meets_each_once(api: Api, setting: Setting) -> None:
    for number in range(5):
        body = {
            key: value if key in {"type", "datatype"} else f"{'a' * number}{value}"
            for key, value in setting.new.items()
        }
        assert (await api.post(setting.path, body)).status_code == 201
    total = setting.shipped + 5
    last = -(-total // 2)

    pages = [(await api.get(setting.path, page=page, limit=2)).json() for page in range(1, last + 2)]

    assert [page["meta"] for page in pages] == [
        {"current_page": page, "per_page": 2, "total": total, "last_page": last} for page in range(1, last + 2)
    ]
    whole = (await api.get(setting.path)).json()
    assert [record for page in pages for record in page["data"]] == whole["data"]
    assert len(whole["data"]) == total
    assert pages[-1]["data"] == []
    assert whole["message"] == f"{setting.plural} retrieved successfully."
    assert list(whole) == ["data", "meta", "message"]


@all_settings
@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ({"page": "0"}, {"page": ["The page field must be at least 1."]}),
        ({"limit": "0"}, {"limit": ["The limit field must be at least 1."]}),
        ({"limit": "ten"}, {"limit": ["The limit field must be an integer."]}),
        ({"page": "9223372036854775808"}, {"page": ["The page field must be an integer."]}),
        ({"colour": "red"}, {"colour": ["The colour field is not recognised."]}),
    ],
)
async def test_a_bad_query_is_told(untouched: Api, setting: Setting, query: Json, fault: Any) -> None:
    answer = await untouched.get(setting.path, **query)

    assert errors(answer) == fault


@all_settings
async def test_a_parameter_given_twice_is_a_fault(untouched: Api, setting: Setting) -> None:
    answer = await untouched.get(f"{setting.path}?page=1&page=2")

    assert errors(answer).keys() == {"page"}


@all_settings
async def test_a_large_limit_is_capped_and_the_last_of_all_pages_is_no_burden(untouched: Api, setting: Setting) -> None:
    answer = await untouched.get(setting.path, limit=101, page=2**63 - 1)

    assert answer.status_code == 200
    assert answer.json()["data"] == []
    assert answer.json()["meta"] == {
        "current_page": 2**63 - 1,
        "per_page": 100,
        "total": setting.shipped,
        "last_page": 1,
    }


async def test_the_default_length_of_a_page_is_a_setting(serve: Serve) -> None:
    async with serve(default_limit=4) as api:
        answer = await api.get("/api/lead-statuses")

    assert len(answer.json()["data"]) == 4
    assert answer.json()["meta"] == {"current_page": 1, "per_page": 4, "total": 6, "last_page": 2}


@all_settings
async def test_without_a_key_there_is_nothing_to_see(untouched: Api, setting: Setting) -> None:
    answers = [
        await untouched.http.request(method, path)
        for method, path in [("GET", setting.path), ("POST", setting.path), ("DELETE", f"{setting.path}/1")]
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


@all_settings
async def test_there_is_no_put(api: Api, setting: Setting, record: Json) -> None:
    answer = await api.put(f"{setting.path}/{record['id']}", setting.new)

    assert answer.status_code == 405
    assert {"GET", "HEAD", "PATCH", "DELETE"} <= set(answer.headers["Allow"].split(", "))
    assert answer.json() == {"message": "Method not allowed."}
