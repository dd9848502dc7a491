"""The phases of a run: as much as the service serves, then a share of it, then several times as much."""

import asyncio
import random
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from bench.soak.client import Client
from bench.soak.mix import Mix

PATIENCE = 20.0
"""How long the last responses of a phase are waited for. Longer than the service takes for any."""
_TICK = 0.002
_OK = 300


@dataclass(slots=True)
class Answers:
    """What came of the requests of a phase. Times are seconds since the phase began."""

    began: float = field(default_factory=monotonic)
    length: float = 0.0
    """How long requests were sent."""
    cpu: float = 0.0
    """The CPU time of the service and its database in that time, in seconds."""
    sent: int = 0
    wanted: "array[float]" = field(default_factory=lambda: array("d"))
    """When each answered request was to be sent. Its time counts from here, also if the load was late."""
    ended: "array[float]" = field(default_factory=lambda: array("d"))
    statuses: "array[int]" = field(default_factory=lambda: array("H"))

    def note(self, wanted: float, status: int) -> None:
        """Note a response."""
        self.wanted.append(wanted - self.began)
        self.ended.append(monotonic() - self.began)
        self.statuses.append(status)

    @property
    def good(self) -> int:
        """Return how many requests were done while requests were sent."""
        done = zip(self.ended, self.statuses, strict=True)
        return sum(ended <= self.length and status in range(200, _OK) for ended, status in done)

    async def all(self) -> None:
        """Wait for the responses that are missing."""
        until = monotonic() + PATIENCE
        while len(self.statuses) < self.sent and monotonic() < until:  # noqa: ASYNC110 - of thousands
            await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Load:
    """Sends the mixed load, and notes the CPU time that it costs."""

    client: Client
    mix: Mix
    cpu: Callable[[], float]
    """Returns the CPU time of the service and its database until now, in seconds."""

    async def closed(self, *, at_once: int, seconds: float) -> Answers:
        """So many callers, each of which sends its next request when it has the response."""
        answers, spent = Answers(length=seconds), self.cpu()
        loop = asyncio.get_running_loop()

        def ask() -> None:
            if monotonic() < answers.began + seconds:
                self._send(answers, monotonic(), lambda: loop.call_soon(ask))

        for _ in range(at_once):
            ask()
        await asyncio.sleep(seconds)
        answers.cpu = self.cpu() - spent
        await answers.all()
        return answers

    async def opened(self, *, rate: Callable[[], float], seconds: float) -> Answers:
        """Requests that come at random, so many per second, whether or not those before them are answered.

        The last of them are not waited for.
        """
        answers, spent = Answers(length=seconds), self.cpu()
        dice = random.Random(2)  # noqa: S311 - the same every time is what is wanted
        end = due = answers.began
        end += seconds
        while (moment := monotonic()) < end:
            while due <= moment:
                self._send(answers, due, lambda: None)
                due += dice.expovariate(rate())
            await asyncio.sleep(_TICK)
        answers.cpu = self.cpu() - spent
        self.client.give_up()
        return answers

    def _send(self, answers: Answers, wanted: float, then: Callable[[], object]) -> None:
        def done(status: int) -> None:
            answers.note(wanted, status)
            then()

        answers.sent += 1
        self.client.send(*self.mix.next(done))
