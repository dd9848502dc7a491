"""GET /api/clients and /api/clients/{id} (contract, section 4, and "Convert" for what a client is)."""

from typing import Any

import pytest

from tests.client import Api, Json, errors


async def _found(api: Api, **query: Any) -> list[int]:
    answer = await api.get("/api/clients", **query)
    assert answer.status_code == 200, answer.text
    return [client["id"] for client in answer.json()["data"]]


async def _client(api: Api, company: str | None = None, **owner: str) -> Json:
    lead = await api.lead(lead_company_name=company)
    return await api.client(lead["id"], **owner)


async def test_a_client_is_shown_as_conversion_answered_it(api: Api) -> None:
    client = await _client(api, "Acme Inc")

    answer = await api.get(f"/api/clients/{client['id']}")

    assert answer.status_code == 200
    assert answer.json() == {"data": client, "message": "Client retrieved successfully."}


async def test_an_unknown_client_is_not_found(api: Api) -> None:
    answer = await api.get("/api/clients/1")

    assert (answer.status_code, answer.json()) == (404, {"message": "Client not found."})


async def test_clients_are_listed_newest_first_with_meta(api: Api) -> None:
    clients = [await _client(api) for _ in range(3)]

    answer = await api.get("/api/clients")

    assert answer.status_code == 200
    assert list(answer.json()) == ["data", "meta", "message"]
    assert answer.json()["data"] == clients[::-1]
    assert answer.json()["meta"] == {"current_page": 1, "per_page": 25, "total": 3, "last_page": 1}
    assert answer.json()["message"] == "Clients retrieved successfully."


async def test_no_clients_are_an_empty_list(api: Api) -> None:
    answer = await api.get("/api/clients")

    assert answer.json()["data"] == []
    assert answer.json()["meta"] == {"current_page": 1, "per_page": 25, "total": 0, "last_page": 1}


@pytest.mark.parametrize(
    ("query", "places", "meta"),
    [
        ({"limit": 2}, [2, 1], {"current_page": 1, "per_page": 2, "total": 3, "last_page": 2}),
        ({"limit": 2, "page": 2}, [0], {"current_page": 2, "per_page": 2, "total": 3, "last_page": 2}),
        ({"limit": 2, "page": 7}, [], {"current_page": 7, "per_page": 2, "total": 3, "last_page": 2}),
        ({"limit": 101}, [2, 1, 0], {"current_page": 1, "per_page": 100, "total": 3, "last_page": 1}),
    ],
)
async def test_the_list_comes_in_pages(api: Api, query: Json, places: list[int], meta: Json) -> None:
    clients = [await _client(api) for _ in range(3)]

    answer = await api.get("/api/clients", **query)

    assert answer.json()["data"] == [clients[place] for place in places]
    assert answer.json()["meta"] == meta


async def test_the_email_is_the_owners_exact_and_in_any_case(api: Api) -> None:
    jane = await _client(api, email="Jane.Doe@acme.example")
    await _client(api, email="jane.doe@acme.example.org")

    assert await _found(api, email="jane.DOE@Acme.example") == [jane["id"]]
    assert await _found(api, email="doe@acme.example") == []


@pytest.mark.parametrize(
    "search",
    ["müller", "MULLER", "llers bäck", "backerei muellers ", "zoë", "quest", "zoe@bakery", "öberg muller"],
)
async def test_the_search_looks_at_the_company_and_the_owner_without_case_and_accents(api: Api, search: str) -> None:
    wanted = await _client(
        api, "Müllers Bäckerei (Muellers)", first_name="Zoë", last_name="Öberg-Quest", email="zoe@bakery.example"
    )
    await _client(api, "Acme Inc", first_name="Jane", last_name="Doe", email="jane@acme.example")

    assert await _found(api, search=search) == [wanted["id"]]


@pytest.mark.parametrize("search", ["acme zoë", "a*", "a.c", "$ne", "jane doe nobody", "(", "\\"])
async def test_every_word_must_occur_and_nothing_is_an_operator(api: Api, search: str) -> None:
    await _client(api, "Acme Inc", first_name="Jane", last_name="Doe", email="jane@acme.example")

    assert await _found(api, search=search) == []


async def test_filters_combine_with_and(api: Api) -> None:
    await _client(api, "Acme One", email="one@acme.example")
    two = await _client(api, "Acme Two", email="two@acme.example")

    assert await _found(api, search="acme", email="two@acme.example") == [two["id"]]
    assert await _found(api, search="one", email="two@acme.example") == []


async def test_empty_filters_are_as_if_absent(api: Api) -> None:
    client = await _client(api)

    assert await _found(api, search=" ", email="", page="", limit="") == [client["id"]]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("limit=0", {"limit": ["The limit field must be at least 1."]}),
        ("page=x", {"page": ["The page field must be an integer."]}),
        ("name=Acme", {"name": ["The name field is not recognised."]}),
        ("page=0&status=active", {
            "page": ["The page field must be at least 1."], "status": ["The status field is not recognised."]
        }),
    ],
)  # fmt: skip
async def test_a_bad_query_never_returns_the_whole_list(api: Api, query: str, fault: dict[str, list[str]]) -> None:
    assert errors(await api.call("GET", f"/api/clients?{query}")) == fault


async def test_a_parameter_given_twice_is_refused(api: Api) -> None:
    answer = await api.call("GET", "/api/clients?email=a@x.example&email=b@x.example")

    assert list(errors(answer)) == ["email"]


async def test_the_category_is_shown_by_its_present_name(api: Api) -> None:
    client = await _client(api)

    await api.patch("/api/categories/2", {"name": "Customers"})

    shown = (await api.get(f"/api/clients/{client['id']}")).json()["data"]
    assert shown["category"] == {"id": 2, "name": "Customers"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_clients_are_read_only_here(api: Api, method: str) -> None:
    client = await _client(api)

    of_one = await api.call(method, f"/api/clients/{client['id']}")
    of_all = await api.call(method, "/api/clients")

    assert [of_one.status_code, of_all.status_code] == [405, 405]
