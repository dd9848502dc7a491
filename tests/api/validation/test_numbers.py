"""Integers and money, as they are written (contract, section 1)."""

import pytest

from tests.client import Api, Json


async def literally(api: Api, field: str, literal: str) -> tuple[int, Json]:
    """Send a field as it is written in JSON; return the status and the answer."""
    body = f'{{"lead_title": "A", "lead_status": 1, "lead_categoryid": 3, "{field}": {literal}}}'
    answer = await api.call("POST", "/api/leads", content=body.encode(), headers={"Content-Type": "application/json"})
    found: Json = answer.json()
    return answer.status_code, found


INTEGERS = {
    "3": True, '"3"': True, '"03"': True, "3.0": False, "3e0": False, "true": False, '" 3"': False, '"3 "': False,
    '"3.0"': False, '"+3"': False, '"0x3"': False, '"1_0"': False, '"\u0663"': False, '"\uff13"': False,
    '"\u00b3"': False, '"\\n3"': False, "[3]": False, '{"$eq": 3}': False, '"three"': False,
    '"--3"': False, '"-"': False,
}  # fmt: skip


async def test_integers_are_json_integers_or_their_decimal_digits(api: Api) -> None:
    field = await api.custom_field("places", "number")

    found = {literal: await literally(api, field["name"], literal) for literal in INTEGERS}

    assert {literal: status == 201 for literal, (status, _) in found.items()} == INTEGERS
    for literal, (_, answer) in found.items():
        if INTEGERS[literal]:
            assert answer["data"]["custom_fields"]["places"] == 3
        else:
            assert answer["errors"] == {"places": ["The places field must be an integer."]}


async def test_integers_are_within_64_bits(api: Api) -> None:
    await api.custom_field("places", "number")
    within = [-(2**63), -(2**63) + 1, -1, 0, 2**63 - 1]
    beyond = [-(2**63) - 1, 2**63, 2**64 - 1, 2**64, 10**25]

    for number in within:
        for literal in (f"{number}", f'"{number}"'):
            status, answer = await literally(api, "places", literal)
            assert (status, answer["data"]["custom_fields"]["places"]) == (201, number)
    for number in beyond:
        for literal in (f"{number}", f'"{number}"'):
            status, answer = await literally(api, "places", literal)
            assert (status, answer["errors"]) == (422, {"places": ["The places field must be an integer."]})


MONEY = {
    "0": "0.00", "1": "1.00", "2500": "2500.00", "2.5": "2.50", "2.675": "2.68", "1.005": "1.01", "0.125": "0.13",
    "2.665": "2.67", "0.004": "0.00", "0.005": "0.01", "1e2": "100.00", "1.5E1": "15.00", "1e-2": "0.01",
    "1e-400": "0.00",
    "99999999.99": "99999999.99", "99999999.994": "99999999.99", "99999999.9949999999999999999999999999": "99999999.99",
    "2.67499999999999999999999999999999999": "2.67", "0.1": "0.10", "33.333333333333333333": "33.33",
    '"2500"': "2500.00", '"2.675"': "2.68", '"0"': "0.00", '"007.5"': "7.50", '"99999999.99"': "99999999.99",
}  # fmt: skip


async def test_money_is_rounded_half_up_from_the_decimal_as_written(shared: Api) -> None:
    found = {literal: await literally(shared, "lead_value", literal) for literal in MONEY}

    assert {literal: answer.get("data", answer).get("value", answer) for literal, (_, answer) in found.items()} == MONEY


NEGATIVE, TOO_MUCH = "must be at least 0.", "must not be greater than 99999999.99."
NO_NUMBER = "must be a number."
BAD_MONEY = {
    "-1": NEGATIVE, '"-1"': NEGATIVE, '"-0.001"': NEGATIVE, '"-0"': NEGATIVE,
    "-0.001": NEGATIVE, "-1e-400": NEGATIVE, "-1e400": NEGATIVE,
    "99999999.995": TOO_MUCH, "100000000": TOO_MUCH, "1e8": TOO_MUCH, "1e400": TOO_MUCH,
    "18446744073709551616": TOO_MUCH, "123456789012345678901234567890": TOO_MUCH, '"99999999.995"': TOO_MUCH,
    '"NaN"': NO_NUMBER, '"Infinity"': NO_NUMBER, '"-Infinity"': NO_NUMBER, '"inf"': NO_NUMBER, '"sNaN"': NO_NUMBER,
    '"1e5"': NO_NUMBER, '"1E5"': NO_NUMBER, '".5"': NO_NUMBER, '"5."': NO_NUMBER, '"+5"': NO_NUMBER,
    '"1,000"': NO_NUMBER,
    '"1_000"': NO_NUMBER, '" 5"': NO_NUMBER, '"5 "': NO_NUMBER, '"0x10"': NO_NUMBER, '"\u0665"': NO_NUMBER,
    '"$5"': NO_NUMBER, '"5 EUR"': NO_NUMBER, "true": NO_NUMBER, "false": NO_NUMBER, "[]": NO_NUMBER, "[1]": NO_NUMBER,
    "{}": NO_NUMBER, '{"$numberDecimal": "1"}': NO_NUMBER, '"1\\n"': NO_NUMBER,
}  # fmt: skip


async def test_money_that_is_none_or_out_of_bounds_is_refused(shared: Api) -> None:
    found = {literal: await literally(shared, "lead_value", literal) for literal in BAD_MONEY}

    assert {literal: answer.get("errors", answer) for literal, (_, answer) in found.items()} == {
        literal: {"lead_value": [f"The lead value field {text}"]} for literal, text in BAD_MONEY.items()
    }


@pytest.mark.parametrize("literal", ["1e9999999999999999999999", "-1e9999999999999999999999"])
async def test_a_number_beyond_all_bounds_is_a_fault_of_its_field_not_of_the_json(shared: Api, literal: str) -> None:
    status, answer = await literally(shared, "lead_value", literal)

    assert (status, list(answer.get("errors", {}))) == (422, ["lead_value"])
