"""Translates database errors into failures of the API."""

import logging

from pymongo.errors import DuplicateKeyError, PyMongoError

from leads_api.errors import Failure, Invalid, Unavailable

DatabaseError = PyMongoError
Duplicate = DuplicateKeyError

_TOO_LARGE = {10334, 17419, 17420}
"""The server's error codes for documents that are too large: BSONObjectTooLarge, and the codes of updates."""

_log = logging.getLogger("leads.mongo")


def as_failure(error: PyMongoError) -> Failure:
    """Return the failure for a database error: 422 if a document exceeds MongoDB's 16 MiB, else 503."""
    if getattr(error, "code", None) in _TOO_LARGE or type(error).__name__ == "DocumentTooLarge":
        return Invalid({"body": ["The record would be larger than the database can keep."]})
    _log.warning("database error: %s: %s", type(error).__name__, str(error)[:500])
    return Unavailable()
