"""The rate limit per API key (contract, section 5), counted per process."""

from time import monotonic

from leads_api.errors import TooManyRequests

_REMEMBERED = 10_000


class RateLimit:
    """A fixed window for each caller: at most `requests` in `seconds`."""

    def __init__(self, requests: int, seconds: int) -> None:
        self._requests = requests
        self._seconds = seconds
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, caller: str) -> dict[str, str]:
        """Count a request; return the `RateLimit-*` headers of its response. Raises TooManyRequests."""
        moment = monotonic()
        until, used = self._windows.get(caller, (0.0, 0))
        if moment >= until:
            if len(self._windows) >= _REMEMBERED:
                self._windows = {name: window for name, window in self._windows.items() if window[0] > moment}
            until, used = moment + self._seconds, 0
        used += 1
        self._windows[caller] = (until, used)
        reset = max(1, round(until - moment))
        headers = {
            "RateLimit-Limit": str(self._requests),
            "RateLimit-Remaining": str(max(0, self._requests - used)),
            "RateLimit-Reset": str(reset),
        }
        if used > self._requests:
            raise TooManyRequests(headers=headers | {"Retry-After": str(reset)})
        return headers
