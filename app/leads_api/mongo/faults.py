"""Translates database errors into failures of the API, and describes them for the log."""

import logging
import re

from pymongo.errors import DocumentTooLarge, DuplicateKeyError, OperationFailure, PyMongoError

from leads_api.errors import Failure, Invalid, Unavailable

DatabaseError = PyMongoError
Duplicate = DuplicateKeyError
TooLarge = DocumentTooLarge
"""A document that the driver does not send. It is not a DatabaseError."""

_TOO_LARGE = {10334, 17419, 17420}
"""The server's error codes for documents that are too large: BSONObjectTooLarge, and the codes of updates."""

_MAX_CHARACTERS = 500
_VALUES = re.compile(r"""\{.*\}?|"[^"]*"?|(?<!\w)'[^']*'?|\S+@\S+""", re.DOTALL)
"""Parts of an error's text that may be data or credentials: documents, quoted text, e-mails, user and password."""

_log = logging.getLogger("leads.mongo")


def as_failure(error: PyMongoError | DocumentTooLarge) -> Failure:
    """Return the failure for a database error: 422 if a document exceeds MongoDB's 16 MiB, else 503."""
    if isinstance(error, DocumentTooLarge) or getattr(error, "code", None) in _TOO_LARGE:
        return Invalid({"body": ["The record would be larger than the database can keep."]})
    _log.warning("database error: %s", described(error))
    return Unavailable()


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
