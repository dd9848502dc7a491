"""The store of files: small reference documents, which take part in transactions, and contents in GridFS, which do not.

Contents are immutable and shared: a clone refers to the same contents. The deletion of a reference marks its content. A
sweep removes the content a day later if nothing refers to it then. A new reference removes the mark. It writes to the
same document as the sweep, so one of the two conflicts and is retried.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from bson import ObjectId
from msgspec import Struct

from leads_api.clock import now
from leads_api.errors import NotFound
from leads_api.mongo.client import Bucket, Database, Document, Session
from leads_api.mongo.ids import Ids
from leads_api.mongo.indexes import Index
from leads_api.mongo.migrations import Step
from leads_api.mongo.transaction import Transact

GRACE = timedelta(days=1)
SCHEMA_VERSION = 2
"""The schema version of new references and, in `metadata`, of new contents."""

INDEXES = {
    "files": [Index("lead", (("lead", 1), ("_id", 1))), Index("blob", (("blob", 1),))],
    "blobs.files": [
        Index("sha256", (("metadata.sha256", 1),)),
        Index("unreferenced_since", (("metadata.unreferenced_since", 1),)),
        Index("doomed", (("metadata.doomed", 1),)),
        Index("filename_1_uploadDate_1", (("filename", 1), ("uploadDate", 1))),
    ],
    "blobs.chunks": [Index("files_id_1_n_1", (("files_id", 1), ("n", 1)), unique=True)],
}
SHARD_KEYS = {"blobs.chunks": {"files_id": 1}}
STEPS = {"files": [Step(2)], "blobs.files": [Step(2, path="metadata.schema_version")]}
_KEPT = {"metadata.doomed": {"$ne": True}}
"""Contents that are not being removed. Not `False`: a content of an earlier version may not have the field."""


class FileNotFound(NotFound):
    """There is no file with this id."""

    message = "File not found."


class StoredFile(Struct, frozen=True):
    """A file of a lead; `size` is in bytes."""

    id: int
    lead: int
    name: str
    size: int


HoldLead = Callable[[int, Session], Awaitable[bool]]
"""Prevents the deletion of a lead until the transaction ends; returns whether the lead exists."""


class FileStore:
    """Stores, reads, copies and deletes the files of leads."""

    def __init__(
        self,
        database: Database,
        open_bucket: Callable[[], Bucket],
        ids: Ids,
        transact: Transact,
        *,
        hold_lead: HoldLead,
        lead_not_found: Callable[[], NotFound],
    ) -> None:
        """`open_bucket` is called on first use of contents: mongomock has no GridFS unless a test enables it."""
        self._files = database["files"]
        self._blobs = database["blobs.files"]
        self._chunks = database["blobs.chunks"]
        self._open_bucket = open_bucket
        self._ids = ids
        self._transact = transact
        self._hold_lead = hold_lead
        self._lead_not_found = lead_not_found

    async def put(self, lead_id: int, name: str, content: bytes) -> StoredFile:
        """Store a file of a lead. Raises the NotFound of leads if there is no such lead, or if it is deleted meanwhile.

        The content of a file that could not be stored is marked, so the sweep removes it.
        """
        file_id = await self._ids.take("files")
        digest = hashlib.sha256(content).hexdigest()
        document = {"_id": file_id, "lead": lead_id, "name": name, "size": len(content), "created": now()}
        document["schema_version"] = SCHEMA_VERSION

        async def committed(session: Session) -> bool | None:
            return True if await self._files.find_one({"_id": file_id}, {"_id": 1}, session=session) else None

        async def work(session: Session) -> bool:
            if not await self._hold_lead(lead_id, session):
                raise self._lead_not_found()
            return await self._refer([document], session)

        while True:
            known = await self._blobs.find_one({"metadata.sha256": digest, **_KEPT}, {"_id": 1})
            document["blob"] = known["_id"] if known else await self._upload(digest, content)
            records = [("leads", lead_id), ("blobs.files", document["blob"])]
            if await self._transact(work, records=records, committed=committed):  # else a sweep has removed the content
                return _shown(document)

    async def read(self, file_id: int) -> bytes:
        """Return a file's content. Raises FileNotFound."""
        document: Document | None = await self._files.find_one({"_id": file_id})
        if document is None:
            raise FileNotFound
        bucket: Any = self._open_bucket()  # Motor's stub lacks that opening is awaited
        stream = await bucket.open_download_stream(document["blob"])
        content: bytes = await stream.read()
        return content

    async def of_lead(self, lead_id: int) -> list[StoredFile]:
        """Return the files of a lead."""
        found = self._files.find({"lead": lead_id}).sort([("_id", 1)])
        return [_shown(document) async for document in found]

    async def copy(self, source_id: int, target_id: int, session: Session) -> None:
        """Copy the references of one lead to another, in the transaction."""
        found = self._files.find({"lead": source_id}, session=session).sort([("_id", 1)])
        if files := [file async for file in found]:
            last = await self._ids.take("files", len(files))
            copies = [
                file | {"_id": file_id, "lead": target_id, "created": now()}
                for file_id, file in enumerate(files, start=last - len(files) + 1)
            ]
            await self._refer(copies, session)

    async def move(self, source_ids: Sequence[int], target_id: int, session: Session) -> None:
        """Move the references of some leads to another, in the transaction. Nothing changes for their contents."""
        moved = {"$set": {"lead": target_id}}
        await self._files.update_many({"lead": {"$in": list(source_ids)}}, moved, session=session)

    async def delete_of(self, lead_id: int, session: Session) -> None:
        """Delete a lead's references and mark their contents, in the transaction."""
        blobs = [file.get("blob") async for file in self._files.find({"lead": lead_id}, {"blob": 1}, session=session)]
        if blobs:
            mark = {"$set": {"metadata.unreferenced_since": now()}}
            await self._blobs.update_many({"_id": {"$in": blobs}}, mark, session=session)
            await self._files.delete_many({"lead": lead_id}, session=session)

    async def sweep(self, grace: timedelta = GRACE) -> None:
        """Remove contents that were marked longer than `grace` ago and that nothing refers to."""
        marked = {"metadata.unreferenced_since": {"$lt": now() - grace}, **_KEPT}
        async for blob in self._blobs.find(marked, {"_id": 1}):
            await self._transact(self._begin_removal(blob["_id"]), records=[("blobs.files", blob["_id"])])
        async for blob in self._blobs.find({"metadata.doomed": True}, {"_id": 1}):
            # Not through the bucket, which deletes the chunks last: a crash in between would orphan them.
            await self._chunks.delete_many({"files_id": blob["_id"]})
            await self._blobs.delete_one({"_id": blob["_id"]})

    async def _upload(self, digest: str, content: bytes) -> ObjectId:
        metadata = {"sha256": digest, "doomed": False, "unreferenced_since": now(), "schema_version": SCHEMA_VERSION}
        blob: ObjectId = await self._open_bucket().upload_from_stream(digest, content, metadata=metadata)
        return blob

    async def _refer(self, documents: list[Document], session: Session) -> bool:
        """Insert references and remove the marks of their contents; return False if a content is being removed."""
        for document in documents:
            kept = await self._blobs.update_one(
                {"_id": document["blob"], **_KEPT},
                {"$set": {"metadata.unreferenced_since": None}},
                session=session,
            )
            if kept.matched_count == 0:
                return False
        await self._files.insert_many(documents, session=session)
        return True

    def _begin_removal(self, blob: ObjectId) -> Callable[[Session], Awaitable[None]]:
        async def work(session: Session) -> None:
            used = await self._files.find_one({"blob": blob}, {"_id": 1}, session=session) is not None
            values = {"metadata.unreferenced_since": None} if used else {"metadata.doomed": True}
            await self._blobs.update_one({"_id": blob}, {"$set": values}, session=session)

        return work


def _shown(document: Document) -> StoredFile:
    return StoredFile(document["_id"], document.get("lead") or 0, document.get("name") or "", document.get("size") or 0)
