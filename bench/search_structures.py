"""Which search structure? Size, insert cost and find latency of several, on MongoDB's own storage engine.

    python -m bench.search_structures --folder /tmp/structures --leads 10000,100000,1000000

Needs WiredTiger's Python module, which comes with SecantusDB (`pip install '.[embedded]'`). No server takes part: a
table is made of what a multikey index holds for the leads of data.py (KeyString of a piece, then the record id, with
MongoDB's settings of an index), one of the documents, one of the index on `dates.created`. A query's plan is played on
them: read the range of one word, get the candidates' documents, check, sort; or walk `dates.created` backwards and
check, until 25 are found. MongoDB tries both, and goes on with the one that is done first. Times are CPU times, so that
others on the machine do not count; nothing is logged, and all tables fit into the cache.
"""

import argparse
import importlib
import itertools
import shutil
import statistics
import sys
import time
import timeit
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import bson
from msgspec import Struct

from bench.data import lead
from leads_api.folding import letters

Result = TypeVar("Result")
Cells = tuple[float | None, ...]
"""How many leads are read, milliseconds of their entries, and of their documents; nothing if the plan is not for it."""
_TIMED = 1000  # of so many leads, the last ones before each size, the inserts are timed
_READ_AT_MOST = 60_000  # of more candidates so many are read, and the time is scaled up; a longer walk is given up
_INDEX = "key_format=u,value_format=u,prefix_compression=true,internal_page_max=16k,leaf_page_max=16k"
_DOCUMENTS = "key_format=u,value_format=u,leaf_page_max=32k,leaf_value_max=64MB,block_compressor=lz4"


class Structure(Struct, frozen=True):
    """One way to cut words into pieces."""

    name: str
    longest: int = sys.maxsize
    shortest: int = 1
    """A longer word is looked up by a part of it, and checked in the candidates' texts; a shorter one not at all."""
    exact: bool = False
    """Whether the pieces are all parts of these lengths, found by equality; else endings, found by their beginning."""

    def cut(self, words: set[str]) -> set[str]:
        """Return the pieces of words."""
        if not self.exact:
            return {word[start : start + self.longest] for word in words for start in range(len(word))}
        lengths = range(self.shortest, self.longest + 1)
        return {word[i : i + n] for word in words for n in lengths for i in range(len(word) - n + 1)}


STRUCTURES = [
    Structure("endings"),
    Structure("endings of 12", 12),
    Structure("endings of 8", 8),
    Structure("endings of 3", 3),
    Structure("trigrams", 3, shortest=3, exact=True),
    Structure("1 to 3 letters", 3, exact=True),
]


def searches(leads: int) -> dict[str, str]:
    """Return words to search for at a size, by how many leads have them. The e-mails of data.py hold the ids."""
    digits = "12345678"[: len(str(leads)) - 3]
    return {
        "1 lead": f".{leads * 2 // 3}@",
        "111 leads": f".{digits}",
        "1111 leads": f".{digits[:-1]}",
        "few, common trigrams": f"e.silva.{digits[:-1]}",
        "two words, one has 111": f"security .{digits}",
        "1 in 256": "lumenmaple",
        "1 in 16": "silva",
        "half, two letters": "er",
        "half, one letter": "u",
        "two words, half each": "er in",
    }


class Table:
    """A table. The engine's own functions are called, as packing in Python would take longer than they do."""

    def __init__(self, session: Any, name: str, kind: str) -> None:
        session.create(f"table:{name}", kind)
        cursor = session.open_cursor(f"table:{name}")
        self.name, self._cursor = name, cursor
        self._set_key, self._set_value = cursor._set_key, cursor._set_value  # noqa: SLF001 - see above
        self._key, self._value = cursor._get_key, cursor._get_value  # noqa: SLF001

    def insert(self, key: bytes, value: bytes = b"") -> None:
        """Write an entry."""
        self._set_key(key)
        self._set_value(value)
        self._cursor.insert()

    def value(self, key: bytes) -> bytes:
        """Return the value of a key that is there."""
        self._set_key(key)
        self._cursor.search()
        return bytes(self._value())

    def beginning(self, start: bytes) -> Iterator[bytes]:
        """Yield the record ids of the keys that begin so."""
        self._set_key(start)
        place = self._cursor.search_near()
        more = place > 0 or (place == -1 and self._cursor.next() == 0)
        while more and (key := self._key()).startswith(start):
            yield key[-4:]
            more = self._cursor.next() == 0

    def backwards(self) -> Iterator[bytes]:
        """Yield the record ids of all keys, the last one first."""
        self._cursor.reset()
        while self._cursor.prev() == 0:
            yield self._key()[-4:]


class Leads:
    """The tables of the leads, and the plans of queries on them."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        engine: Any = importlib.import_module("wiredtiger")
        self._folder, self._connection = folder, engine.wiredtiger_open(str(folder), "create,cache_size=6G")
        self.session = self._connection.open_session()
        self._documents = Table(self.session, "documents", _DOCUMENTS)
        self._created = Table(self.session, "created", _INDEX)

    def megabytes(self, name: str = "documents") -> float:
        """Return what a table takes on disk."""
        self.session.checkpoint()
        return (self._folder / f"{name}.wt").stat().st_size / 1e6

    def fill(self, numbers: range) -> None:
        """Write leads, and their entries of the index on `dates.created`."""
        for number in numbers:
            record = _record_id(number)
            document = lead(number, [3, 4, 5], [2, 3, 4, 5, 6])
            created = int(document["dates"]["created"].timestamp() * 1000).to_bytes(8, "big").hex().encode()
            texts = letters(" ".join([document["title"], *map(document["contact"].get, ("company_name", "email"))]))
            parts = [created, texts.encode(), bson.encode(document)]
            self._documents.insert(record, b"\n".join(parts))
            self._created.insert(b"x" + created + b"\4" + record)

    def read(self, record: bytes) -> list[bytes]:
        """Get a document; return when the lead was created, its texts, and the rest."""
        return self._documents.value(record).split(b"\n", 2)

    def insert(self, structure: Structure, index: Table, numbers: range) -> tuple[int, float]:
        """Write the entries of some leads; return how many they are, and the microseconds of a lead at the end."""
        entries, seconds = 0, 0.0
        for number in numbers:
            end = b"\0\4" + _record_id(number)
            pieces = structure.cut(set(self.read(end[2:])[1].decode().split()))
            keys = [b"<" + piece.encode() + end for piece in pieces]
            entries += len(keys)
            start = time.thread_time()
            self.session.begin_transaction()
            for key in keys:
                index.insert(key)
            self.session.commit_transaction()
            seconds += time.thread_time() - start if number > numbers[-1] - _TIMED else 0.0
        return entries, seconds * 1e6 / _TIMED

    def walk(self, search: str) -> Cells:
        """Play the plan that walks `dates.created`."""

        def newest() -> int:
            walked = enumerate(itertools.islice(self._created.backwards(), _READ_AT_MOST), start=1)
            found = (place for place, record in walked if _match(search, self.read(record)[1]))
            return next(itertools.islice(found, 24, None), 0)

        documents_ms, read = timed(newest)
        return (read, None, documents_ms) if read else ()

    def look_up(self, structure: Structure, index: Table, search: str) -> Cells:
        """Play the plan that reads a range of the index: the smallest of all words and pieces of longer ones."""
        words = search.split()
        if min(map(len, words)) < structure.shortest:
            return ()
        cuts = [structure.cut({w}) if structure.exact and len(w) > structure.longest else {w} for w in words]
        starts = [b"<" + p[: structure.longest].encode() + b"\0" * structure.exact for p in itertools.chain(*cuts)]

        def newest(records: Iterable[bytes]) -> int:
            rows = [self.read(record) for record in itertools.islice(records, _READ_AT_MOST)]
            sorted(row for row in rows if _match(search, row[1]))
            return len(rows)

        start = min(starts, key=lambda each: len(set(index.beginning(each))))
        range_ms, candidates = timed(lambda: set(index.beginning(start)))
        documents_ms, read = timed(lambda: newest(candidates))
        documents_ms *= len(candidates) / (read or 1)
        return len(candidates), range_ms, documents_ms


def _record_id(number: int) -> bytes:
    return number.to_bytes(4, "big")  # KeyString takes a byte less for the first 262 144


def _match(search: str, texts: bytes) -> bool:
    return all(word in texts for word in search.encode().split())


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Return the median of three runs in milliseconds of CPU time, and what came out."""
    return statistics.median(timeit.repeat(work, timer=time.thread_time, number=1, repeat=3)) * 1000, work()


def write(*cells: str | float | None) -> None:
    """Write a row of a table, what was not measured empty."""
    shown = [f"{cell:.2f}" if isinstance(cell, float) else "" if cell is None else str(cell) for cell in cells]
    sys.stdout.write(f"| {' | '.join(shown)} |\n")
    sys.stdout.flush()


def main() -> None:
    """Measure, and write tables in Markdown as the figures come."""
    parser = argparse.ArgumentParser(prog="python -m bench.search_structures", description="Measure search structures.")
    parser.add_argument("--folder", type=Path, required=True, help="for the tables; emptied first")
    parser.add_argument("--leads", default="10000,100000,1000000", help="sizes, ascending")
    parser.add_argument("--structures", default=",".join(each.name for each in STRUCTURES))
    options = parser.parse_args()
    leads = Leads(options.folder)
    chosen = [each for each in STRUCTURES if each.name in options.structures.split(",")]
    indexes = {each.name: Table(leads.session, each.name.replace(" ", "-"), _INDEX) for each in chosen}
    entries = dict.fromkeys(indexes, 0)
    write("leads", "structure", "entries a lead", "MB on disk", "insert, us a lead")
    for before, size in itertools.pairwise([0, *map(int, options.leads.split(","))]):
        leads.fill(new := range(before + 1, size + 1))
        write(size, "documents", None, leads.megabytes())
        for each in chosen:
            more, microseconds = leads.insert(each, indexes[each.name], new)
            entries[each.name] += more
            write(size, each.name, entries[each.name] / size, leads.megabytes(indexes[each.name].name), microseconds)
        write("leads", "search", "words", "plan", "leads read", "range ms", "documents ms")
        for kind, search in searches(size).items():
            write(size, kind, search, "walk by date", *leads.walk(search))
            for each in chosen:
                write(size, kind, search, each.name, *leads.look_up(each, indexes[each.name], search))


if __name__ == "__main__":
    main()
