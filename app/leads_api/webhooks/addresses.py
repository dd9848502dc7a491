"""Which hosts webhooks may call: names are resolved here, and every address is checked before it is used.

The connection is made to the address that was checked. So a name that resolves differently later gains nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from contextvars import Context
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Thread
from time import monotonic

from leads_api.mongo.client import LEAST_SECONDS, until
from leads_api.webhooks.urls import target_of

Resolve = Callable[[str], Awaitable[list[str]]]
"""Returns the addresses of a host, in the order in which to try them. Raises OSError or UnicodeError."""

RESOLVE_SECONDS = 2.0
"""How long a request that sets a URL waits for the name to be resolved."""
LOOK_UPS_AT_ONCE = 16
"""A look-up that hangs keeps a thread until the system gives up. Others wait, each within its own time limit."""

# The special-purpose registries of IANA, and what clouds use within public ranges. Not `is_global`: its meaning differs
# between versions of Python.
_REFUSED_4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # the platform service of Azure
    )
]  # fmt: skip
_PUBLIC_6 = IPv6Network("2000::/3")
_REFUSED_6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, ORCHID and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address, reached through a relay
        "3fff::/20",
    )
]
_NAT64 = IPv6Network("64:ff9b::/96")
_MASK_4 = 0xFFFFFFFF


class Unusable(Exception):  # noqa: N818 - named as the failures are
    """A host cannot be called. The text says why, and does not name the host."""


def is_public(address: str) -> bool:
    """Return whether an address is reachable for everybody, so that calling it reveals nothing of this network."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        embedded = parsed.ipv4_mapped or (IPv4Address(int(parsed) & _MASK_4) if parsed in _NAT64 else None)
        if embedded is None:
            return parsed in _PUBLIC_6 and not any(parsed in network for network in _REFUSED_6)
        parsed = embedded
    return not any(parsed in network for network in _REFUSED_4)


class SystemResolver:
    """Resolves names as the operating system does, with threads of its own.

    The threads are daemons, because a look-up cannot be cancelled and must not delay the end of the process. Those who
    ask for the same host at the same time share a look-up: a host whose name servers hang takes one thread, not all.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(LOOK_UPS_AT_ONCE)
        self._running: dict[str, asyncio.Task[list[str]]] = {}

    async def __call__(self, host: str) -> list[str]:
        """Return the addresses of a host. Raises OSError or UnicodeError."""
        if (task := self._running.get(host)) is None:
            task = self._running[host] = asyncio.create_task(self._look_up(host), context=Context())
            task.add_done_callback(lambda task: self._forget(host, task))
        return await asyncio.shield(task)

    def _forget(self, host: str, task: asyncio.Task[list[str]]) -> None:
        del self._running[host]
        if not task.cancelled():
            task.exception()  # marks it as retrieved: nobody may wait any more

    async def _look_up(self, host: str) -> list[str]:
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[list[str]] = loop.create_future()

        def look_up() -> None:
            try:
                entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
                found: list[str] | Exception = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
            except (OSError, UnicodeError) as error:
                found = error
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(answer, found)

        def answer(found: list[str] | Exception) -> None:
            self._free.release()
            if answered.done():  # the task was cancelled, because the loop ends
                return
            if isinstance(found, Exception):
                answered.set_exception(found)
            else:
                answered.set_result(found)

        try:
            Thread(target=look_up, daemon=True).start()
        except RuntimeError:  # the system has no thread to give
            self._free.release()
            raise OSError("no thread is free") from None
        return await answered


class Addresses:
    """The addresses that may be called."""

    def __init__(self, *, allow_private: bool, resolve: Resolve | None = None) -> None:
        """`resolve` replaces the resolver of the operating system."""
        self._allow_private = allow_private
        self._resolve = resolve or SystemResolver()

    async def of(self, host: str) -> list[str]:
        """Return the addresses of a host, all of which may be called. Raises Unusable."""
        try:
            found = await self._resolve(host)
        except socket.gaierror as error:
            raise Unusable(f"The host name cannot be resolved ({error.strerror}).") from None
        except (OSError, UnicodeError):
            raise Unusable("The host name cannot be resolved.") from None
        if not found:
            raise Unusable("The host name has no address.")
        if not self._allow_private and not all(map(is_public, found)):
            raise Unusable("The host name leads to an address that is not public.")
        return found

    async def usable(self, urls: Collection[str]) -> Collection[str]:
        """Return those of the URLs whose hosts can be called, within the deadline of the request."""
        seconds = min(RESOLVE_SECONDS, until() - monotonic() - LEAST_SECONDS)
        usable = set()
        for url in urls:
            with suppress(Unusable, TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.of(target_of(url).host)
                usable.add(url)
        return usable
