"""Parameters and `meta` of paging, by number and by cursor (contract, sections 1, 3 and 5)."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from leads_api.validation.fields import Limit, Page

T = TypeVar("T")
PerPage = Annotated[int, Meta(ge=1, le=100, description="The largest number of records on a page.")]


class PageMeta(Struct, frozen=True, gc=False):
    """Where in a list a page stands."""

    current_page: Annotated[int, Meta(ge=1, description="The requested page, even past the end.")]
    per_page: PerPage
    total: Annotated[int, Meta(ge=0, description="Records of the whole list.")]
    last_page: Annotated[int, Meta(ge=1, description="Number of pages, at least 1.")]

    def next_page(self) -> dict[str, str] | None:
        """Return the query parameters that select the next page; None if there is none."""
        return {"page": str(self.current_page + 1)} if self.current_page < self.last_page else None


class CursorMeta(Struct, frozen=True, gc=False):
    """How to get the next page."""

    per_page: PerPage
    next_cursor: Annotated[
        str | None,
        Meta(description="Pass it as `cursor`, with the same filters and sort, for the next page; null at the end."),
    ]

    def next_page(self) -> dict[str, str] | None:
        """Return the query parameters that select the next page; None if there is none."""
        return None if self.next_cursor is None else {"cursor": self.next_cursor}


class Paging(Struct, frozen=True, kw_only=True):
    """Which page of a list, and how long pages are."""

    page: Page = 1
    limit: Limit = 25  # LEADS_DEFAULT_LIMIT replaces this default

    @property
    def skip(self) -> int:
        """Return the number of records before the page."""
        return (self.page - 1) * self.limit

    def meta(self, total: int) -> PageMeta:
        """Return the `meta` of this page of a list with `total` records."""
        return PageMeta(self.page, self.limit, total, max(1, -(-total // self.limit)))

    def cut(self, records: Sequence[T]) -> Sequence[T]:
        """Return the records of the page, given all records."""
        return records[self.skip : self.skip + self.limit]
