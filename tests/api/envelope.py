"""The one shape of answers (contract, section 1, "Success" and "Errors"), to hold an answer against."""

import httpx

_MORE = {"client_id"}
"""What a 409 may say besides its message."""


def assert_enveloped(answer: httpx.Response) -> None:
    """Assert that an answer is in the envelope of its status, and carries a request id."""
    assert answer.headers["Content-Type"] == "application/json", answer.text
    assert answer.headers["X-Request-ID"]
    body = answer.json()
    if answer.status_code < 400:
        assert list(body) in (["data", "message"], ["data", "meta", "message"])
    elif answer.status_code == 422:
        assert list(body) == ["message", "errors"]
        assert body["message"] == "The given data was invalid."
        assert body["errors"]
        assert all(texts and all(type(text) is str for text in texts) for texts in body["errors"].values())
    else:
        assert set(body) - _MORE == {"message"}
    assert type(body["message"]) is str
    assert body["message"]


def assert_fails(answer: httpx.Response, status: int, message: str) -> None:
    """Assert that an answer is this failure, in the envelope and with nothing else in it."""
    assert answer.status_code == status, answer.text
    assert_enveloped(answer)
    assert answer.json() == {"message": message}
