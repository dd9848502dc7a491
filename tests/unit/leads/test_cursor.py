"""app/leads_api/leads/cursor.py: tokens there and back, and whatever else may come back."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from leads_api.folding import letters
from leads_api.leads.cursor import MAX_LENGTH, Cursor, read_cursor, write_cursor
from leads_api.leads.schemas import LeadQuery
from leads_api.validation.values import INT64_MAX, Wrong

QUERY = asdict(LeadQuery())
MOMENT = datetime(2026, 6, 15, 12, 30, 0, 123_000, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=250)
KEYS: dict[str, st.SearchStrategy[Any]] = {
    "lead_title": TEXTS.map(letters) | TEXTS.map(str.casefold),  # as this version writes it, and as earlier ones did
    "lead_value": st.none() | st.integers(0, INT64_MAX),
    "lead_created": st.datetimes(timezones=st.just(UTC)).map(
        lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
    ),
    "lead_last_contacted": st.none() | st.dates().map(str),
}


@given(st.data(), st.sampled_from(sorted(KEYS)), st.integers(1, INT64_MAX), st.booleans())
def test_what_is_written_is_read_again(data: st.DataObject, sort: str, lead_id: int, ties: bool) -> None:
    cursor = Cursor(data.draw(KEYS[sort]), lead_id, ties)
    query = asdict(LeadQuery(sort=sort))  # type: ignore[arg-type]  # one of its literals

    token = write_cursor(cursor, query)

    assert read_cursor(token, query) == cursor
    assert len(token) <= MAX_LENGTH


@given(st.text(), st.sampled_from(sorted(KEYS)))
def test_any_other_text_is_wrong(token: str, sort: str) -> None:
    with pytest.raises(Wrong):
        read_cursor(token, QUERY | {"sort": sort})


@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary() | TEXTS,
        lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    ).map(msgspec.msgpack.encode)
)
def test_any_other_content_is_wrong(content: bytes) -> None:
    with pytest.raises(Wrong):
        read_cursor(urlsafe_b64encode(content).rstrip(b"=").decode(), QUERY)


def test_a_moment_without_a_zone_is_in_utc() -> None:
    token = write_cursor(Cursor(MOMENT.replace(tzinfo=None), 7, ties=False), QUERY)

    assert read_cursor(token, QUERY).key == MOMENT


def test_a_cursor_goes_on_working_in_other_processes_and_after_updates() -> None:
    query = LeadQuery(
        search="one two six ten old new", status=[3, 1], created_from=MOMENT, value_min=250, source="Wéb", page=None
    )
    token = "lQHPAAABnstCmbsHw8QId8_VR4v5saI"

    assert read_cursor(token, asdict(query)) == Cursor(MOMENT, 7, ties=True)


def test_a_filter_that_does_not_exist_yet_does_not_make_today_s_cursors_wrong() -> None:
    token = write_cursor(Cursor(MOMENT, 7, ties=True), QUERY)

    assert read_cursor(token, QUERY | {"phone": None}).lead_id == 7
    with pytest.raises(Wrong):
        read_cursor(token, QUERY | {"phone": "1"})


@pytest.mark.parametrize("unusable", [None, "id"])
def test_nothing_is_read_for_a_sort_that_there_is_not(unusable: str | None) -> None:
    query = QUERY | {"sort": unusable}

    with pytest.raises(Wrong):
        read_cursor(write_cursor(Cursor(MOMENT, 7, ties=True), query), query)
