"""Documents as earlier and later versions write them (contract, section 6): read, listed and changed like any other."""

from collections.abc import Callable
from typing import Any

import pytest

from leads_api.access.keys import KeyStore
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from tests.api.endpoints import ENDPOINTS, make_records
from tests.client import Api, Json
from tests.conftest import Serve

EPOCH = "1970-01-01T00:00:00.000000Z"
LISTS = {"leads": "/api/leads", "clients": "/api/clients", "lead_statuses": "/api/lead-statuses",
         "categories": "/api/categories", "users": "/api/team", "custom_fields": "/api/custom-fields",
         "webhooks": "/api/webhooks",
         "checklists": "/api/checklists?resource_type=lead&resource_id={lead}"}  # fmt: skip

Default = Callable[[Json], Json]
"""Returns what a record shows, given what it showed before."""


def shows(path: str, value: object) -> Default:
    """One member is another, all the rest is the same."""
    outer, _, inner = path.partition(".")
    return lambda before: before | {outer: before[outer] | {inner: value} if inner else value}


def same(before: Json) -> Json:
    return before


def never_updated(before: Json) -> Json:
    return before | {"dates": before["dates"] | {"updated": before["dates"]["created"]}}


CONTACT = ("first_name", "last_name", "email", "phone", "job_position", "company_name", "website")
ADDRESS = ("street", "city", "state", "zip", "country")
UNDATED = {"dates.created": shows("dates.created", EPOCH), "dates.updated": never_updated,
           "dates": shows("dates", {"created": EPOCH, "updated": EPOCH})}  # fmt: skip

LEAD: dict[str, Default] = {
    "title": shows("title", ""),
    "value": shows("value", None),
    "status": same,
    "active_state": same,
    "category": same,
    "source": shows("source", None),
    "last_contacted": shows("last_contacted", None),
    "description": shows("description", None),
    "contact": shows("contact", dict.fromkeys(CONTACT)),
    **{f"contact.{name}": shows(f"contact.{name}", None) for name in CONTACT},
    "address": shows("address", dict.fromkeys(ADDRESS)),
    **{f"address.{name}": shows(f"address.{name}", None) for name in ADDRESS},
    "converted": same,
    **{f"converted.{name}": same for name in ("is_converted", "client_id", "date")},
    "assigned": shows("assigned", []),
    "tags": shows("tags", []),
    "custom": shows("custom_fields", {"colour": None}),
    "comments": same,
    "comments_count": shows("comments_count", 0),
    "comments_bytes": same,
    "version": shows("version", 1),
    "external_id": shows("external_id", None),
    "folded": same,
    **{
        f"folded.{name}": same
        for name in ("title", "email", "source", "tags", "phone", "company_name", "last_name", "external_id")
    },
    "search": same,
    "merges": same,
    "change": same,
    "schema_version": same,
} | UNDATED
ITEM: dict[str, Default] = {
    "text": shows("text", ""),
    "status": shows("status", "pending"),
    "position": shows("position", 0),
    "creator": same,
    "comments": same,
    "comments_count": shows("comments_count", 0),
    "comments_bytes": same,
    "schema_version": same,
} | UNDATED
CLIENT: dict[str, Default] = {
    **{name: shows(name, None) for name in ("description", "phone", "website", "vat")},
    "company_name": shows("company_name", ""),
    "status": same,
    "category": same,
    "owner": shows("owner", {"id": 0, "name": ""}),
    "owner.id": shows("owner.id", 0),
    "owner.name": shows("owner.name", ""),
    "owner.email": same,
    "owner.folded_email": same,
    "billing": shows("billing", dict.fromkeys((*ADDRESS, "invoice_due_days"))),
    **{f"billing.{name}": shows(f"billing.{name}", None) for name in (*ADDRESS, "invoice_due_days")},
    "shipping": same,
    **{f"shipping.{name}": same for name in ADDRESS},
    "tags": same,
    "created_from_lead_id": shows("created_from_lead_id", 0),
    "search": same,
    "schema_version": same,
} | UNDATED
SETTING: dict[str, Default] = dict.fromkeys(
    ("deleted", "folded", "schema_version", "dates", "dates.created", "dates.updated"), same
)
STATUS = SETTING | {
    "title": shows("title", ""), "color": shows("color", "default"), "position": shows("position", 0),
    "is_system": same,
}  # fmt: skip
CATEGORY = SETTING | {"name": shows("name", ""), "type": same, "is_default": same}
MEMBER = SETTING | {
    "first_name": lambda before: before | {"first_name": "", "name": "Lee"},
    "last_name": lambda before: before | {"last_name": "", "name": "Sam"},
    "email": shows("email", ""),
    "status": same,
}
FIELD = SETTING | {
    "name": shows("name", ""), "title": shows("title", ""), "type": same, "datatype": shows("datatype", "text"),
    "options": shows("options", []), "is_required": same, "is_enabled": same, "on_standard_form": same,
    "position": shows("position", 0),
}  # fmt: skip
WEBHOOK = dict.fromkeys(("secret", "position", "schema_version", "dates.created", "dates.updated", "dates"), same) | {
    "url": shows("url", ""), "description": shows("description", None), "events": shows("events", []), "status": same,
} | UNDATED  # fmt: skip
SHOWN = {
    "leads": ("/api/leads/{lead}", LEAD),
    "checklists": ("/api/checklists/{item}", ITEM),
    "clients": ("/api/clients/{client}", CLIENT),
    "lead_statuses": ("/api/lead-statuses/{status}", STATUS),
    "categories": ("/api/categories/{category}", CATEGORY),
    "users": ("/api/team/{member}", MEMBER),
    "custom_fields": ("/api/custom-fields/{field}", FIELD),
    "webhooks": ("/api/webhooks/{webhook}", WEBHOOK),
}
NEEDED = {"leads": {"_id", "held"}, "checklists": {"_id", "lead"}, "users": {"_id", "type"}}
"""What a document is known by; `held` counts, and is shown to nobody."""


async def records(api: Api) -> dict[str, int]:
    """Create one record of each kind, with all its fields filled."""
    ids = await make_records(api)
    lead: Json = {
        "lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3, "lead_source": "Fair", "lead_value": "2500.00",
        "lead_last_contacted": "2026-01-31", "lead_description": "Big", "colour": "red",
        "lead_email": "jane@acme.example", "lead_company_name": "Acme", "lead_website": "acme.example",
        "lead_external_id": "crm-1",
    } | {f"lead_{name}": "there" for name in ("firstname", "lastname", "phone", "job_position", *ADDRESS)}  # fmt: skip
    for path, body in {"": lead, "/assigned": {"assigned": [1]}, "/tags": {"tags": ["priority"]}}.items():
        answer = await api.put(f"/api/leads/{ids['lead']}{path}", body)
        assert answer.status_code == 200, answer.text
    return ids


BY_CURSOR = [
    f"/api/leads?cursor=*&limit=1&sort=lead_{sort}" for sort in ("title", "value", "created", "last_contacted")
]


async def read_all(api: Api, ids: dict[str, int]) -> dict[str, Json]:
    """Return the answers of all endpoints that only read, and of lists by cursor."""
    paths = [
        endpoint.at(ids) + (f"?resource_type=lead&resource_id={ids['lead']}" if endpoint.query else "")
        for endpoint in ENDPOINTS
        if endpoint.method == "GET"
    ]
    return await read_each(api, paths + BY_CURSOR)


async def read_each(api: Api, paths: list[str]) -> dict[str, Json]:
    """Return the answers by path."""
    found = {}
    for path in paths:
        answer = await api.get(path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        found[path] = answer.json()
    return found


async def change_all(api: Api, ids: dict[str, int]) -> None:
    """Use every endpoint that writes, those that delete last."""
    for endpoint in ENDPOINTS:
        if endpoint.method != "GET":
            answer = await api.call(endpoint.method, endpoint.at(ids), endpoint.sent(ids))
            assert answer.status_code == endpoint.status, f"{endpoint.name}: {answer.text}"


@pytest.mark.parametrize("missing", [{"$unset": ""}, {"$set": None}], ids=["missing", "null"])
@pytest.mark.parametrize("collection", SHOWN)
async def test_what_an_earlier_version_did_not_write_has_its_default(
    serve: Serve, database: Database, collection: str, missing: dict[str, str | None]
) -> None:
    ((operator, nothing),) = missing.items()
    path, defaults = SHOWN[collection]
    async with serve(cache_seconds=0) as api:
        ids = await records(api)
        at = path.format(**ids)
        listing = LISTS[collection].format(**ids)
        before = (await api.get(at)).json()["data"]
        whole = await database[collection].find_one({"_id": before["id"]})
        assert whole

        for field, default in defaults.items():
            if field == "folded" and nothing is None and collection not in {"leads", "checklists", "clients"}:
                continue  # unique: of two documents with null, the second would be refused
            await database[collection].update_one({"_id": whole["_id"]}, {operator: {field: nothing}})
            await forget_settings(database)
            answers = await read_each(api, [at, listing, *BY_CURSOR])
            shown = answers[at]["data"]
            assert shown == default(before), field
            assert shown in answers[listing]["data"], field
            await database[collection].replace_one({"_id": whole["_id"]}, whole)


@pytest.mark.parametrize("collection", SHOWN)
async def test_records_that_lack_all_that_may_be_missing_are_changed_like_any_other(
    serve: Serve, database: Database, collection: str
) -> None:
    outer = [field for field in SHOWN[collection][1] if "." not in field]
    async with serve(cache_seconds=0) as api:
        ids = await records(api)
        used = {"users": ids["member"], "clients": ids["client"]}
        only = {"_id": used[collection]} if collection in used else {}
        # Comments and external ids stay: what is deleted and changed is there. An address is taken by a folded copy.
        kept = {"comments", "external_id"} | (
            {"folded"} if collection not in {"leads", "checklists", "clients"} else set()
        )
        await database[collection].update_many(only, {"$unset": dict.fromkeys({*outer} - kept, "")})
        await forget_settings(database)

        await read_all(api, ids)
        await change_all(api, ids)


@pytest.mark.parametrize("field", ["id", "text", "creator", "created"])
@pytest.mark.parametrize("nothing", [{}, None])
async def test_a_comment_that_lacks_a_field_is_listed(
    api: Api, database: Database, field: str, nothing: Json | None
) -> None:
    ids = await records(api)
    for collection, name in {"leads": "lead", "checklists": "item"}.items():
        document = await database[collection].find_one({"_id": ids[name]})
        assert document
        (comment,) = document["comments"]
        del comment[field]
        lacking = comment if nothing == {} else comment | {field: None}
        await database[collection].update_one({"_id": ids[name]}, {"$set": {"comments": [lacking]}})

    answers = await read_all(api, ids)

    for path in (f"/api/leads/{ids['lead']}/comments", f"/api/checklists/{ids['item']}/comments"):
        (shown,) = answers[path]["data"]
        default = {"id": 0, "text": "", "creator": {"id": 1, "name": "Admin"}, "created": EPOCH}[field]
        assert (shown["dates"] if field == "created" else shown)[field] == default


@pytest.mark.parametrize("field", ["name", "user", "scope", "created", "expires", "revoked", "hash", "schema_version"])
@pytest.mark.parametrize("missing", [{"$unset": ""}, {"$set": None}], ids=["missing", "null"])
async def test_a_key_that_lacks_a_field_is_valid_or_refused(
    serve: Serve, database: Database, field: str, missing: dict[str, str | None]
) -> None:
    ((operator, nothing),) = missing.items()
    async with serve(cache_seconds=0) as api:
        key, text = await KeyStore(database, Ids(database)).create("integration", user=1)
        await database["keys"].update_one({"_id": key.id}, {operator: {field: nothing}})

        answer = await api.call("GET", "/api/leads", headers={"Authorization": f"Bearer {text}"})

    assert answer.status_code == (401 if field in {"user", "hash"} else 200)


async def test_records_that_refer_to_lost_settings_are_shown(serve: Serve, database: Database) -> None:
    async with serve(cache_seconds=0) as api:
        ids = await records(api)
        lead, member = ids["lead"], ids["member"]
        changed = [
            await api.put(f"/api/leads/{lead}/assigned", {"assigned": [member]}),
            await api.put(f"/api/leads/{lead}/status", {"status": ids["status"]}),
            await api.patch(f"/api/leads/{lead}", {"lead_categoryid": ids["category"]}),
        ]
        assert [answer.status_code for answer in changed] == [200] * 3
        await database["leads"].update_one({"_id": lead}, {"$set": {"comments.0.creator": member}})
        await database["clients"].update_one({"_id": ids["client"]}, {"$set": {"category": 99}})
        await database["lead_statuses"].delete_one({"_id": ids["status"]})
        await database["categories"].delete_one({"_id": ids["category"]})
        await database["users"].update_one({"_id": member}, {"$unset": {"type": ""}})
        await forget_settings(database)

        shown = await api.shown(lead)
        listed = (await api.get("/api/leads")).json()["data"]
        (comment,) = (await api.get(f"/api/leads/{lead}/comments")).json()["data"]
        client = (await api.get(f"/api/clients/{ids['client']}")).json()["data"]
        clients = (await api.get("/api/clients")).json()["data"]

    assert shown["status"] == {"id": ids["status"], "title": "", "color": "default"}
    assert shown["category"] == {"id": ids["category"], "name": ""}
    assert shown["assigned"] == [{"id": member, "name": ""}]
    assert shown in listed
    assert comment["creator"] == {"id": member, "name": ""}
    assert client["category"] == {"id": 99, "name": ""}
    assert clients == [client]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    "sorted_by",
    [
        ("lead_title", "folded.title"), ("lead_title", "folded"), ("lead_created", "dates.created"),
        ("lead_created", "dates"), ("lead_value", "value"), ("lead_last_contacted", "last_contacted"),
    ],
    ids=lambda sorted_by: sorted_by[1],
)  # fmt: skip
async def test_a_walk_meets_leads_that_lack_what_it_is_sorted_by(
    api: Api, database: Database, store: str, sorted_by: tuple[str, str], order: str
) -> None:
    sort, field = sorted_by
    ids = [(await api.lead(lead_value=1, lead_last_contacted="2026-01-01"))["id"] for _ in range(6)]
    await database["leads"].update_one({"_id": ids[1]}, {"$unset": {field: ""}})
    # mongomock takes a member of null for something else than null.
    null = {"$unset": {field: ""}} if store == "mock" and field in {"folded", "dates"} else {"$set": {field: None}}
    await database["leads"].update_one({"_id": ids[3]}, null)
    met: list[int] = []
    cursor: str | None = "*"
    while cursor is not None:
        answer = await api.get("/api/leads", sort=sort, order=order, limit=1, cursor=cursor)
        assert answer.status_code == 200, answer.text
        met += [lead["id"] for lead in answer.json()["data"]]
        cursor = answer.json()["meta"]["next_cursor"]

    expected = [ids[1], ids[3], ids[0], ids[2], ids[4], ids[5]]
    assert met == (expected if order == "asc" else expected[::-1])


async def forget_settings(database: Database) -> None:
    """Let caches read the settings anew."""
    await database["catalog"].update_one({"_id": "catalog"}, {"$inc": {"revision": 1}})


async def test_what_a_later_version_has_added_is_left_out_and_stays(serve: Serve, database: Database) -> None:
    async with serve() as api:
        ids = await records(api)
        before = at_rest(await read_all(api, ids))
    for name in await database.list_collection_names():
        if not name.startswith(("system.", "blobs")):
            async for document in database[name].find():
                await database[name].replace_one({"_id": document["_id"]}, later(document) | {"schema_version": 1000})

    async with serve() as api:
        assert at_rest(await read_all(api, ids)) == before
        await api.patch(f"/api/leads/{ids['lead']}", {"lead_phone": "1", "lead_email": "new@acme.example"})
        await api.patch(f"/api/team/{ids['member']}", {"last_name": "Leigh"})
        lead = await database["leads"].find_one({"_id": ids["lead"]})
        member = await database["users"].find_one({"_id": ids["member"]})
        assert lead
        assert (lead["later"], lead["contact"]["later"], lead["schema_version"]) == (True, True, 1000)
        assert member
        assert (member["later"], member["schema_version"]) == (True, 1000)
        await change_all(api, ids)


def at_rest(answers: dict[str, Json]) -> dict[str, Json]:
    """Return the answers without those about what background tasks write."""
    return {path: answer for path, answer in answers.items() if not path.endswith(("/events", "/deliveries"))}


def later(value: Any) -> Any:
    """Return a document with one more field, in each part of it as well."""
    if isinstance(value, dict):
        return {name: later(inner) for name, inner in value.items()} | {"later": True}
    return [later(item) for item in value] if isinstance(value, list) else value


async def test_every_field_of_every_record_is_one_that_may_be_missing(api: Api, database: Database) -> None:
    await records(api)

    for collection, (_, known) in SHOWN.items():
        only = {"type": "team"} if collection == "users" else {}
        async for document in database[collection].find(only):
            paths = {f"{name}.{inner}" for name, part in document.items() if isinstance(part, dict) for inner in part}
            written = {path for path in paths if not path.startswith(("change.", "custom."))} | document.keys()
            assert written - NEEDED.get(collection, {"_id"}) <= known.keys()


async def test_every_document_that_is_written_says_its_form(api: Api, database: Database) -> None:
    await change_all(api, await records(api))

    for name in await database.list_collection_names():
        if name != "migrations" and not name.startswith("system."):
            assert [document async for document in database[name].find({"schema_version": {"$not": {"$gte": 2}}})] == []
