"""app/leads_api/validation/paging.py."""

import pytest

from leads_api.validation.paging import PageMeta, Paging


@pytest.mark.parametrize(
    ("total", "limit", "last"),
    [(0, 25, 1), (1, 25, 1), (25, 25, 1), (26, 25, 2), (61, 25, 3), (3, 1, 3), (101, 100, 2)],
)
def test_the_last_page_is_at_least_the_first(total: int, limit: int, last: int) -> None:
    assert Paging(limit=limit).meta(total) == PageMeta(1, limit, total, last)


def test_a_page_past_the_end_is_the_one_that_was_asked_for_and_empty() -> None:
    paging = Paging(page=9, limit=2)

    assert paging.meta(3) == PageMeta(9, 2, 3, 2)
    assert paging.cut([1, 2, 3]) == []


def test_pages_meet_each_record_once() -> None:
    records = list(range(7))

    pages = [Paging(page=number, limit=3).cut(records) for number in (1, 2, 3)]

    assert [record for page in pages for record in page] == records
    assert [Paging(page=number, limit=3).skip for number in (1, 2, 3)] == [0, 3, 6]


def test_a_page_beyond_everything_is_empty() -> None:
    assert Paging(page=2**63 - 1, limit=100).cut([1, 2, 3]) == []
