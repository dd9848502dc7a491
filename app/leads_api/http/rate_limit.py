"""The rate limit per API key (contract, section 5), counted per process."""

from time import monotonic_ns

from leads_api.errors import TooManyRequests

_REMEMBERED = 10_000
_SECOND = 1_000_000_000


class RateLimit:
    """A fixed window for each caller: at most `requests` in `seconds`.

    The headers are those of draft-ietf-httpapi-ratelimit-headers: the limit in `RateLimit-Policy`; in `RateLimit`, the
    requests that remain (`r`) and the seconds to the next window (`t`).
    """

    def __init__(self, requests: int, seconds: int) -> None:
        self._requests = requests
        self._length = seconds * _SECOND
        self._policy = f'"default";q={requests};w={seconds}'
        self._windows: dict[str, tuple[int, int]] = {}

    def take(self, caller: str) -> dict[str, str]:
        """Count a request; return the headers of its response. Raises TooManyRequests."""
        moment = monotonic_ns()
        until, used = self._windows.get(caller, (0, 0))
        if moment >= until:
            if len(self._windows) >= _REMEMBERED:
                self._windows = {name: window for name, window in self._windows.items() if window[0] > moment}
            until, used = moment + self._length, 0
        used += 1
        self._windows[caller] = (until, used)
        seconds = -((moment - until) // _SECOND)  # rounded up: who waits so long is not refused again
        headers = {
            "RateLimit-Policy": self._policy,
            "RateLimit": f'"default";r={max(0, self._requests - used)};t={seconds}',
        }
        if used > self._requests:
            raise TooManyRequests(headers=headers | {"Retry-After": str(seconds)})
        return headers
