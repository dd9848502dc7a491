"""Logs, by structlog: one JSON object per line on standard error; a readable form if that is a terminal.

Most modules use Python's logging, and so do the libraries. structlog gives all lines one form.
"""

import logging
import os
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from time import time
from typing import Any

import msgspec

from leads_api.telemetry import traces

Fields = MutableMapping[str, Any]

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_MAX_ERRORS = 10

_encode = msgspec.json.Encoder(enc_hook=str).encode


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
    import structlog  # noqa: PLC0415 - most commands log nothing, and it takes a while

    handler = logging.StreamHandler()
    render = _readable() if sys.stderr.isatty() else _json
    handler.setFormatter(formatter(render))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("leads", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
    structlog.configure(
        processors=[_of_call, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Output(handler),
    )


def logger(name: str) -> Any:
    """Return a logger of lines with fields of their own. Without `configure`, it writes as structlog is configured."""
    import structlog  # noqa: PLC0415 - see above

    return structlog.get_logger().bind(logger=name)


def formatter(render: Any = None) -> logging.Formatter:
    """Return the formatter of records of Python's logging, by default as JSON."""
    import structlog  # noqa: PLC0415 - see above

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_of_record],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render or _json],
    )


def _of_record(_: Any, level: str, event: Fields) -> Fields:
    """Return the fields of a record of Python's logging."""
    record: logging.LogRecord = event["_record"]
    line = _line(record.created, level, record.name, event.pop("event"))
    if record.exc_info and (error := record.exc_info[1]) is not None:
        line["trace"] = trace(error)
    event.pop("exc_info", None)
    return {**line, **event}


def _of_call(_: Any, level: str, event: Fields) -> Fields:
    """Return the fields of a call of a structlog logger."""
    line = _line(time(), level, event.pop("logger", "leads"), event.pop("event"))
    line.update((name, value) for name, value in event.items() if value is not None)
    return line


def _line(moment: float, level: str, name: str, message: str) -> dict[str, Any]:
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "logger": name,
        "message": message,
    }
    if identity := request_id.get():
        line["request_id"] = identity
    if current := traces.current.get():
        line["trace_id"] = current.id
    return line


def _json(_: Any, __: str, line: Fields) -> str:
    return _encode(line).decode()


def _readable() -> Any:
    import structlog  # noqa: PLC0415 - see above

    console = structlog.dev.ConsoleRenderer(
        colors="NO_COLOR" not in os.environ, sort_keys=False, event_key="message", timestamp_key="time"
    )

    def render(logger: Any, level: str, line: Fields) -> str:
        if (places := line.pop("trace", None)) is not None:
            line["exception"] = places
        return console(logger, level, line)

    return render


class _Output:
    """Where structlog's loggers write: the stream of Python's logging."""

    def __init__(self, handler: logging.StreamHandler[Any]) -> None:
        self._handler = handler

    def info(self, line: str) -> None:
        """Write a line."""
        with suppress(OSError, ValueError):  # nobody reads it any more, which is no fault of the request
            self._handler.acquire()
            try:
                self._handler.stream.write(f"{line}\n")
                self._handler.flush()
            finally:
                self._handler.release()

    debug = warning = error = critical = info
