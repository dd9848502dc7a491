"""What app/leads_api/validation/values.py makes of values, as tables."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from leads_api.validation import values
from leads_api.validation.values import MAX_CENTS, Convert, Wrong, is_blank

WHOLE, NUMBER, STRING = (
    "The {} field must be an integer.",
    "The {} field must be a number.",
    "The {} field must be a string.",
)
DATE, MAIL = "The {} field must be a valid date.", "The {} field must be a valid email address."
ODD, SELECTED = "The {} field contains characters that are not allowed.", "The selected {} is invalid."


def outcome(convert: Convert, value: object) -> Any:
    """Return what a rule makes of a value, or its text."""
    try:
        return convert(value)
    except Wrong as wrong:
        return wrong.text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0), (-5, -5), ("5", 5), ("-5", -5), ("007", 7), ("-0", 0), (2**63 - 1, 2**63 - 1), (-(2**63), -(2**63)),
        (f"{2**63 - 1}", 2**63 - 1), (2**63, WHOLE), (-(2**63) - 1, WHOLE), (f"{2**63}", WHOLE), ("9" * 100, WHOLE),
        (True, WHOLE), (False, WHOLE), (3.0, WHOLE), (Decimal(3), WHOLE), (" 3", WHOLE), ("3 ", WHOLE), ("3\n", WHOLE),
        ("+3", WHOLE), ("3.0", WHOLE), ("1_0", WHOLE), ("\u0663", WHOLE), ("\u00b2", WHOLE), ("", WHOLE), ([], WHOLE),
    ],
)  # fmt: skip
def test_an_integer(value: object, expected: object) -> None:
    found = outcome(values.integer(), value)

    assert (found, type(found)) == (expected, type(expected))


def test_an_integer_within_bounds() -> None:
    convert = values.integer(1, 10)

    assert [outcome(convert, value) for value in (1, "10", 0, 11, "-1", 2**63)] == [
        1,
        10,
        "The {} field must be at least 1.",
        "The {} field must not be greater than 10.",
        "The {} field must be at least 1.",
        WHOLE,
    ]


LOW, HIGH = "The {} field must be at least 0.", "The {} field must not be greater than 99999999.99."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0), (1, 100), ("2.675", 268), (Decimal("2.675"), 268), (Decimal("2.6749999999999999999999999999999"), 267),
        (Decimal("1.005"), 101), (Decimal("0.004"), 0), (Decimal("0.005"), 1), (Decimal("1e2"), 10_000),
        (Decimal("99999999.994"), MAX_CENTS), (Decimal("99999999.995"), HIGH), (Decimal("1e400"), HIGH), (10**30, HIGH),
        (Decimal("-0.001"), LOW), (Decimal("-1e400"), LOW), (-1, LOW), (Decimal("1e-400"), 0),
        (Decimal("NaN"), NUMBER), (Decimal("Infinity"), NUMBER), (Decimal("sNaN"), NUMBER), ("NaN", NUMBER),
        ("1e5", NUMBER),
        (".5", NUMBER), ("5.", NUMBER), ("+5", NUMBER), (" 5", NUMBER), ("5\n", NUMBER), ("1_0", NUMBER),
        ("\u0665", NUMBER),
        ("1" * 101, NUMBER), (True, NUMBER), (2.5, NUMBER), ([], NUMBER), ({}, NUMBER),
    ],
)  # fmt: skip
def test_money(value: object, expected: object) -> None:
    assert outcome(values.cents(0, MAX_CENTS), value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("-2.5", -250), (Decimal("-2.675"), -268), (Decimal("-0.004"), 0), ("-2.675", -268)]
)
def test_a_decimal_may_be_negative_where_its_bounds_allow_it(value: object, expected: int) -> None:
    assert outcome(values.cents(-(2**63), 2**63 - 1), value) == expected


@pytest.mark.parametrize(
    ("cents", "shown"),
    [(0, "0.00"), (5, "0.05"), (250_000, "2500.00"), (MAX_CENTS, "99999999.99"), (-5, "-0.05"), (-250, "-2.50")],
)
def test_money_is_shown_with_two_decimals(cents: int, shown: str) -> None:
    assert values.shown_cents(cents) == shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"), ("  a \n", "a"), ("a\tb\rc", "a\tb\rc"), ("a\nb", "a\nb"), ("é" * 5, "é" * 5),
        ("  12345  ", "12345"),
        ("123456", "The {} field must not be greater than 5 characters."), ("<b>", "<b>"), ("\U0001f600" * 5,) * 2,
        ("a\x00", ODD), ("a\x0b", ODD), ("\x1b", ODD), ("\x7f", ODD), ("\x1fa", ODD), (1, STRING), (None, STRING),
        (True, STRING), (["a"], STRING), ({"$gt": ""}, STRING),
    ],
)  # fmt: skip
def test_text(value: object, expected: str) -> None:
    assert outcome(values.text(5), value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.c", "a@b.c"), (" a@b.c ", "a@b.c"), ("jürgen@müller.example",) * 2, ("a@b.c.d",) * 2, ("a@b", MAIL),
        ("@b.c", MAIL),
        ("a@.c", MAIL), ("a@b.", MAIL), ("a@b..c", MAIL), ("a@b@c.d", MAIL), ("a b@c.d", MAIL), ("a@b .c", MAIL),
        ("a\u00a0@b.c", MAIL), ("a\u200b@b.c", MAIL), ("a\x85@b.c", MAIL), ("a\n@b.c", MAIL), ("a\x00@b.c", ODD),
        (1, STRING),
    ],
)  # fmt: skip
def test_an_e_mail(value: object, expected: str) -> None:
    assert outcome(values.email(150), value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-06-15",) * 2, ("2024-02-29",) * 2, ("0001-01-01",) * 2, ("9999-12-31",) * 2, ("2026-02-29", DATE),
        ("0000-01-01", DATE), ("2026-6-1", DATE), ("20260615", DATE), ("2026-W01-1", DATE),
        ("2026-06-15T00:00:00Z", DATE),
        ("2026-06-15\n", DATE), (" 2026-06-15", DATE), ("\u0662026-06-15", DATE), (20260615, DATE), (None, DATE),
    ],
)  # fmt: skip
def test_a_date(value: object, expected: str) -> None:
    assert outcome(values.calendar_date, value) == expected


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2026-06-15", utc(2026, 6, 15), utc(2026, 6, 15, 23, 59, 59, 999_000)),
        ("9999-12-31", utc(9999, 12, 31), utc(9999, 12, 31, 23, 59, 59, 999_000)),
        ("2026-06-15T10:00:00Z", utc(2026, 6, 15, 10), utc(2026, 6, 15, 10)),
        ("2026-06-15T10:00:00+02:00", utc(2026, 6, 15, 8), utc(2026, 6, 15, 8)),
        ("2026-06-15T10:00:00.5Z", utc(2026, 6, 15, 10, 0, 0, 500_000), utc(2026, 6, 15, 10, 0, 0, 500_000)),
        ("2026-06-15T10:00:00.001500Z", utc(2026, 6, 15, 10, 0, 0, 2000), utc(2026, 6, 15, 10, 0, 0, 1000)),
        ("2026-06-15T10:00Z", utc(2026, 6, 15, 10), utc(2026, 6, 15, 10)),
        ("2026-06-15T10:00-0130", utc(2026, 6, 15, 11, 30), utc(2026, 6, 15, 11, 30)),
        ("2026-06-15T10:00:00+0200", utc(2026, 6, 15, 8), utc(2026, 6, 15, 8)),
        ("2026-06-15T10:00:00.0000000Z", utc(2026, 6, 15, 10), utc(2026, 6, 15, 10)),
        (
            "2026-06-15T10:00:00.500000999+0000",
            utc(2026, 6, 15, 10, 0, 0, 500_000),
            utc(2026, 6, 15, 10, 0, 0, 500_000),
        ),
        ("2026-06-15T10:00:00.999999Z", utc(2026, 6, 15, 10, 0, 1), utc(2026, 6, 15, 10, 0, 0, 999_000)),
    ],
)
def test_a_moment_is_the_first_or_the_last_whole_millisecond(value: str, first: datetime, last: datetime) -> None:
    assert outcome(values.moment(end=False), value) == first
    assert outcome(values.moment(end=True), value) == last


@pytest.mark.parametrize(
    "value",
    ["", "x", "2026-02-30", "2026-06-15T10:00:00", "2026-06-15 10:00:00Z", "2026-06-15T25:00:00Z", "2026-06-15T10Z",
     "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-06-15T10:00:00.1234567890Z",
     "2026-06-15T10:00:00.Z", "2026-06-15T10:00.5Z", "2026-06-15T10:00:00+02", "2026-06-15T10:00:00,5Z",
     "2026-06-15T10:00:00z", 1, None],
)  # fmt: skip
def test_what_is_no_moment(value: object) -> None:
    assert outcome(values.moment(end=False), value) == DATE
    assert outcome(values.moment(end=True), value) == DATE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True), (False, False), ("true", True), ("1", True), ("yes", True), ("on", True), ("false", False),
        ("0", False), ("no", False), ("off", False),
    ],
)  # fmt: skip
def test_a_flag(value: object, expected: bool) -> None:
    assert outcome(values.flag, value) is expected


@pytest.mark.parametrize("value", [1, 0, "TRUE ", "y", "2", "", None, [], "truee"])
def test_what_is_no_flag(value: object) -> None:
    assert outcome(values.flag, value) == "The {} field must be true or false."


def test_a_choice_is_one_of_its_options_to_the_letter() -> None:
    convert = values.choice(["yes", "no"])

    assert [outcome(convert, value) for value in ("yes", "no", "Yes", "yes ", True, 1, ["yes"])] == [
        "yes", "no", *[SELECTED] * 5
    ]  # fmt: skip


def test_ids_are_one_or_several() -> None:
    assert outcome(values.ids, "7") == [7]
    assert outcome(values.ids, "1,3") == [1, 3]
    for bad in ("1,", ",", "1, 3", "1;3", "x", "1,x", f"{2**63}"):
        assert outcome(values.ids, bad) == WHOLE
    assert outcome(values.ids, "0,1") == "The {} field must be at least 1."
    assert outcome(values.ids, ",".join(["1"] * 101)) == "The {} field must not have more than 100 items."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", 1),
        ("100", 100),
        ("101", 100),
        (f"{2**63 - 1}", 100),
        ("0", "The {} field must be at least 1."),
        ("x", WHOLE),
    ],
)
def test_a_limit_is_capped(value: str, expected: object) -> None:
    assert outcome(values.page_limit, value) == expected


@pytest.mark.parametrize(
    ("value", "blank"),
    [
        (None, True),
        ("", True),
        (" \t\n", True),
        ("\u2003", True),
        ("a", False),
        (0, False),
        (False, False),
        ([], False),
        ({}, False),
    ],
)
def test_blank_is_null_and_white_space(value: object, blank: bool) -> None:
    assert is_blank(value) is blank
