"""One timer for the deadlines of all requests (app/leads_api/http/deadlines.py)."""

import asyncio
from contextvars import ContextVar

import pytest

from leads_api.errors import NotFound
from leads_api.http.deadlines import Deadlines

LONG = 60.0


async def watched(deadlines: Deadlines, work: asyncio.Event, *, ignores: int = 0) -> str:
    """Wait for the event under a deadline; say how it ended. The first cancellations are ignored."""
    try:
        with deadlines:
            while True:
                try:
                    await work.wait()
                except asyncio.CancelledError:
                    if not ignores:
                        raise
                    ignores -= 1
                else:
                    return "done"
    except TimeoutError:
        return "late"


async def test_who_takes_too_long_is_ended_and_who_does_not_is_left_alone() -> None:
    deadlines = Deadlines(0.1)
    quick, never = asyncio.Event(), asyncio.Event()

    late = asyncio.create_task(watched(deadlines, never))
    done = asyncio.create_task(watched(deadlines, quick))
    await asyncio.sleep(0)
    assert len(deadlines) == 2
    quick.set()

    ends = await asyncio.wait_for(asyncio.gather(late, done), 10)
    assert list(ends) == ["late", "done"]
    assert len(deadlines) == 0


async def test_who_comes_later_is_ended_later_and_nobody_before_their_time() -> None:
    deadlines = Deadlines(1.0)
    loop = asyncio.get_running_loop()
    first = asyncio.create_task(watched(deadlines, asyncio.Event()))
    await asyncio.sleep(0.5)

    began = loop.time()
    second = asyncio.create_task(watched(deadlines, asyncio.Event()))
    await asyncio.wait_for(first, 10)
    still = not second.done()

    assert await asyncio.wait_for(second, 10) == "late"
    assert still
    assert loop.time() - began >= 0.95 - 0.001


@pytest.mark.parametrize(("ends", "told"), [(RuntimeError, TimeoutError), (NotFound, NotFound)])
async def test_what_is_cut_off_was_late_however_it_ends_unless_it_has_an_answer(
    ends: type[Exception], told: type[Exception]
) -> None:
    deadlines = Deadlines(0.1)

    async def work() -> None:
        with deadlines:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ends from None

    with pytest.raises(told):
        await asyncio.wait_for(asyncio.create_task(work()), 10)


async def test_a_cancellation_by_someone_else_is_not_taken_for_a_deadline() -> None:
    deadlines = Deadlines(LONG)
    task = asyncio.create_task(watched(deadlines, asyncio.Event()))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(deadlines) == 0


async def test_one_who_does_not_end_keeps_nobody_else_from_being_ended() -> None:
    deadlines = Deadlines(0.1)
    end = asyncio.Event()
    stubborn = asyncio.create_task(watched(deadlines, end, ignores=1))

    late = await asyncio.wait_for(asyncio.create_task(watched(deadlines, asyncio.Event())), 10)

    assert late == "late"
    assert not stubborn.done()
    end.set()
    assert await asyncio.wait_for(stubborn, 10) == "done"


async def test_what_comes_after_a_failure_is_not_ended() -> None:
    deadlines = Deadlines(0.1)
    with pytest.raises(ValueError, match="wrong"), deadlines:
        raise ValueError("wrong")

    later = await asyncio.wait_for(asyncio.create_task(watched(deadlines, asyncio.Event())), 10)

    assert later == "late"
    assert len(deadlines) == 0


async def test_a_task_may_answer_one_request_after_the_other() -> None:
    deadlines = Deadlines(0.1)
    done = asyncio.Event()
    done.set()

    ends = [await watched(deadlines, done), await watched(deadlines, asyncio.Event()), await watched(deadlines, done)]

    assert ends == ["done", "late", "done"]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


def test_another_loop_is_watched_as_well() -> None:
    deadlines = Deadlines(0.1)
    done = asyncio.Event()
    done.set()

    async def both() -> list[str]:
        return [await watched(deadlines, done), await asyncio.wait_for(watched(deadlines, asyncio.Event()), 10)]

    # The first loop ends while its timer is set.
    assert asyncio.run(watched(deadlines, done)) == "done"
    assert asyncio.run(both()) == ["done", "late"]


async def test_those_that_ended_well_are_looked_at_and_no_others() -> None:
    looks: list[tuple[int, float | None]] = []
    looked = asyncio.Event()

    def look(in_progress: int, seconds: float | None) -> None:
        looks.append((in_progress, seconds))
        looked.set()

    async def next_look() -> tuple[int, float | None]:
        looked.clear()
        await asyncio.wait_for(looked.wait(), 10)
        return looks[-1]

    deadlines, go_on = Deadlines(2.0, look), asyncio.Event()
    never, later = (asyncio.create_task(watched(deadlines, event)) for event in (asyncio.Event(), go_on))
    await asyncio.sleep(0)
    with pytest.raises(NotFound), deadlines:
        raise NotFound

    assert await next_look() == (2, None)
    await next_look()
    go_on.set()
    await later
    in_progress, seconds = await next_look()
    again = await next_look()

    assert in_progress == 1
    assert seconds is not None
    assert 0.1 < seconds < 10  # more than one interval
    assert again == (1, None)
    never.cancel()
    await asyncio.wait({never})


async def test_a_look_is_none_of_the_request_that_happened_to_be_the_first() -> None:
    request: ContextVar[str] = ContextVar("request", default="none")
    looks: list[str] = []
    looked = asyncio.Event()

    def look(*_: object) -> None:
        looks.append(request.get())
        if len(looks) > 1:
            looked.set()

    request.set("first")
    with Deadlines(10.0, look):
        await asyncio.wait_for(looked.wait(), LONG)

    assert looks == ["none"] * len(looks)
