"""Translates database errors into failures of the API, and describes them for the log."""

import logging
import re

from pymongo.errors import BulkWriteError, DocumentTooLarge, DuplicateKeyError, OperationFailure, PyMongoError

from leads_api.errors import Failure, Invalid, Unavailable

DatabaseError = PyMongoError
Duplicate = DuplicateKeyError
TooLarge = DocumentTooLarge
"""A document that the driver does not send. It is not a DatabaseError."""

_TOO_LARGE = {10334, 17419, 17420}
"""The server's error codes for documents that are too large: BSONObjectTooLarge, and the codes of updates."""

_CONFLICTS = {11000, 112}
"""The server's error codes DuplicateKey and WriteConflict: the other transaction has been committed, or is open."""

_MAX_CHARACTERS = 500
_VALUES = re.compile(r"""\{.*\}?|"[^"]*"?|(?<!\w)'[^']*'?|\S+@\S+""", re.DOTALL)
"""Parts of an error's text that may be data or credentials: documents, quoted text, e-mails, user and password."""

_log = logging.getLogger("leads.mongo")


def as_failure(error: PyMongoError | DocumentTooLarge) -> Failure:
    """Return the failure for a database error: 422 if a document exceeds MongoDB's 16 MiB, else 503."""
    if is_too_large(error):
        return Invalid({"body": ["The record would be larger than the database can keep."]})
    _log.warning("database error: %s", described(error))
    return Unavailable()


def is_conflict(error: PyMongoError) -> bool:
    """Return whether documents could not be inserted because another call has inserted one of them."""
    return any(code in _CONFLICTS for code, _ in _codes(error))


def is_too_large(error: Exception) -> bool:
    """Return whether a document would exceed MongoDB's 16 MiB."""
    return isinstance(error, DocumentTooLarge) or any(code in _TOO_LARGE for code, _ in _codes(error))


def too_large_at(error: Exception) -> int | None:
    """Return which of several updates would make its document too large; None if none would, or it is not known."""
    found = _codes(error) if isinstance(error, BulkWriteError) else []
    return next((index for code, index in found if code in _TOO_LARGE), None)


def _codes(error: Exception) -> list[tuple[int | None, int]]:
    """Return the codes of an error, and the places of the writes that it is about."""
    if isinstance(error, BulkWriteError):
        return [(fault.get("code"), fault.get("index", 0)) for fault in error.details.get("writeErrors", [])]
    return [(getattr(error, "code", None), 0)]


def without_values(text: str) -> str:
    """Return the text of an error without the parts that may be data or credentials."""
    return _VALUES.sub("...", text)[:_MAX_CHARACTERS]


def described(error: Exception) -> str:
    """Return the kind of an error, the server's code and its name, and the text without values."""
    text = str(error)
    names = [type(error).__name__]
    if isinstance(error, OperationFailure):
        details = error.details or {}
        first = next(iter(details.get("writeErrors") or [details.get("writeConcernError") or details]), details)
        # Not `str(error)`: it repeats the server's whole answer, with keys and, for a batch, the documents.
        text = first.get("errmsg") or text.partition(", full error:")[0]
        names += [str(value) for value in (first.get("code", error.code), first.get("codeName")) if value is not None]
    return f"{' '.join(names)}: {without_values(text)}"
