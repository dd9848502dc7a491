"""A connection without a network."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest


class Line(asyncio.Transport):
    """A connection that remembers what was sent over it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.sent: list[Any] = []
        self.closed = False
        self.aborted = False
        self.ended = False
        """Whether the output has ended."""
        self.reading = True
        self.unsent = 0
        """Bytes that were not sent yet."""

    def write(self, data: Any) -> None:
        assert not self.closed, "a closed connection takes nothing"
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Timer:
    """A call for later, which a test lets happen."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds = seconds
        self.call = call
        self.is_active = True

    def cancel(self) -> None:
        self.is_active = False


class Clock:
    """The running event loop, with timers that a test lets run out."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timers: list[Timer] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def call_later(self, seconds: float, call: Callable[..., None], *arguments: Any) -> Timer:
        self._timers.append(Timer(seconds, partial(call, *arguments)))
        return self._timers[-1]

    def active(self, seconds: float) -> list[Timer]:
        """Return the timers of this length that still run."""
        return [timer for timer in self._timers if timer.is_active and timer.seconds == seconds]

    async def passes(self, seconds: float) -> None:
        """Let the timers of this length run out."""
        for timer in self.active(seconds):
            timer.cancel()
            timer.call()
        await asyncio.sleep(0)


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
def line() -> Line:
    return Line()
