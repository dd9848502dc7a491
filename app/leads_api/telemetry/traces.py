"""Distributed traces: the trace that a request belongs to, as its caller names it (W3C Trace Context, level 2)."""

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, NamedTuple

HEADER = "traceparent"

_KNOWN_FLAGS = 0b11
"""Sampled, and whether the trace id is random. All other flags must not be passed on."""
_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<id>(?!0{32})[0-9a-f]{32})-(?P<parent>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"  # what later versions may add
)


class Trace(NamedTuple):
    """A trace, of some caller or, with OpenTelemetry, of this service."""

    id: str
    flags: int
    parent: str | None = None
    """The id of the caller's span."""
    span: Any = None
    """The span of the request, if it is recorded (`spans.py`)."""
    links: tuple[Any, ...] = ()
    """The spans of other requests that share the same database call."""

    def traceparent(self) -> str:
        """Return the header of a call that this service makes for the request. Without a span, its id is a new one."""
        own = secrets.token_hex(8) if self.span is None else f"{self.span.get_span_context().span_id:016x}"
        return f"00-{self.id}-{own}-{self.flags:02x}"


current: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""The trace of the current request; None if its caller names none, and it is not recorded."""


def of_headers(headers: Iterable[tuple[bytes, bytes]]) -> Trace | None:
    """Return the trace of a request. A header that is malformed, or there twice, is ignored, as the standard says."""
    values = [value for name, value in headers if name == HEADER.encode()]
    return of_traceparent(values[0].decode("latin-1").strip(" \t")) if len(values) == 1 else None


def of_traceparent(text: str) -> Trace | None:
    """Return the trace of a `traceparent`; None if it is malformed."""
    match = _TRACEPARENT.fullmatch(text)
    if match is None or (match["version"] == "00" and match["more"]):
        return None
    return Trace(match["id"], int(match["flags"], 16) & _KNOWN_FLAGS, match["parent"])


def shared(callers: Iterable[Trace | None]) -> Trace | None:
    """Return the trace of a call that several requests share: that of the first one, with links to the others."""
    recorded = [caller for caller in callers if caller is not None and caller.span is not None]
    if not recorded:
        return None
    return recorded[0]._replace(links=tuple(caller.span for caller in recorded[1:]))
