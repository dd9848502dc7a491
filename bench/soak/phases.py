"""The phases of a run: at first as much as the service serves, then a share of it, then several times as much."""

import asyncio
import random
from array import array
from dataclasses import dataclass, field
from time import monotonic

from bench.soak.client import Client
from bench.soak.mix import Mix

PATIENCE = 20.0
"""How long the last responses of a phase are waited for. Longer than the service takes for any."""
_TICK = 0.002


@dataclass(slots=True)
class Answers:
    """What came of the requests of a phase, by the time of each."""

    began: float = field(default_factory=monotonic)
    sent: int = 0
    wanted: "array[float]" = field(default_factory=lambda: array("d"))
    """When each answered request was to be sent. It counts from here, also if the load was late."""
    ended: "array[float]" = field(default_factory=lambda: array("d"))
    statuses: "array[int]" = field(default_factory=lambda: array("H"))

    def note(self, wanted: float, status: int) -> None:
        """Note a response."""
        self.wanted.append(wanted - self.began)
        self.ended.append(monotonic() - self.began)
        self.statuses.append(status)

    @property
    def missing(self) -> int:
        """Return how many requests have no response."""
        return self.sent - len(self.statuses)


async def closed(client: Client, mix: Mix, *, at_once: int, seconds: float) -> Answers:
    """So many callers, each of which sends its next request when it has the response."""
    answers = Answers()
    end = answers.began + seconds
    left = asyncio.Semaphore(0)

    def ask() -> None:
        wanted = monotonic()
        if wanted >= end:
            left.release()
            return

        def done(status: int) -> None:
            answers.note(wanted, status)
            loop.call_soon(ask)

        answers.sent += 1
        client.send(*mix.next(done))

    loop = asyncio.get_running_loop()
    for _ in range(at_once):
        ask()
    for _ in range(at_once):
        await left.acquire()
    return answers


async def opened(client: Client, mix: Mix, *, rate: float, seconds: float) -> Answers:
    """Requests that come whether or not those before them are answered, at random, so many per second."""
    answers = Answers()
    dice = random.Random(2)  # noqa: S311 - the same every time is what is wanted
    end = answers.began + seconds
    due = answers.began

    def ask(wanted: float) -> None:
        answers.sent += 1
        client.send(*mix.next(lambda status: answers.note(wanted, status)))

    while due < end:
        moment = monotonic()
        while due <= min(moment, end):
            ask(due)
            due += dice.expovariate(rate)
        await asyncio.sleep(min(_TICK, max(0.0, end - monotonic())))
    until = monotonic() + PATIENCE
    while answers.missing and monotonic() < until:
        await asyncio.sleep(_TICK)
    return answers
