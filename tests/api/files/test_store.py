"""A lead's files, and what clone and delete do to them (contract, "Clone" and "Delete")."""

from datetime import timedelta

import pytest

from leads_api.files.store import FileNotFound, FileStore
from leads_api.mongo.client import Database
from tests.client import Api, Json

AT_ONCE = timedelta(milliseconds=-1)
"""No grace at all: a mark of this very millisecond is old enough."""
LARGE = bytes(range(256)) * 2_000  # two chunks of GridFS


async def _clone(api: Api, lead: Json, copy_files: str = "on") -> Json:
    body = {"lead_title": "Clone", "lead_status": 1, "copy_files": copy_files}
    answer = await api.post(f"/api/leads/{lead['id']}/clone", body)
    assert answer.status_code == 201, answer.text
    clone: Json = answer.json()["data"]
    return clone


async def _delete(api: Api, lead: Json) -> None:
    assert (await api.delete(f"/api/leads/{lead['id']}")).status_code == 200


async def _contents(files: FileStore, lead: Json) -> list[tuple[str, bytes]]:
    return [(file.name, await files.read(file.id)) for file in await files.of_lead(lead["id"])]


@pytest.mark.parametrize("content", [b"", b"text", LARGE])
async def test_a_file_is_read_as_it_was_stored(api: Api, files: FileStore, content: bytes) -> None:
    lead = await api.lead()

    file = await files.put(lead["id"], "offer.pdf", content)

    assert (file.lead, file.name, file.size) == (lead["id"], "offer.pdf", len(content))
    assert await files.of_lead(lead["id"]) == [file]
    assert await files.read(file.id) == content


async def test_a_file_that_is_not_there_is_not_found(api: Api, files: FileStore) -> None:
    with pytest.raises(FileNotFound):
        await files.read(1)


async def test_one_content_is_stored_once(api: Api, files: FileStore, database: Database) -> None:
    one, two = await api.lead(), await api.lead()

    for lead, name in ((one, "a.txt"), (one, "b.txt"), (two, "a.txt")):
        await files.put(lead["id"], name, b"same")

    assert await database["blobs.files"].count_documents({}) == 1
    assert await _contents(files, one) == [("a.txt", b"same"), ("b.txt", b"same")]
    assert await _contents(files, two) == [("a.txt", b"same")]


async def test_a_clone_gets_the_files_as_its_own(api: Api, files: FileStore) -> None:
    lead = await api.lead()
    sources = [await files.put(lead["id"], name, content) for name, content in (("a", b"one"), ("b", LARGE))]

    clone = await _clone(api, lead)

    copies = await files.of_lead(clone["id"])
    assert [(copy.name, copy.size) for copy in copies] == [(source.name, source.size) for source in sources]
    assert await _contents(files, clone) == [("a", b"one"), ("b", LARGE)]
    assert not {copy.id for copy in copies} & {source.id for source in sources}
    assert await files.of_lead(lead["id"]) == sources
    assert (await files.put(lead["id"], "c", b"three")).id not in {copy.id for copy in copies}


async def test_files_are_not_copied_unless_it_is_asked_for(api: Api, files: FileStore) -> None:
    lead = await api.lead()
    await files.put(lead["id"], "a", b"one")

    clone = await _clone(api, lead, copy_files="off")

    assert await files.of_lead(clone["id"]) == []


@pytest.mark.parametrize("first", ["source", "clone"])
async def test_deleting_either_lead_leaves_the_others_files_whole(
    api: Api, files: FileStore, database: Database, first: str
) -> None:
    lead = await api.lead()
    await files.put(lead["id"], "a", LARGE)
    clone = await _clone(api, lead)
    gone, left = (lead, clone) if first == "source" else (clone, lead)

    await _delete(api, gone)
    await files.sweep(AT_ONCE)

    assert await files.of_lead(gone["id"]) == []
    assert await _contents(files, left) == [("a", LARGE)]
    await _delete(api, left)
    await files.sweep(AT_ONCE)
    assert await database["files"].count_documents({}) == 0
    assert await database["blobs.files"].count_documents({}) == 0
    assert await database["blobs.chunks"].count_documents({}) == 0


async def test_a_conversion_that_deletes_the_lead_removes_its_files(api: Api, files: FileStore) -> None:
    lead = await api.lead()
    file = await files.put(lead["id"], "a", b"one")

    await api.client(lead["id"], delete_lead="yes")

    assert await files.of_lead(lead["id"]) == []
    with pytest.raises(FileNotFound):
        await files.read(file.id)


async def test_a_conversion_leaves_the_files_with_the_lead(api: Api, files: FileStore) -> None:
    lead = await api.lead()
    await files.put(lead["id"], "a", b"one")

    await api.client(lead["id"])
    await files.sweep(AT_ONCE)

    assert await _contents(files, lead) == [("a", b"one")]


async def test_a_sweep_removes_what_nothing_refers_to_and_nothing_else(
    api: Api, files: FileStore, database: Database
) -> None:
    lead, other = await api.lead(), await api.lead()
    await files.put(lead["id"], "own", b"own")
    await files.put(lead["id"], "shared", b"shared")
    await files.put(other["id"], "shared", b"shared")
    await files.put(other["id"], "other", LARGE)
    await _delete(api, lead)

    await files.sweep(AT_ONCE)

    assert await _contents(files, other) == [("shared", b"shared"), ("other", LARGE)]
    assert await database["blobs.files"].count_documents({}) == 2
    blobs = [blob["_id"] async for blob in database["blobs.files"].find()]
    assert await database["blobs.chunks"].count_documents({"files_id": {"$nin": blobs}}) == 0


async def test_a_content_without_references_stays_for_the_grace(api: Api, files: FileStore, database: Database) -> None:
    lead = await api.lead()
    await files.put(lead["id"], "a", b"one")
    await _delete(api, lead)

    await files.sweep(timedelta(hours=1))
    await files.sweep()
    kept = await database["blobs.files"].count_documents({})
    await files.sweep(AT_ONCE)

    assert kept == 1
    assert await database["blobs.files"].count_documents({}) == 0


async def test_a_content_that_is_stored_again_in_its_grace_stays(api: Api, files: FileStore) -> None:
    lead, other = await api.lead(), await api.lead()
    await files.put(lead["id"], "a", b"one")
    await _delete(api, lead)

    await files.put(other["id"], "b", b"one")
    await files.sweep(AT_ONCE)

    assert await _contents(files, other) == [("b", b"one")]


async def test_a_content_can_be_stored_again_after_it_was_swept(api: Api, files: FileStore) -> None:
    lead, other = await api.lead(), await api.lead()
    await files.put(lead["id"], "a", b"one")
    await _delete(api, lead)
    await files.sweep(AT_ONCE)

    await files.put(other["id"], "b", b"one")

    assert await _contents(files, other) == [("b", b"one")]
