"""What a caller is told when the database fails."""

import logging

from pymongo.errors import DuplicateKeyError, PyMongoError

from leads_api.errors import Failure, Invalid, Unavailable

DatabaseError = PyMongoError
Duplicate = DuplicateKeyError

_TOO_LARGE = {10334, 17419, 17420}
"""BSONObjectTooLarge, and what an update says that would make one."""

_log = logging.getLogger("leads.mongo")


def as_failure(error: PyMongoError) -> Failure:
    """Return the failure to answer with: a document over MongoDB's 16 MiB is the caller's, all else is a 503."""
    if getattr(error, "code", None) in _TOO_LARGE or type(error).__name__ == "DocumentTooLarge":
        return Invalid({"body": ["The record would be larger than the database can keep."]})
    _log.warning("the database failed: %s: %s", type(error).__name__, str(error)[:500])
    return Unavailable()
