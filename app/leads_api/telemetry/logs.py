"""Logs: one JSON object per line on standard error, with the ids of the current request and of its trace."""

import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

import msgspec

from leads_api.telemetry import traces

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
access_logger = logging.getLogger("leads.access")

_MAX_ERRORS = 10
_EXTRA = ("method", "path", "status", "ms", "user")


class Lines(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identity := request_id.get():
            line["request_id"] = identity
        if current := traces.current.get():
            line["trace_id"] = current.id
        line |= {name: value for name in _EXTRA if (value := getattr(record, name, None)) is not None}
        if record.exc_info and (error := record.exc_info[1]) is not None:
            line["trace"] = trace(error)
        return msgspec.json.encode(line).decode()


def trace(error: BaseException) -> str:
    """Return where an error was raised, and its kind; also of the errors that led to it.

    The messages are left out. They may contain what a caller has sent.
    """
    parts: list[str] = []
    following: BaseException | None = error
    while following is not None and len(parts) < _MAX_ERRORS:
        parts.append("".join(traceback.format_tb(following.__traceback__)) + type(following).__name__)
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return "\ncaused by:\n".join(parts)


def configure(level: str) -> None:
    """Send all logs of the process, including uvicorn's, to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("leads", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
