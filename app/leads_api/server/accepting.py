"""Accepts the connections that callers have opened, many at a time.

uvloop accepts one connection per iteration of the event loop. Under load, an iteration takes some ten milliseconds. So
connections would wait in the kernel's queue for many seconds, with requests that nobody has read: neither answered nor
refused, and not counted by any limit.
"""

import asyncio
import socket
from collections.abc import Callable

AT_ONCE = 64
"""Connections accepted in one iteration. Of workers that share a socket, one should not take all."""


class Acceptor:
    """Accepts connections of a listening socket, beside the event loop's own server."""

    def __init__(self, listener: socket.socket, make: Callable[[], asyncio.Protocol]) -> None:
        """`make` returns the protocol of a new connection."""
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._accepted: set[asyncio.Task[object]] = set()
        # A descriptor of its own: the event loop watches the other one already.
        self._listener = listener.dup()
        self._listener.settimeout(0)
        self._loop.add_reader(self._listener, self._accept)

    async def close(self) -> None:
        """Accept those that still wait, and stop; the connections that were accepted have their protocol then."""
        self._loop.remove_reader(self._listener)
        while self._accept():  # on a busy machine, this process may not have run since they came
            pass
        self._listener.close()
        await asyncio.gather(*self._accepted, return_exceptions=True)

    def _accept(self) -> bool:
        """Accept some; return whether more may wait."""
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except OSError:  # nobody waits, or the process has no descriptor left, which uvloop deals with
                return False
            connection.settimeout(0)
            task = self._loop.create_task(self._loop.connect_accepted_socket(self._make, connection))
            self._accepted.add(task)
            task.add_done_callback(self._forget)
        return True

    def _forget(self, task: asyncio.Task[object]) -> None:
        self._accepted.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: the caller may have gone
