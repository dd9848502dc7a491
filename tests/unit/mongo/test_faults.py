"""What the log says of an error of the database (app/leads_api/mongo/faults.py)."""

import logging
from typing import Any

import pytest
from pymongo.errors import (
    BulkWriteError,
    DuplicateKeyError,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from leads_api.mongo.faults import as_failure, described

_TAKEN: dict[str, Any] = {
    "code": 11000,
    "codeName": "DuplicateKey",
    "keyValue": {"folded": "jane@acme.example"},
    "errmsg": 'E11000 duplicate key error collection: leads.users dup key: { folded: "jane@acme.example" }',
}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OperationFailure("operation exceeded time limit", 50, {"codeName": "MaxTimeMSExpired", "code": 50}),
            "OperationFailure 50 MaxTimeMSExpired: operation exceeded time limit",
        ),
        (
            DuplicateKeyError(f"{_TAKEN['errmsg']}, full error: {_TAKEN}", 11000, _TAKEN),
            "DuplicateKeyError 11000 DuplicateKey: E11000 duplicate key error collection: leads.users dup key: ...",
        ),
        (
            BulkWriteError({"writeErrors": [{"index": 0, "op": {"title": "Acme"}, "code": 2, "errmsg": "bad value"}]}),
            "BulkWriteError 2: bad value",
        ),
        (
            BulkWriteError({"writeErrors": [], "writeConcernError": {"code": 64, "errmsg": "waiting timed out"}}),
            "BulkWriteError 64: waiting timed out",
        ),
        (
            OperationFailure("Cannot apply $inc to a value of non-numeric type. {_id: 7} has the field 'x'", 14),
            "OperationFailure 14: Cannot apply $inc to a value of non-numeric type. ...",
        ),
        (NetworkTimeout("db.example:27017: timed out"), "NetworkTimeout: db.example:27017: timed out"),
        (
            ServerSelectionTimeoutError("No servers found at mongodb://leads:s3cret@db.example:27017/"),
            "ServerSelectionTimeoutError: No servers found at ...",
        ),
    ],
)
def test_an_error_is_told_with_code_name_and_text_and_without_what_is_stored(
    error: PyMongoError, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "leads.mongo"):
        failure = as_failure(error)

    assert described(error) == said
    assert caplog.messages == [f"database error: {said}"]
    assert (failure.status, failure.headers["Retry-After"]) == (503, "1")
    assert failure.members == {}
