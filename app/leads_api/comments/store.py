"""The store of comments, which are embedded in the documents of another collection (contract, "Comments")."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NoReturn

from leads_api.catalog.cache import Catalog
from leads_api.clock import now
from leads_api.comments.model import MAX_LENGTH, Comment, comment_of
from leads_api.errors import Invalid, NotFound, PreconditionFailed
from leads_api.memory import Memory
from leads_api.mongo.client import Collection, Document, Session, aggregate
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.ids import Ids
from leads_api.mongo.recording import recording
from leads_api.mongo.transaction import Transact
from leads_api.mongo.versions import Versions, condition, require
from leads_api.validation.paging import Paging

_MAX_SKIP = 16 * 1024 * 1024
"""More than the comments that fit in a document of 16 MiB."""


class CommentNotFound(NotFound):
    """The parent has no comment with this id."""

    message = "Comment not found."


class TooManyComments(Invalid):
    """The comment would exceed a limit of its document, which keeps the document below MongoDB's maximum size."""

    def __init__(self, text: str) -> None:
        super().__init__({"comment": [text]})


class CommentLimits:
    """Limits of one document: the number of comments, and the size of all texts (bytes of UTF-8)."""

    def __init__(self, *, count: int, size: int) -> None:
        self.count = count
        self.size = size


class CommentStore:
    """Reads and writes the comments in the documents of one collection."""

    def __init__(
        self,
        parents: Collection,
        ids: Ids,
        catalog: Catalog,
        limits: CommentLimits,
        concurrency: ConcurrencyLimits,
        *,
        transact: Transact,
        memory: Memory,
        parent_not_found: type[NotFound],
        touch: Callable[[str, datetime, int], Document],
        update: Callable[[int, Document, Document], Awaitable[bool]],
    ) -> None:
        """`touch` returns the part of the update that every write of the parent has, given event, time and user id.

        `update` updates the parent with an id if it matches a filter, and returns whether it does. `concurrency` limits
        lists, `memory` what they take.
        """
        self._parents = parents
        self._ids = ids
        self._transact = transact
        self._catalog = catalog
        self._limits = limits
        self._concurrency = concurrency
        self._memory = memory
        self._parent_not_found = parent_not_found
        self._touch = touch
        self._update = update

    async def page(self, parent_id: int, paging: Paging | None) -> tuple[Sequence[Comment], int]:
        """Return all comments or a page, newest first, and the total. Raises the parent's NotFound."""
        most = self._limits.size if paging is None else min(self._limits.size, paging.limit * MAX_LENGTH * 4)
        async with self._concurrency.lists:
            await self._memory.hold(most)
            newest_first, total = await (self._all(parent_id) if paging is None else self._some(parent_id, paging))
        return await self._catalog.show(
            lambda settings: [comment_of(comment, settings) for comment in newest_first]
        ), total

    async def _all(self, parent_id: int) -> tuple[list[Document], int]:
        parent = await self._parents.find_one({"_id": parent_id}, {"comments": 1})
        if parent is None:
            raise self._parent_not_found
        comments = parent.get("comments") or []
        return comments[::-1], len(comments)

    async def _some(self, parent_id: int, paging: Paging) -> tuple[list[Document], int]:
        """Return a page. The total is the array's: documents of earlier versions have no count, or a wrong one."""
        comments, skip = {"$ifNull": ["$comments", []]}, min(paging.skip, _MAX_SKIP)
        pipeline: list[Document] = [
            {"$match": {"_id": parent_id}},
            {
                "$project": {
                    "total": {"$size": comments},
                    "comments": {"$slice": [comments, -(skip + paging.limit), paging.limit]},
                }
            },
        ]
        parents: list[Document] = [parent async for parent in await aggregate(self._parents, pipeline)]
        if not parents:
            raise self._parent_not_found
        total = parents[0]["total"]
        # A slice that would begin before the first comment begins with it, and has too many of them.
        page = parents[0]["comments"][: max(0, total - skip)]
        return page[::-1], total

    async def add(self, parent_id: int, text: str, by: int, versions: Versions = None) -> Comment:
        """Add a comment. Raises the parent's NotFound, PreconditionFailed or TooManyComments.

        `versions` are those of the parent.
        """
        size, comment_id, moment = len(text.encode()), await self._ids.take("comments"), now()
        comment = {"id": comment_id, "text": text, "creator": by, "created": moment}
        where = {
            # Not `$lt`: a document of an earlier version may have no counts.
            "comments_count": {"$not": {"$gte": self._limits.count}},
            "comments_bytes": {"$not": {"$gte": self._limits.size - size + 1}},
            **condition(versions),
        }
        update = self._change("comment_added", moment, by, {"$push": {"comments": comment}}, count=1, size=size)

        async def write(session: Session) -> bool:
            result = await self._parents.update_one({"_id": parent_id, **where}, update, session=session)
            return result.matched_count == 1

        if recording.get() is None:
            is_added = await self._update(parent_id, where, update)
        else:
            is_added = await self._transact(write, records=[(self._parents.name, parent_id)])
        if not is_added:
            await self._refuse(parent_id, versions)
        return await self._catalog.show(lambda settings: comment_of(comment, settings), written=True)

    async def delete(self, parent_id: int, comment_id: int, by: int, versions: Versions = None) -> None:
        """Delete a comment. Raises the parent's NotFound, CommentNotFound or PreconditionFailed.

        `versions` are those of the parent.
        """
        comment = await self._find(parent_id, comment_id)
        size = len((comment.get("text") or "").encode())
        is_deleted = await self._update(
            parent_id,
            {"comments.id": comment_id, **condition(versions)},
            self._change(
                "comment_deleted", now(), by, {"$pull": {"comments": {"id": comment_id}}}, count=-1, size=-size
            ),
        )
        if not is_deleted:
            if versions is None:  # a concurrent call deleted it
                raise CommentNotFound
            await self._find(parent_id, comment_id)
            raise PreconditionFailed

    async def _find(self, parent_id: int, comment_id: int) -> Document:
        """Return a comment's document. Raises the parent's NotFound, or CommentNotFound."""
        parent = await self._parents.find_one({"_id": parent_id}, {"comments": {"$elemMatch": {"id": comment_id}}})
        if parent is None:
            raise self._parent_not_found
        if not parent.get("comments"):
            raise CommentNotFound
        comment: Document = parent["comments"][0]
        return comment

    def _change(self, event: str, moment: datetime, by: int, what: Document, *, count: int, size: int) -> Document:
        touched = self._touch(event, moment, by)
        sums = {"comments_count": count, "comments_bytes": size}
        return what | touched | {"$inc": touched.get("$inc", {}) | sums}

    async def _refuse(self, parent_id: int, versions: Versions) -> NoReturn:
        parent = await self._parents.find_one({"_id": parent_id}, {"comments_count": 1, "version": 1})
        if parent is None:
            raise self._parent_not_found
        require(parent, versions)
        if (parent.get("comments_count") or 0) >= self._limits.count:
            raise TooManyComments(f"No more than {self._limits.count} comments fit here. Please delete one first.")
        raise TooManyComments(
            f"All comments together must not be greater than {self._limits.size} bytes. Please delete one first."
        )
