"""No parameter of any kind reaches the database as an operator, a path or code (contract, section 1).

Operators as values in JSON are in tests/api/validation/test_bad_input.py.
"""

from urllib.parse import quote, urlencode

from leads_api.mongo.client import Database
from tests.api.endpoints import ENDPOINTS, FORM, WITH_FORM, as_form, make_records
from tests.api.openapi.reading import of_table
from tests.attacks.test_mass_assignment import document_of, keys_of
from tests.client import Api, errors

OPERATORS = ["$ne", "$gt", "$where", "$regex", "$in", "$exists", "$expr", "$function"]
CODE = ["'; return true; var a='", "1; sleep(1000)", "function() { return true }", "this.title == this.title || 'a'"]
TEXTS = ["$where", "$ne", '{"$gt": ""}', "$$ROOT", "$title", "a.b", "__proto__", "constructor", "' || '1'=='1", *CODE]


async def test_an_operator_in_brackets_is_a_field_that_nobody_knows(api: Api) -> None:
    ids = await make_records(api)
    for endpoint in WITH_FORM:
        body = endpoint.sent(ids) or {}
        for name in body:
            for operator in OPERATORS[:3]:
                key = f"{name}[{operator}]"
                form = as_form(body) + b"&" + urlencode({key: "1"}).encode()
                answer = await api.call(endpoint.method, endpoint.at(ids), content=form, headers={"Content-Type": FORM})
                assert list(errors(answer)) == [key], endpoint.name


async def test_no_query_parameter_takes_an_operator(api: Api) -> None:
    ids = await make_records(api)
    table = of_table(await document_of(api))
    for endpoint in ENDPOINTS:
        for parameter in table[endpoint.name].spec.get("parameters", []):
            if parameter["in"] != "query":
                continue
            name = parameter["name"]
            for key in (f"{name}[$ne]", f"{name}[$gt]", f"{name}[]", f"{name}.$ne", f"{name}[0]", f"${name}"):
                answer = await api.get(f"{endpoint.at(ids)}?{endpoint.query}&{quote(key)}=1")
                assert key in errors(answer), endpoint.name


async def test_what_looks_like_an_operator_or_code_finds_nothing(api: Api) -> None:
    await api.lead(lead_title="Plain", lead_source="Web", lead_email="jane@acme.example")
    for text in TEXTS:
        for name in ("search", "source", "tag"):
            answer = await api.get(f"/api/leads?{name}={quote(text)}")
            assert (answer.status_code, answer.json()["data"]) == (200, []), (name, text)
        for name in (
            "status",
            "category_id",
            "assigned_user_id",
            "email",
            "created_from",
            "value_min",
            "sort",
            "cursor",
        ):
            answer = await api.get(f"/api/leads?{name}={quote(text)}")
            assert list(errors(answer)) == [name], text


async def test_what_looks_like_an_operator_or_code_is_kept_and_found_to_the_letter(
    api: Api, database: Database
) -> None:
    await api.custom_field()
    known = set(keys_of({"all": [found async for found in database["leads"].find()]}))
    for text in TEXTS:
        lead = await api.lead(lead_title=text, lead_source=text, lead_description=text, colour=text)
        path = f"/api/leads/{lead['id']}"
        assert (await api.put(f"{path}/tags", {"tags": [text]})).json()["data"]["tags"] == [text]
        await api.comment(lead["id"], text)
        shown = await api.shown(lead["id"])
        assert [shown["title"], shown["source"], shown["custom_fields"]["colour"]] == [text] * 3
        for name in ("source", "tag"):
            found = (await api.get(f"/api/leads?{name}={quote(text)}")).json()["data"]
            assert [one["id"] for one in found] == [lead["id"]], (name, text)
    stored = [found async for found in database["leads"].find()]
    keys = set(keys_of({"all": stored})) - known
    assert keys
    assert not [key for key in keys if "$" in key or "." in key or key.startswith("__")]


async def test_no_path_takes_an_operator(api: Api) -> None:
    ids = await make_records(api)

    for part in ('{"$gt":0}', "$where", "%24ne", "1;", "1%00", "1'--", "[1]", "1,2", "__proto__", "+1"):
        for endpoint in ENDPOINTS:
            if "{" in endpoint.path and "{external_id}" not in endpoint.path:
                path = endpoint.path[: endpoint.path.index("{")] + part + endpoint.path[endpoint.path.index("}") + 1 :]
                path = endpoint._replace(path=path).at(ids) if "{" in path.replace(part, "") else path
                answer = await api.call(endpoint.method, path, endpoint.sent(ids))
                assert answer.status_code == 404, path


async def test_an_operator_in_the_place_of_an_external_id_is_a_text(api: Api) -> None:
    other = await api.lead(lead_external_id="other")

    for text in ('{"$gt":0}', '{"$ne":null}', "$where", "[1]", "__proto__", ".*", "^o", "lead_id", "a.b"):
        path = f"/api/leads/by-external-id/{quote(text, safe='')}"
        assert (await api.get(path)).status_code == 404
        assert (await api.get("/api/leads", external_id=text)).json()["data"] == []
        made = await api.put(path, {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3})
        assert (made.status_code, made.json()["data"]["external_id"]) == (201, text)
    assert await api.shown(other["id"]) == other


async def test_no_name_of_a_field_is_a_path_an_operator_or_a_prototype(api: Api) -> None:
    ids = await make_records(api)
    names = ["$set", "$where", "a.b", "dates.updated", "__proto__", "constructor", "prototype", "$", ".", "a\0b", "_id"]
    for endpoint in WITH_FORM:
        answer = await api.call(endpoint.method, endpoint.at(ids), (endpoint.sent(ids) or {}) | dict.fromkeys(names, 1))
        assert set(errors(answer)) == set(names), endpoint.name


async def test_no_custom_field_has_the_name_of_a_path_an_operator_or_a_prototype(api: Api) -> None:
    for name in (
        "$ne",
        "a.b",
        "a$b",
        "__proto__",
        "_id",
        "A",
        "a\0",
        "a b",
        "lead_title",
        "lead_status",
        "",
        "é",
        "1a",
    ):
        answer = await api.post("/api/custom-fields", {"name": name, "title": "T", "datatype": "text"})
        assert list(errors(answer)) == ["name"], name


async def test_no_value_of_a_custom_field_is_an_operator(api: Api) -> None:
    for datatype in ("text", "paragraph", "number", "decimal", "date", "checkbox", "dropdown"):
        options = {"options": ["a", "b"]} if datatype == "dropdown" else {}
        await api.custom_field(f"a_{datatype}", datatype, **options)
        lead = await api.lead()
        for value in (
            {"$gt": ""},
            {"$ne": None},
            [{"$gt": ""}],
            [1],
            {"$numberLong": "1"},
            {"$date": 0},
            {"$oid": "a" * 24},
        ):
            for method, path in (("PATCH", f"/api/leads/{lead['id']}"), ("POST", "/api/leads")):
                body = {"lead_title": "A", "lead_status": 1, "lead_categoryid": 3, f"a_{datatype}": value}
                assert list(errors(await api.call(method, path, body))) == [f"a_{datatype}"]


async def test_of_two_members_with_one_name_only_the_one_that_was_checked_counts(api: Api) -> None:
    for first, last in (("1", '{"$gt": 0}'), ('{"$gt": 0}', '{"$gt": 0}')):
        body = f'{{"lead_title": "A", "lead_status": {first}, "lead_categoryid": 3, "lead_status": {last}}}'
        answer = await api.call("POST", "/api/leads", content=body, headers={"Content-Type": "application/json"})
        assert list(errors(answer)) == ["lead_status"]
