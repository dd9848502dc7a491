"""Files under callers at the same moment (contract, "Clone": a clone is whole or absent; deleting either lead)."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from leads_api.files.store import FileStore, StoredFile
from leads_api.leads.store import LeadNotFound
from leads_api.mongo.client import Database
from tests.client import Api, Json

AT_ONCE = timedelta(milliseconds=-1)
"""No grace at all: a mark of this very millisecond is old enough."""
CONTENTS = [("a", b"one"), ("b", b"two" * 200_000), ("c", b"three")]


async def _lead_with_files(api: Api, files: FileStore, salt: int) -> Json:
    lead = await api.lead()
    for name, content in CONTENTS:
        await files.put(lead["id"], name, content + b"%d" % salt)
    return lead


async def _clone(api: Api, lead: Json) -> httpx.Response:
    body = {"lead_title": "Clone", "lead_status": 1, "copy_files": "on"}
    return await api.post(f"/api/leads/{lead['id']}/clone", body)


async def _sweeps(files: FileStore) -> None:
    """Sweep as several processes would do it at the same moment."""
    await asyncio.gather(*(files.sweep(AT_ONCE) for _ in range(3)))


async def _contents(files: FileStore, lead_id: int) -> list[tuple[str, bytes]]:
    return [(file.name, await files.read(file.id)) for file in await files.of_lead(lead_id)]


async def _nothing_is_left(files: FileStore, database: Database) -> None:
    await files.sweep(AT_ONCE)
    for collection in ("files", "blobs.files", "blobs.chunks"):
        assert await database[collection].count_documents({}) == 0, collection


async def test_a_clone_has_all_files_or_is_absent_when_its_source_is_deleted_and_swept_meanwhile(
    api: Api, files: FileStore, database: Database
) -> None:
    for salt in range(8):
        lead = await _lead_with_files(api, files, salt)

        cloned, deleted, _ = await asyncio.gather(
            _clone(api, lead), api.delete(f"/api/leads/{lead['id']}"), _sweeps(files)
        )

        assert deleted.status_code == 200
        assert cloned.status_code in {201, 404}
        assert await files.of_lead(lead["id"]) == []
        if cloned.status_code == 201:
            clone = cloned.json()["data"]["id"]
            await files.sweep(AT_ONCE)
            assert await _contents(files, clone) == [(name, content + b"%d" % salt) for name, content in CONTENTS]
            await api.delete(f"/api/leads/{clone}")
    await _nothing_is_left(files, database)


async def test_a_sweep_at_the_moment_of_a_clone_takes_nothing_from_it(api: Api, files: FileStore) -> None:
    lead = await _lead_with_files(api, files, 0)
    # A second owner that goes: the contents are marked, though the first still refers to them.
    for _ in range(5):
        other = (await _clone(api, lead)).json()["data"]["id"]
        await api.delete(f"/api/leads/{other}")

        cloned, _ = await asyncio.gather(_clone(api, lead), _sweeps(files))

        clone = cloned.json()["data"]["id"]
        await files.sweep(AT_ONCE)
        assert await _contents(files, clone) == await _contents(files, lead["id"])
        assert [name for name, _ in await _contents(files, clone)] == ["a", "b", "c"]


async def test_a_content_that_is_stored_at_the_moment_of_its_sweep_is_readable(api: Api, files: FileStore) -> None:
    for _ in range(8):
        lead, other = await api.lead(), await api.lead()
        await files.put(lead["id"], "a", b"one")
        await api.delete(f"/api/leads/{lead['id']}")

        file, _ = await asyncio.gather(files.put(other["id"], "b", b"one"), _sweeps(files))

        await files.sweep(AT_ONCE)
        assert await files.read(file.id) == b"one"
        await api.delete(f"/api/leads/{other['id']}")


async def test_files_of_one_content_that_are_stored_at_the_same_moment_are_all_readable(
    api: Api, files: FileStore, database: Database
) -> None:
    lead = await api.lead()

    stored = await asyncio.gather(*(files.put(lead["id"], f"{n}.txt", b"same") for n in range(10)))

    await files.sweep(AT_ONCE)
    assert len({file.id for file in stored}) == 10
    assert [content for _, content in await _contents(files, lead["id"])] == [b"same"] * 10
    await api.delete(f"/api/leads/{lead['id']}")
    await _nothing_is_left(files, database)


async def test_a_file_that_is_stored_at_the_moment_of_its_leads_deletion_is_no_orphan(
    api: Api, files: FileStore, database: Database
) -> None:
    for salt in range(20):
        lead = await api.lead()
        # Stored before as well, or new: then the content is uploaded first.
        content = b"same" if salt % 2 else b"new %d" % salt

        stored, deleted = await asyncio.gather(
            files.put(lead["id"], "a", content), api.delete(f"/api/leads/{lead['id']}"), return_exceptions=True
        )

        assert isinstance(deleted, httpx.Response)
        assert deleted.status_code == 200
        assert isinstance(stored, StoredFile | LeadNotFound), stored
        assert await files.of_lead(lead["id"]) == []
    await _nothing_is_left(files, database)


async def test_a_file_of_a_lead_that_is_not_there_is_refused_and_leaves_nothing(
    api: Api, files: FileStore, database: Database
) -> None:
    with pytest.raises(LeadNotFound):
        await files.put(999, "a", b"one")

    await _nothing_is_left(files, database)
