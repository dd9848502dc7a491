"""Pages of small lists, with their totals."""

from leads_api.mongo.client import Collection, Document


async def page_of(
    collection: Collection,
    wanted: Document,
    order: list[tuple[str, int]],
    *,
    skip: int,
    limit: int,
    fields: Document | None = None,
) -> tuple[list[Document], int]:
    """Return the documents of a page, with these fields, and how many match.

    A first page that is not full is not counted for.
    """
    total = await collection.count_documents(wanted) if skip else None
    if total is not None and skip >= total:
        return [], total
    found = await collection.find(wanted, fields).sort(order).skip(skip).limit(limit).to_list(None)
    if total is None:
        total = len(found) if len(found) < limit else await collection.count_documents(wanted)
    return found, total
