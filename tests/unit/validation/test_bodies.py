"""app/leads_api/validation/bodies.py: bodies and queries as plain values."""

from decimal import Decimal
from typing import Any

import pytest

from leads_api.errors import BadRequest, Faults, UnsupportedMediaType
from leads_api.validation.bodies import FORM, JSON, MAX_FIELDS, read_body, read_query
from leads_api.validation.rules import Rule
from leads_api.validation.values import text

RULES = {
    "tags": Rule(name="tags", convert=text(5), many=True),
    "title": Rule(name="title", convert=text(5)),
}


def test_json_numbers_keep_what_was_written() -> None:
    members = read_body(
        b'{"a": 2.675, "b": 3, "c": 3.0, "d": 1e400, "e": 18446744073709551616, "f": true}', JSON, "", {}, {}
    )

    assert members["a"] == Decimal("2.675")
    assert (type(members["b"]), type(members["c"]), type(members["f"])) == (int, Decimal, bool)
    assert members["d"] == Decimal("1e400")
    assert members["e"] == 2**64


@pytest.mark.parametrize(
    ("form", "members"),
    [
        ("title=a", {"title": "a"}),
        ("title=", {"title": ""}),
        ("title", {"title": ""}),
        ("title=a&title=b", {"title": ["a", "b"]}),
        ("title[]=a", {"title": ["a"]}),
        ("tags=a", {"tags": ["a"]}),
        ("tags[]=a&tags[]=b", {"tags": ["a", "b"]}),
        ("tags[0]=a&tags[1]=b", {"tags": ["a", "b"]}),
        ("tags[7]=b&tags[2]=a&tags[999999]=c", {"tags": ["a", "b", "c"]}),
        ("tags[10]=b&tags[9]=a", {"tags": ["a", "b"]}),
        ("tags[3]=", {"tags": []}),
        ("tags[0]=&tags[1]=", {"tags": ["", ""]}),
        ("tags[00]=a&tags[1000000]=b", {"tags[00]": "a", "tags[1000000]": "b"}),
        ("tags[a]=a&tags[-1]=b&tags[", {"tags[a]": "a", "tags[-1]": "b", "tags[": ""}),
        ("title[0]=a", {"title": ["a"]}),
        ("a[0][1]=b", {"a[0]": ["b"]}),
        ("tags[]=", {"tags": []}),
        ("tags[]=&tags[]=", {"tags": ["", ""]}),
        ("other=1&other=2", {"other": ["1", "2"]}),
        ("a+b=c+d%2B", {"a b": "c d+"}),
        ("x=%C3%A9&y=é", {"x": "é", "y": "é"}),
        ("&&title=a&&", {"title": "a"}),
        ("title=a=b", {"title": "a=b"}),
        ("title=a;b=c", {"title": "a;b=c"}),
    ],
)
def test_forms(form: str, members: dict[str, Any]) -> None:
    assert read_body(form.encode(), FORM, "", RULES, {}) == members


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("tags=a&tags[]=b", "The tags field must not be written in more than one way."),
        ("tags[]=a&tags[0]=b", "The tags field must not be written in more than one way."),
        ("tags[0]=a&tags=b", "The tags field must not be written in more than one way."),
        ("tags[1]=a&tags[1]=b", "The tags field must not have an index more than once."),
    ],
)
def test_an_array_is_written_in_one_way_and_has_each_index_once(form: str, text: str) -> None:
    faults: Faults = {}

    read_body(form.encode(), FORM, "", RULES, faults)

    assert faults == {"tags": [text]}


@pytest.mark.parametrize(
    ("raw", "content_type", "members"),
    [
        (b'\xef\xbb\xbf{"title": "a"}', JSON, {"title": "a"}),
        (b"\xef\xbb\xbftitle=a", FORM, {"title": "a"}),
        (b"\xef\xbb\xbf", JSON, {}),
    ],
)
def test_a_byte_order_mark_is_skipped(raw: bytes, content_type: str, members: dict[str, Any]) -> None:
    assert read_body(raw, content_type, "", RULES, {}) == members


def test_two_byte_order_marks_are_one_too_many() -> None:
    with pytest.raises(BadRequest):
        read_body(b'\xef\xbb\xbf\xef\xbb\xbf{"title": "a"}', JSON, "", RULES, {})


@pytest.mark.parametrize("content_type", ["", JSON, FORM, "text/plain"])
def test_no_bytes_are_an_empty_object(content_type: str) -> None:
    assert read_body(b"", content_type, "", RULES, {}) == {}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/jsonp", "multipart/form-data"])
def test_another_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        read_body(b"{}", content_type, "", RULES, {})


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (b"{", JSON), (b"[]", JSON), (b"null", JSON), (b'{"a": NaN}', JSON), (b'{"a": "\\ud800"}', JSON),
        (b"\xff", JSON),
        (b"[" * 100_000, JSON), (b"\xff", FORM), (b"a=%ff", FORM), (b"%ed%a0%80=1", FORM),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(raw: bytes, content_type: str) -> None:
    with pytest.raises(BadRequest):
        read_body(raw, content_type, "", RULES, {})


@pytest.mark.parametrize(("number", "refused"), [(MAX_FIELDS, False), (MAX_FIELDS + 1, True)])
def test_a_body_has_a_bounded_number_of_members(number: int, refused: bool) -> None:
    json = "{" + ",".join(f'"a{place}":1' for place in range(number)) + "}"
    form = "&".join(f"a{place}=1" for place in range(number))

    for raw, content_type in ((json, JSON), (form, FORM)):
        if refused:
            with pytest.raises(BadRequest):
                read_body(raw.encode(), content_type, "", RULES, {})
        else:
            assert len(read_body(raw.encode(), content_type, "", RULES, {})) == number


@pytest.mark.parametrize(
    ("query", "parameters", "faulty"),
    [
        (b"", {}, set()),
        (b"a=1&b=", {"a": "1", "b": ""}, set()),
        (b"a=x+y%2Bz", {"a": "x y+z"}, set()),
        (b"a=%C3%A9", {"a": "é"}, set()),
        (b"a=1&a=1", {"a": "1"}, {"a"}),
        (b"a=1&%61=2", {"a": "2"}, {"a"}),
        (b"a=%FF", {"a": None}, {"a"}),
        (b"a=%ED%A0%80", {"a": None}, {"a"}),
    ],
)
def test_queries(query: bytes, parameters: dict[str, Any], faulty: set[str]) -> None:
    faults: Faults = {}

    assert read_query(query, faults) == parameters
    assert faults.keys() == faulty


def test_names_of_a_query_can_always_be_written_in_an_answer() -> None:
    for query in (b"%FF=1", b"%ED%A0%80=1", b"\xff=1", b"\x80%80=1"):
        (name,) = read_query(query, {})
        name.encode()
