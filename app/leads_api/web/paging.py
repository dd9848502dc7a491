"""Pages by number (contract, section 1: `meta`; section 3: `limit` and `page`)."""

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from leads_api.web.envelope import PageMeta
from leads_api.web.fields import Limit, Page

T = TypeVar("T")


class Paging(Struct, frozen=True, kw_only=True):
    """Which page of a list, and how long pages are."""

    page: Page = 1
    limit: Limit = 25  # the setting LEADS_DEFAULT_LIMIT stands in for it

    @property
    def skip(self) -> int:
        """Return how many records are before the page."""
        return (self.page - 1) * self.limit

    def meta(self, total: int) -> PageMeta:
        """Return the `meta` of this page of so many records."""
        return PageMeta(self.page, self.limit, total, max(1, -(-total // self.limit)))

    def cut(self, records: Sequence[T]) -> Sequence[T]:
        """Return the records of the page, from all of them."""
        return records[self.skip : self.skip + self.limit]
