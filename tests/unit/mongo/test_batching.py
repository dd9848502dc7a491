"""Calls that travel together (app/leads_api/mongo/batching.py)."""

import asyncio
from typing import Any

import pytest
from pymongo.errors import BulkWriteError, DuplicateKeyError, NetworkTimeout, OperationFailure

from leads_api.errors import Unavailable
from leads_api.mongo import batching
from leads_api.mongo.batching import CHECK_SECONDS, FAIR_SECONDS, MAX_BATCH, Batcher, SingleFlight, insert_each
from leads_api.mongo.client import LEAST_SECONDS, LONGEST_SECONDS, DeadlinePassed, deadline, until
from leads_api.mongo.faults import as_failure


class Desk:
    """Performs batches when it is told to, and remembers them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self._gates: list[asyncio.Event] = []
        self._waits = True
        self._came = asyncio.Condition()

    async def perform(self, requests: list[int]) -> list[int | Exception]:
        gate = asyncio.Event()
        if not self._waits:
            gate.set()
        self.batches.append(requests)
        self._gates.append(gate)
        async with self._came:
            self._came.notify_all()
        await gate.wait()
        return [ValueError(request) if request < 0 else request * 10 for request in requests]

    async def came(self, count: int) -> None:
        """Wait until so many batches are, or were, under way."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.batches) >= count)

    def finish(self, batch: int) -> None:
        self._gates[batch].set()

    def finish_all(self) -> None:
        """Finish what is under way, and all that comes from now on."""
        self._waits = False
        for gate in self._gates:
            gate.set()


def ask(batcher: Batcher[int, int], *requests: int) -> list[asyncio.Task[int]]:
    async def asked(request: int) -> int:
        return await batcher(request)

    return [asyncio.create_task(asked(request)) for request in requests]


async def crowded(desk: Desk, *requests: int) -> tuple[Batcher[int, int], list[asyncio.Task[int]]]:
    """Let a request, 0, be under way, and others wait behind it."""
    batcher = Batcher(desk.perform)
    first = ask(batcher, 0)
    await desk.came(1)
    waiting = ask(batcher, *requests)
    await asyncio.sleep(0)
    return batcher, [*first, *waiting]


async def test_a_lone_request_waits_for_nobody() -> None:
    desk = Desk()
    batcher = Batcher(desk.perform)

    (answer,) = ask(batcher, 7)
    await desk.came(1)
    desk.finish(0)

    assert await answer == 70
    assert desk.batches == [[7]]


async def test_what_waits_travels_together_and_everyone_gets_their_own_answer() -> None:
    desk = Desk()
    _, answers = await crowded(desk, *range(100, 200))

    desk.finish(0)
    await desk.came(2)
    desk.finish(1)

    assert desk.batches == [[0], list(range(100, 200))]
    assert [await answer for answer in answers] == [0, *range(1000, 2000, 10)]


async def test_a_request_never_joins_a_batch_that_was_sent() -> None:
    desk = Desk()
    batcher, _ = await crowded(desk, 5)
    desk.finish(0)
    await desk.came(2)

    late = ask(batcher, 6)
    await asyncio.sleep(0)
    desk.finish(1)
    await desk.came(3)
    desk.finish(2)

    assert await late[0] == 60
    assert desk.batches == [[0], [5], [6]]


async def test_one_that_fails_does_not_fail_the_others() -> None:
    desk = Desk()
    _, answers = await crowded(desk, 3, -1, 4)

    desk.finish(0)
    await desk.came(2)
    desk.finish(1)

    outcomes = await asyncio.gather(*answers[1:], return_exceptions=True)
    assert outcomes[0] == 30
    assert isinstance(outcomes[1], ValueError)
    assert outcomes[2] == 40


async def test_a_caller_who_goes_disturbs_nobody() -> None:
    desk = Desk()
    _, answers = await crowded(desk, 3, 4, 5)
    sent, waiting = answers[0], answers[2]

    sent.cancel()
    waiting.cancel()
    await asyncio.gather(sent, waiting, return_exceptions=True)
    desk.finish(0)
    await desk.came(2)
    desk.finish(1)

    assert desk.batches == [[0], [3, 5]]
    assert [await answers[1], await answers[3]] == [30, 50]


async def test_a_batch_that_fails_as_a_whole_is_every_callers_failure_and_the_next_one_works() -> None:
    fails = True

    async def perform(requests: list[int]) -> list[int | Exception]:
        if fails:
            raise ConnectionError
        return list(requests)

    batcher = Batcher(perform)

    outcomes = await asyncio.gather(*ask(batcher, 1, 2, 3), return_exceptions=True)
    fails = False

    assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 3
    assert await batcher(4) == 4


async def test_too_many_who_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MAX_BATCH", 3)
    monkeypatch.setattr(batching, "MAX_WAITING", 3)
    desk = Desk()
    batcher, answers = await crowded(desk, 1, 2, 3)

    with pytest.raises(Unavailable):
        await batcher(4)

    desk.finish(0)
    await desk.came(2)
    desk.finish(1)
    assert await asyncio.gather(*answers) == [0, 10, 20, 30]


async def test_who_would_wait_for_too_long_is_refused_at_once_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    monkeypatch.setattr(batching, "MAX_BATCH", 3)
    desk = Desk()
    desk.finish_all()
    batcher = Batcher(desk.perform, writes=True)
    batcher._seconds = 2
    first = ask(batcher, *range(9))
    await asyncio.sleep(0)  # three batches wait: 6 s

    with deadline(9.9), pytest.raises(Unavailable, match="unavailable"):
        await batcher(9)
    with deadline(10.2):
        assert await batcher(10) == 100

    await asyncio.gather(*first)


async def test_a_batch_that_is_cut_off_leaves_nobody_waiting() -> None:
    async def perform(requests: list[int]) -> list[int | Exception]:
        if 1 in requests:
            raise asyncio.CancelledError
        return list(requests)

    batcher = Batcher(perform)

    outcomes = await asyncio.wait_for(asyncio.gather(*ask(batcher, 1, 2), return_exceptions=True), 10)

    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 2
    assert await batcher(3) == 3


class Timed:
    """Performs batches when it is told to, and remembers the deadline of each."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[int], float]] = []
        self.going = asyncio.Event()

    async def perform(self, requests: list[int]) -> list[int | Exception]:
        self.batches.append((requests, until()))
        await self.going.wait()
        return list(requests)

    def __call__(self, *seconds: float, writes: bool) -> tuple[list[float], list[asyncio.Task[int]]]:
        """Let one request be under way, and others wait behind it; return the deadlines of all."""
        batcher = Batcher(self.perform, writes=writes)
        lates: list[float] = []

        async def asked(request: int) -> int:
            with deadline(seconds[request]):
                lates.append(until())
                return await batcher(request)

        return lates, [asyncio.create_task(asked(request)) for request in range(len(seconds))]


@pytest.mark.usefixtures("clock")
async def test_a_batch_of_reads_ends_at_the_latest_deadline_of_those_who_wait_for_it() -> None:
    timed = Timed()
    lates, answers = timed(50, 20, 40, writes=False)
    await asyncio.sleep(0)
    timed.going.set()
    await asyncio.gather(*answers)

    assert [batch for batch, _ in timed.batches] == [[0, 1, 2]]
    assert timed.batches[0][1] == pytest.approx(lates[0])


@pytest.mark.usefixtures("clock")
async def test_a_batch_of_writes_ends_at_the_earliest_deadline_and_those_with_much_more_time_go_into_the_next() -> None:
    timed = Timed()
    lates, answers = timed(10, 11, 50, 15, 45, writes=True)
    await asyncio.sleep(0)
    timed.going.set()
    await asyncio.gather(*answers)

    assert [batch for batch, _ in timed.batches] == [[0, 1, 3], [2, 4]]
    assert [late for _, late in timed.batches] == pytest.approx([lates[0], lates[4]])


async def test_a_batch_outside_of_requests_has_a_deadline_too(clock: list[float]) -> None:
    timed = Timed()
    timed.going.set()

    await Batcher(timed.perform)(1)

    assert timed.batches[0][1] == clock[0] + LONGEST_SECONDS


@pytest.mark.parametrize("writes", [True, False])
async def test_who_has_next_to_no_time_left_is_not_sent(clock: list[float], writes: bool) -> None:
    desk = Desk()
    batcher = Batcher(desk.perform, writes=writes)
    first = ask(batcher, 1)
    await desk.came(1)
    with deadline(1):
        late = ask(batcher, 2)
    waits = ask(batcher, 3)
    await asyncio.sleep(0)
    clock[0] += 1 - LEAST_SECONDS / 2
    desk.finish_all()

    assert await first[0] == 10
    with pytest.raises(DeadlinePassed):
        await late[0]
    assert await waits[0] == 30
    assert desk.batches == [[1], [3]]


@pytest.mark.parametrize("as_a_whole", [True, False])
@pytest.mark.parametrize(("seconds", "refused"), [(FAIR_SECONDS, True), (FAIR_SECONDS / 2, False)])
async def test_those_who_wait_behind_a_write_that_was_not_answered_for_long_are_refused_and_never_sent(
    clock: list[float], as_a_whole: bool, seconds: float, refused: bool
) -> None:
    sent: list[list[int]] = []
    under_way, lost = asyncio.Event(), asyncio.Event()

    async def perform(requests: list[int]) -> list[int | Exception]:
        sent.append(requests)
        under_way.set()
        await lost.wait()
        if requests != [1]:
            return list(requests)
        if as_a_whole:
            raise NetworkTimeout
        return [NetworkTimeout()]

    batcher = Batcher(perform, writes=True)
    first = ask(batcher, 1)
    await under_way.wait()
    waiting = ask(batcher, 2, 3)
    await asyncio.sleep(0)
    clock[0] += seconds
    lost.set()
    outcomes = await asyncio.gather(*first, *waiting, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [NetworkTimeout, *([Unavailable] * 2 if refused else [int] * 2)]
    assert sent == ([[1]] if refused else [[1], [2, 3]])


async def checked() -> None:
    """Let the timer look several times whether a batch takes long."""
    await asyncio.sleep(5 * CHECK_SECONDS)


@pytest.mark.parametrize("idle_before", [False, True])
async def test_those_who_would_be_late_behind_a_batch_of_reads_are_sent_beside_it(
    clock: list[float], idle_before: bool
) -> None:
    desk = Desk()
    batcher = Batcher(desk.perform)
    if idle_before:
        earlier = ask(batcher, 0)
        await desk.came(1)
        desk.finish(0)
        await asyncio.gather(*earlier)
        await checked()
    before = len(desk.batches)
    with deadline(5):
        answers = ask(batcher, 1)
        await desk.came(before + 1)
    clock[0] += 1
    with deadline(5):
        answers += ask(batcher, 2, 3)
    await checked()
    early = desk.batches[before:]
    clock[0] += 2  # the first has taken 3 s until now, as long as the others still have
    await asyncio.wait_for(desk.came(before + 2), 10)
    desk.finish_all()

    assert early == [[1]]
    assert desk.batches[before:] == [[1], [2, 3]]
    assert await asyncio.gather(*answers) == [10, 20, 30]


async def test_the_next_batch_of_writes_waits_for_the_one_under_way(clock: list[float]) -> None:
    desk = Desk()
    batcher = Batcher(desk.perform, writes=True)
    with deadline(5):
        answers = ask(batcher, 1)
        await desk.came(1)
        answers += ask(batcher, 2)
        await asyncio.sleep(0)
    clock[0] += 4
    await checked()
    sent = list(desk.batches)
    desk.finish_all()
    await asyncio.gather(*answers)

    assert sent == [[1]]


async def test_no_more_than_two_batches_are_under_way_however_long_they_take(clock: list[float]) -> None:
    desk = Desk()
    batcher = Batcher(desk.perform)
    with deadline(5):
        answers = ask(batcher, 1)
        await desk.came(1)
        answers += ask(batcher, 2)
        await asyncio.sleep(0)
        clock[0] += 3
        await asyncio.wait_for(desk.came(2), 10)
        answers += ask(batcher, 3)
        await asyncio.sleep(0)
        clock[0] += 1.5
        await checked()
    sent = list(desk.batches)
    desk.finish_all()
    await asyncio.gather(*answers, return_exceptions=True)

    assert sent == [[1], [2]]


async def test_after_a_batch_that_was_overtaken_everything_goes_on_as_before(clock: list[float]) -> None:
    desk = Desk()
    batcher = Batcher(desk.perform)
    slow = ask(batcher, 1)
    await desk.came(1)
    with deadline(5):
        overtaking = ask(batcher, 2)
        await asyncio.sleep(0)
    clock[0] += 4
    await asyncio.wait_for(desk.came(2), 10)
    desk.finish(1)
    await overtaking[0]

    beside = ask(batcher, 3)
    await desk.came(3)
    desk.finish(2)
    assert await beside[0] == 30
    desk.finish(0)
    assert await slow[0] == 10
    assert batcher.idle
    desk.finish_all()
    assert await ask(batcher, 4)[0] == 40


@pytest.mark.parametrize(("gathers", "second"), [(True, [1, 2]), (False, [2])])
async def test_who_asks_again_at_once_joins_those_who_wait_if_they_are_to_be_gathered(
    gathers: bool, second: list[int]
) -> None:
    desk = Desk()
    batcher = Batcher(desk.perform, gathers=gathers)

    async def asks_again() -> None:
        await batcher(0)
        await batcher(1)

    again = asyncio.create_task(asks_again())
    await desk.came(1)
    waiting = ask(batcher, 2)
    await asyncio.sleep(0)
    desk.finish(0)
    await desk.came(2)
    desk.finish(1)
    if not gathers:
        await desk.came(3)
        desk.finish(2)
    await asyncio.gather(again, *waiting)

    assert sorted(desk.batches[1]) == second


async def test_who_asks_again_is_not_waited_for_when_enough_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "WORTHWHILE", 2)
    desk = Desk()
    batcher = Batcher(desk.perform, gathers=True)

    async def asks_again() -> None:
        await batcher(0)
        await batcher(1)

    again = asyncio.create_task(asks_again())
    await desk.came(1)
    waiting = ask(batcher, 2, 3)
    await asyncio.sleep(0)
    for batch in range(3):
        await desk.came(batch + 1)
        desk.finish(batch)
    await asyncio.gather(again, *waiting)

    assert desk.batches == [[0], [2, 3], [1]]


class Refusing:
    """A collection that refuses the first document of each batch."""

    def __init__(self, **details: Any) -> None:
        self._details = details

    async def insert_many(self, documents: list[Any], *, ordered: bool) -> None:
        raise BulkWriteError({"writeErrors": [{"index": 0, "code": 11000, "errmsg": "taken"}]} | self._details)


async def test_a_batch_of_creates_that_may_be_lost_is_acknowledged_to_nobody() -> None:
    refusing: Any = Refusing(writeConcernErrors=[{"code": 64, "errmsg": "waiting for replication timed out"}])

    with pytest.raises(BulkWriteError):
        await insert_each(refusing, [{"_id": 1}, {"_id": 2}])


async def test_a_create_that_is_refused_is_refused_alone() -> None:
    refusing: Any = Refusing()

    taken, written = await insert_each(refusing, [{"_id": 1}, {"_id": 2}])

    assert isinstance(taken, Exception)
    assert written == {"_id": 2}


class TooLarge:
    """A collection of a server that refuses a batch because of one document."""

    def __init__(self) -> None:
        self.there: dict[int, Any] = {}

    async def insert_many(self, documents: list[Any], *, ordered: bool) -> None:
        self.there[documents[0]["_id"]] = documents[0]
        raise OperationFailure("BSONObj size: 16777300 is invalid", 10334)

    async def insert_one(self, document: Any) -> None:
        if document["_id"] in self.there:
            raise DuplicateKeyError("taken", 11000)
        if document.get("large"):
            raise OperationFailure("BSONObj size: 16777300 is invalid", 10334)
        self.there[document["_id"]] = document

    async def find_one(self, query: Any) -> Any:
        return self.there.get(query["_id"])


async def test_of_a_batch_that_the_server_refuses_for_its_size_one_document_is_refused() -> None:
    collection: Any = TooLarge()
    collection.there[4] = {"_id": 4, "text": "there before"}
    documents = [{"_id": 1}, {"_id": 2, "large": True}, {"_id": 3}, {"_id": 4}]

    outcomes = await insert_each(collection, documents)

    assert [type(outcome) for outcome in outcomes] == [dict, OperationFailure, dict, DuplicateKeyError]
    assert isinstance(outcomes[1], OperationFailure)
    assert as_failure(outcomes[1]).status == 422
    assert set(collection.there) == {1, 3, 4}


async def test_more_than_a_batch_may_hold_are_split_and_everyone_gets_their_own_answer() -> None:
    desk = Desk()
    many = range(1, 2 * MAX_BATCH + 2)
    _, answers = await crowded(desk, *many)

    desk.finish_all()

    assert await asyncio.gather(*answers) == [0, *range(10, 10 * len(many) + 1, 10)]
    assert max(len(batch) for batch in desk.batches) <= MAX_BATCH
    assert sorted(request for batch in desk.batches for request in batch) == [0, *many]


async def test_however_many_ask_the_same_they_share_a_call() -> None:
    asked: list[int] = []
    go_on = asyncio.Event()

    async def perform(request: int) -> int:
        asked.append(request)
        await go_on.wait()
        return 10 * request

    flight = SingleFlight(perform)
    answers = [asyncio.create_task(flight(b"the same", 7)) for _ in range(2 * MAX_BATCH)]
    await asyncio.sleep(0)
    go_on.set()

    assert await asyncio.gather(*answers) == [70] * len(answers)
    assert len(asked) <= 2


async def test_draining_waits_for_all_that_wait() -> None:
    desk = Desk()
    batcher, answers = await crowded(desk, 1, 2, 3)
    draining = asyncio.create_task(batcher.drain())

    desk.finish(0)
    await desk.came(2)
    still = not draining.done()
    desk.finish(1)
    await draining

    assert still
    assert all(answer.done() for answer in answers)


async def test_those_who_ask_the_same_share_an_answer_and_others_do_not_wait_for_it() -> None:
    gates = {question: asyncio.Event() for question in "ab"}
    asked: list[str] = []
    sent = asyncio.Event()

    async def perform(question: str) -> str:
        asked.append(question)
        sent.set()
        await gates[question].wait()
        return question.upper()

    shared = SingleFlight(perform)

    async def ask_for(question: str) -> str:
        return await shared(question.encode(), question)

    first = asyncio.create_task(ask_for("a"))
    await sent.wait()
    same = [asyncio.create_task(ask_for("a")) for _ in range(3)]
    other = asyncio.create_task(ask_for("b"))
    gates["b"].set()

    assert await other == "B"
    assert not first.done()
    gates["a"].set()
    assert await asyncio.gather(first, *same) == ["A"] * 4
    assert asked == ["a", "b", "a"], "who comes after a question was sent shares the next one"


async def test_draining_waits_for_what_those_who_ask_the_same_wait_for() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def perform(request: int) -> int:
        asked.set()
        await go_on.wait()
        return request

    flight = SingleFlight(perform)
    answer = asyncio.create_task(flight(b"one", 1))
    await asked.wait()
    draining = asyncio.create_task(flight.drain())
    await asyncio.sleep(0)

    assert not draining.done()
    go_on.set()
    await draining
    assert answer.done()


async def test_of_many_questions_none_is_forgotten_that_somebody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leads_api.mongo.batching._REMEMBERED", 2)
    asked: list[int] = []
    sent, go_on = asyncio.Event(), asyncio.Event()

    async def perform(request: int) -> int:
        asked.append(request)
        if request == 0:
            sent.set()
            await go_on.wait()
        return request

    flight = SingleFlight(perform)
    first = asyncio.create_task(flight(b"0", 0))
    await sent.wait()
    for request in (1, 2, 3):
        await flight(b"%d" % request, request)
    same = [asyncio.create_task(flight(b"0", 0)) for _ in range(5)]
    for _ in range(20):
        await asyncio.sleep(0)

    assert asked == [0, 1, 2, 3], "those who ask the same wait for the next call, and make none of their own"
    go_on.set()
    await asyncio.gather(first, *same)
    assert asked.count(0) == 2


async def test_of_those_who_ask_for_a_list_that_takes_long_not_all_are_late(clock: list[float]) -> None:
    """The list takes 3 s, and callers have 5. One asks every quarter of a second."""
    began: list[float] = []
    ends = asyncio.Event()

    async def perform(question: str) -> str:
        began.append(clock[0])
        await ends.wait()
        return question.upper()

    shared = SingleFlight(perform)

    async def ask_for(question: str) -> str:
        with deadline(5):
            return await shared(question.encode(), question)

    answers = []
    for _ in range(12):
        answers.append(asyncio.create_task(ask_for("a")))
        await checked()
        clock[0] += 0.25
    first, second = began
    ends.set()

    assert await asyncio.gather(*answers) == ["A"] * 12
    assert second + 3 < first + 1 + 5, "the second list is in time for who asked a second after the first one began"
