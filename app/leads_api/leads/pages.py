"""Pages of the list of leads, by number and by cursor, bounded in number and in bytes (contract, "List")."""

from asyncio import gather
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, cast

import msgspec
from msgspec import Raw

from leads_api.catalog.cache import Catalog
from leads_api.clock import UNKNOWN, plain_time
from leads_api.errors import Invalid
from leads_api.http.envelope import encode
from leads_api.leads import counts, listing
from leads_api.leads.model import LONG, SHORT, Lead, leads_of
from leads_api.leads.rows import Row, Rows
from leads_api.leads.schemas import LeadQuery
from leads_api.memory import Memory
from leads_api.mongo.batching import SingleFlight
from leads_api.mongo.client import Collection, Document
from leads_api.mongo.concurrency import ConcurrencyLimits, Turns
from leads_api.mongo.long_values import Found, LongValues, opened
from leads_api.users.store import PENDING_CLEANUP
from leads_api.validation.paging import Paging

LONG_READS_AT_ONCE = 4
"""How many pages with long values are read at once."""

_encode = msgspec.json.Encoder(enc_hook=plain_time).encode


class _Page(NamedTuple):
    """The leads of a page, and what must be known of them all; computed once for all who share the page."""

    rows: list[Row]
    encoded: Raw
    size: int
    missing: list[int]
    """The ids of leads without their long values."""
    fits: bool


class PageTooLarge(Invalid):
    """The leads of a page are too large together."""

    def __init__(self, limit: int) -> None:
        text = (
            f"The limit field must be smaller: the leads of this page have more than {limit} bytes together."
            " Or page by cursor, beginning with cursor=*: a page then has as many leads as fit."
        )
        super().__init__({"limit": [text]})


class LeadPages:
    """Reads pages of the list of leads."""

    def __init__(
        self, leads: Collection, catalog: Catalog, concurrency: ConcurrencyLimits, memory: Memory, *, max_bytes: int
    ) -> None:
        """Limit the leads of a page to about `max_bytes`.

        `concurrency` limits lists, `memory` what they take until they have been sent.
        """
        self._leads = LongValues(leads, short=SHORT, long=LONG)
        self._catalog = catalog
        self._rows = Rows(catalog)
        self._concurrency = concurrency
        self._memory = memory
        self._max_bytes = max_bytes
        self._counts = counts.Counts(leads, concurrency)
        self._pages = SingleFlight(self._page, queue="lead_pages")
        # Not of the turns of lists: those who hold one may wait for the memory that these have.
        self._long_reads = Turns(LONG_READS_AT_ONCE, "long values")

    async def drain(self) -> None:
        """Cancel counts, and wait until no page is being read."""
        await self._counts.end()
        await self._pages.drain()

    async def by_number(self, query: LeadQuery) -> tuple[Sequence[Lead], int]:
        """Return a page, and how many leads match the filters. Raises PageTooLarge."""
        page, total = await self._pages(_encode(query), query)
        if not page.fits:
            raise PageTooLarge(self._max_bytes)
        return await self._whole(page), total

    async def by_cursor(self, query: LeadQuery) -> tuple[Sequence[Lead], str | None]:
        """Return the page after the query's cursor, and the cursor of the next page; None if it is the last."""
        if await self._is_leaving(query.assigned_user_id):
            return [], None
        found: list[bytes] = []
        async with self._concurrency.lists:
            for wanted in listing.segments(query):
                missing = query.limit + 1 - len(found)  # one lead more than the page, for the next cursor
                found += await self._leads.find(wanted, listing.order_of(query), limit=missing)
                if len(found) > query.limit:
                    break
        rows = await self._rows.of(found)
        count = min(query.limit, self._fitting(rows))
        return await self._whole(self._page_of(rows[:count])), listing.next_cursor(query, found, count)

    async def newest(self, filters: Iterable[Document], *, besides: int, limit: int) -> Sequence[Lead]:
        """Return the newest leads, besides one, that match any of the filters.

        If they are too large together, these are fewer than `limit`, but one at least.
        """
        parts = await gather(*(self._newest(wanted, limit + 1) for wanted in filters))  # `besides` may be one of them
        found = {each.document["_id"]: each for part in parts for each in part if each.document["_id"] != besides}
        newest = sorted(found.values(), key=_age, reverse=True)[:limit]
        del newest[self._fitting(newest) :]
        leads = await leads_of([document for document, _, _ in newest], self._catalog)
        await self._memory.hold(_size(newest, encode(leads)))
        missing = [document["_id"] for document, _, is_whole in newest if not is_whole]
        read = await self._read(missing)
        return [read.get(lead.id, lead) for lead in leads if lead.id in read or lead.id not in missing]

    async def _newest(self, wanted: Document, limit: int) -> list[Found]:
        async with self._concurrency.lists:
            found = await self._leads.find(wanted, listing.NEWEST_FIRST, limit=limit)
        return list(map(opened, found))

    async def _page(self, query: LeadQuery) -> tuple[_Page, int]:
        if await self._is_leaving(query.assigned_user_id):
            return self._page_of([]), 0
        wanted, paging, counted = listing.filter_of(query), query.paging, None
        if paging.skip >= counts.EXACT_UP_TO:  # the database reads all that it skips, so the page must exist
            counted = await self._counts.of(wanted)
            if paging.skip >= counted + (counts.EXACT_UP_TO if counted > counts.EXACT_UP_TO else 0):
                return self._page_of([]), counted
        async with self._concurrency.lists:
            found = await self._leads.find(wanted, listing.order_of(query), skip=paging.skip, limit=paging.limit)
        total = await self._total(wanted, paging, len(found), counted)
        return self._page_of(await self._rows.of(found)), total

    async def _total(self, wanted: Document, paging: Paging, found: int, counted: int | None) -> int:
        """Return how many leads match, given how many are on a page, and a count made before, if any."""
        if 0 < found < paging.limit or paging.skip == found == 0:  # the page is the last one
            total = paging.skip + found
            self._counts.doubt(wanted, total)
            return total
        total = await self._counts.of(wanted) if counted is None else counted
        if total > counts.EXACT_UP_TO and found != max(0, min(paging.limit, total - paging.skip)):
            self._counts.doubt(wanted)
            total = await self._counts.of(wanted)
        return total

    def _fitting(self, found: Sequence[Row | Found]) -> int:
        """Return how many of the leads fit on a page; the first one always does."""
        left = self._max_bytes
        for count, each in enumerate(found):
            left -= each.size
            if left < 0:
                return max(1, count)
        return len(found)

    def _page_of(self, rows: list[Row]) -> _Page:
        encoded = b"[%b]" % b",".join([row.encoded for row in rows])
        missing = [row.lead_id for row in rows if not row.is_whole]
        return _Page(rows, Raw(encoded), _size(rows, encoded), missing, self._fitting(rows) == len(rows))

    async def _whole(self, page: _Page) -> Sequence[Lead]:
        """Return the leads with their long values; usually that is the JSON that all who share the page send.

        A lead that was deleted before its long values were read is left out.
        """
        await self._memory.hold(page.size)
        whole: Raw | list[Raw | Lead] = page.encoded
        if page.missing:
            read = await self._read(page.missing)
            leads = (Raw(row.encoded) if row.is_whole else read.get(row.lead_id) for row in page.rows)
            whole = [lead for lead in leads if lead is not None]
        return cast("Sequence[Lead]", whole)

    async def _read(self, ids: list[int]) -> dict[int, Lead]:
        """Return leads with their long values. Deleted ones are missing."""
        if not ids:
            return {}
        async with self._long_reads.turn():
            documents = await self._leads.read(ids)
        return {lead.id: lead for lead in await leads_of(documents, self._catalog)}

    async def _is_leaving(self, member_id: int | None) -> bool:
        """Return whether a team user is deleted and the clean-up of assignments is pending."""
        if member_id is None:
            return False
        member = (await self._catalog.snapshot()).people.get(member_id, {})
        return bool(member.get(PENDING_CLEANUP))


def _age(found: Found) -> tuple[datetime, int]:
    """Return the key by which the newest leads are sorted."""
    document = found.document
    created: datetime = (document.get("dates") or {}).get("created") or UNKNOWN
    return created.replace(tzinfo=UTC), document["_id"]


def _size(leads: Sequence[Row | Found], encoded: bytes) -> int:
    """Return how many bytes leads take. Names of assignees are not in the documents."""
    return max(len(encoded), sum(lead.size for lead in leads))
