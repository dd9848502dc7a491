"""What a person can do about an error of a command."""

import traceback
from pathlib import Path

from leads_api.cli.connection import Refused
from leads_api.cli.output import CannotWrite
from leads_api.errors import Failure
from leads_api.mongo.client import NotSetUp, Standalone, UnusableUri
from leads_api.mongo.faults import DatabaseError
from leads_api.server.embedded import CannotStart
from leads_api.server.http import CannotListen
from leads_api.settings import BadSetting

_FAILED_LOGIN = {13, 18}
"""MongoDB's error codes Unauthorized and AuthenticationFailed."""


def told(error: Exception) -> str:
    """Return what a person can do about an error, without secrets."""
    match error:
        case BadSetting() | CannotListen() | CannotStart() | Refused() | Standalone() | UnusableUri():
            return str(error)
        case CannotWrite():
            return f"{error}."
        case NotSetUp():
            return "the database is not set up. Start the service once, or run `leads seed`."
        case Failure():
            return error.reason
        case DatabaseError():
            return f"the database cannot be used: {_cause(error)}"
        case OSError():
            return f"{error.strerror or type(error).__name__}" + (f": {error.filename}" if error.filename else "")
        case _:
            place = traceback.extract_tb(error.__traceback__)[-1]
            return f"unexpected error: {type(error).__name__} in {Path(place.filename).name}, line {place.lineno}."


def _cause(error: DatabaseError) -> str:
    name = type(error).__name__
    if getattr(error, "code", None) in _FAILED_LOGIN:
        return f"{name}. Check the user, the password and authSource in LEADS_MONGODB_URI, and the user's rights."
    if error.timeout:
        return f"{name}. It did not answer in time. Check that it is running, and try again."
    return f"{name}. Check that it is running."
