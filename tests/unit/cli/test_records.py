"""Reading the records of an import file (docs/import.md)."""

import io
from typing import Any

import pytest

from leads_api.cli.connection import Refused
from leads_api.cli.transfer import records
from leads_api.cli.transfer.records import Record, Source


def source(content: bytes, *, encoding: str | None = None, delimiter: str | None = None) -> Source:
    return Source(io.BufferedReader(io.BytesIO(content)), encoding=encoding, delimiter=delimiter)


def read(content: bytes, **options: Any) -> list[Record]:
    return list(source(content, **options))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(delimiter: str) -> None:
    text = f"lead_title{delimiter}lead_email\nAcme{delimiter}a@b.example\n"

    (record,) = read(text.encode())

    assert record.values == {"lead_title": "Acme", "lead_email": "a@b.example"}


def test_a_given_delimiter_counts() -> None:
    (record,) = read(b"a,b,c;d\n1,2,3;4\n", delimiter="semicolon")

    assert record.values == {"a,b,c": "1,2,3", "d": "4"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
def test_a_byte_order_mark_tells_the_encoding(encoding: str) -> None:
    text = "lead_title,lead_source\r\nÄrzte,店\r\n"
    content = {
        "utf-16-le-bom": b"\xff\xfe" + text.encode("utf-16-le"),
        "utf-16-be-bom": b"\xfe\xff" + text.encode("utf-16-be"),
    }.get(encoding) or text.encode(encoding.removesuffix("-bom"))

    (record,) = read(content)

    assert record.values == {"lead_title": "Ärzte", "lead_source": "店"}


def test_a_given_encoding_counts() -> None:
    (record,) = read("lead_title\nÄrzte\n".encode("cp1252"), encoding="cp1252")

    assert record.values == {"lead_title": "Ärzte"}


def test_bytes_that_are_not_utf_8_refuse_their_record_only() -> None:
    first, second, third = read(b"lead_title\nAcme\n" + "Ärzte\n".encode("cp1252") + b"Last\n")

    assert (first.fault, third.fault) == (None, None)
    assert "--encoding" in str(second.fault)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_quoted_values_may_have_line_ends_quotes_and_delimiters(end: str) -> None:
    text = f'lead_title,lead_description{end}"Acme, ""new""","one{end}two"{end}Next,{end}'

    first, second = read(text.encode())

    assert first.values == {"lead_title": 'Acme, "new"', "lead_description": f"one{end}two"}
    assert (first.line, second.line) == (2, 4)
    assert second.values == {"lead_title": "Next", "lead_description": ""}


def test_a_null_character_reaches_the_checks_of_its_field() -> None:
    (record,) = read(b"lead_title\nAc\0me\n")

    assert record.values == {"lead_title": "Ac\0me"}


@pytest.mark.parametrize(("row", "count"), [("one", 1), ("one,two,three", 3)])
def test_a_row_with_more_or_fewer_values_than_the_header_is_refused(row: str, count: int) -> None:
    bad, good = read(f"a,b\n{row}\n1,2\n".encode())

    assert bad.fault == f"has {count} values, but the header has 2 columns"
    assert good.fault is None


def test_blank_lines_are_no_records() -> None:
    assert [record.line for record in read(b"a,b\n\n1,2\n,\n3,4\n\n")] == [3, 5]
    assert [record.line for record in read(b'\n{"a": 1}\n\n  \n{"a": 2}\n')] == [2, 5]


def test_a_quote_that_is_not_closed_does_not_read_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_CHARACTERS", 1000)
    rows = iter(source(b'a,b\n1,2\n"open,2\n' + b"3,4\n" * 10_000))

    assert next(rows).values == {"a": "1", "b": "2"}
    with pytest.raises(Refused, match=r"more than 1000 characters\. Is a quote not closed\?"):
        next(rows)


def test_objects_are_read_as_bodies_are() -> None:
    good, array, broken = read(b'\xef\xbb\xbf{"lead_title": "Acme", "lead_value": 2.675}\n[1]\n{"a": }\n')

    assert str(good.values["lead_value"]) == "2.675"
    assert array.fault == "must be a JSON object"
    assert broken.fault == "is not valid JSON in UTF-8"


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"", "empty"), (b"\n\n", "empty"), (b'[{"a": 1}]', "one object on each line"), (b"a,b,a\n", "column a twice")],
)
def test_a_file_that_cannot_be_imported_is_refused(content: bytes, text: str) -> None:
    with pytest.raises(Refused, match=text):
        source(content)
