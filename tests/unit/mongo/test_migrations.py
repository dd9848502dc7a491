"""What is done to a document of which version (app/leads_api/mongo/migrations.py), and what the service declares."""

from typing import Any

from leads_api.mongo.client import Document
from leads_api.mongo.migrations import Step, bring_up_to_date, projection
from leads_api.setup import INDEXES, STEPS


class Collection:
    """Holds documents; sees what is written, and answers that it was done."""

    name = "leads"

    def __init__(self) -> None:
        self.writes: list[tuple[Document, Document]] = []

    async def bulk_write(self, writes: list[Any], *, ordered: bool) -> Any:
        self.writes += [(write._filter, write._doc) for write in writes]

        class Result:
            modified_count = len(writes)

        return Result

    def find(self, *_: object) -> Any:
        async def nothing() -> Any:
            return
            yield

        return nothing()


async def written(steps: list[Step], *documents: Document) -> list[tuple[Document, Document]]:
    collection: Any = Collection()
    await bring_up_to_date(collection, steps, list(documents))
    writes: list[tuple[Document, Document]] = collection.writes
    return writes


def renamed(document: Document) -> Document:
    return {"$set": {"origin": document.get("source")}, "$unset": {"source": ""}}


STEPS_TO_3 = [Step(2, {"$unset": {"dead": ""}}), Step(3, renamed, reads=("source",), stale=("source",))]


async def test_a_document_takes_all_steps_behind_its_version_in_one_update() -> None:
    assert await written(STEPS_TO_3, {"_id": 1, "source": "Fair"}, {"_id": 2, "schema_version": 2}) == [
        (
            {"_id": 1, "schema_version": None, "source": {"$eq": "Fair"}},
            {"$unset": {"dead": "", "source": ""}, "$set": {"origin": "Fair", "schema_version": 3}},
        ),
        (
            {"_id": 2, "schema_version": 2, "source": {"$exists": False}},
            {"$unset": {"source": ""}, "$set": {"origin": None, "schema_version": 3}},
        ),
    ]


async def test_a_step_sees_what_the_steps_before_it_have_done() -> None:
    steps = [
        Step(2, {"$set": {"a.b": 1}, "$unset": {"c": ""}}),
        Step(3, lambda document: {"$set": {"c": document["a"]["b"], "d": "c" in document}}, reads=("c",)),
    ]

    ((wanted, update),) = await written(steps, {"_id": 1, "c": 5})

    assert wanted == {"_id": 1, "schema_version": None, "c": {"$eq": 5}}
    assert update == {"$set": {"a.b": 1, "c": 1, "d": False, "schema_version": 3}}


async def test_an_update_made_of_what_was_read_finds_only_what_was_read() -> None:
    read, lacking = {"_id": 1, "schema_version": 2, "source": "Fair"}, {"_id": 2, "schema_version": 2}

    (first, update), (second, _) = await written(STEPS_TO_3, read, lacking)

    assert first == {"_id": 1, "schema_version": 2, "source": {"$eq": "Fair"}}
    assert update == {"$set": {"origin": "Fair", "schema_version": 3}, "$unset": {"source": ""}}
    assert second == {"_id": 2, "schema_version": 2, "source": {"$exists": False}}


async def test_what_an_old_process_wrote_into_a_new_document_is_brought_up_to_date() -> None:
    document = {"_id": 1, "schema_version": 3, "source": "Web"}

    ((wanted, update),) = await written(STEPS_TO_3, document)

    assert wanted == document | {"source": {"$eq": "Web"}}
    assert update["$set"]["origin"] == "Web"


def upper(document: Document) -> Document:
    return {"$set": {"upper": document["text"].upper(), "length": len(document["text"])}}


COMPUTED = [Step(2), Step(3, upper, reads=("text",), computes=("upper", "length"))]


async def test_values_that_are_there_already_are_not_written_again() -> None:
    right: Document = {"text": "é", "upper": "É", "length": 1}

    (whole, half, none) = await written(
        COMPUTED,
        {"_id": 1, "schema_version": 2, "text": "é"},
        {"_id": 2, "schema_version": 2, **right, "upper": "é"},
        {"_id": 3, "schema_version": 2, **right},
    )

    assert whole[1] == {"$set": {"upper": "É", "length": 1, "schema_version": 3}}
    assert half[1] == {"$set": {"upper": "É", "schema_version": 3}}
    assert none == ({"_id": 3, "schema_version": 2, "text": {"$eq": "é"}}, {"$set": {"schema_version": 3}})


async def test_a_computed_value_that_does_not_fit_is_computed_again() -> None:
    old: Document = {"_id": 1, "schema_version": 3, "text": "é", "upper": "old", "length": 1}

    ((wanted, update),) = await written(COMPUTED, old, old | {"_id": 2, "upper": "É"})

    assert wanted == {"_id": 1, "schema_version": 3, "text": {"$eq": "é"}}
    assert update == {"$set": {"upper": "É", "schema_version": 3}}


async def test_documents_of_this_version_of_later_ones_and_of_no_known_form_are_left_alone() -> None:
    alone: list[Document] = [{"_id": 1, "schema_version": 3}, {"_id": 2, "schema_version": 4, "source": "x"}]

    assert await written(STEPS_TO_3, *alone, {"_id": 3, "schema_version": "x"}) == []


async def test_a_document_that_a_step_cannot_read_keeps_no_other_out() -> None:
    def strict(document: Document) -> Document:
        return {"$set": {"half": document["whole"] // 2}}

    collection: Any = Collection()

    outcome = await bring_up_to_date(
        collection, [Step(2, strict, reads=("whole",))], [{"_id": 1, "whole": "x"}, {"_id": 2, "whole": 4}]
    )

    assert [wanted["_id"] for wanted, _ in collection.writes] == [2]
    assert (outcome.changed, outcome.failed) == (1, 1)


def test_only_what_steps_look_at_is_read() -> None:
    steps = [Step(2, stale=("folded.company",)), Step(3, renamed, reads=("folded", "source"), computes=("search",))]

    assert projection(steps) == {"schema_version": 1, "folded": 1, "source": 1, "search": 1}


def test_every_collection_has_a_step_to_each_version_and_one_place_for_it() -> None:
    assert STEPS.keys() | {"blobs.chunks"} == INDEXES.keys() | {"counters", "positions"}
    for collection, steps in STEPS.items():
        assert [step.version for step in steps] == list(range(2, len(steps) + 2)), collection
        assert len({step.path for step in steps}) == 1, collection
