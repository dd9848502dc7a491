"""How much the fault tests do: `make test` a bounded part, `make faults` (LEADS_TEST_FAULTS=full) all of it."""

import os

FULL = os.environ.get("LEADS_TEST_FAULTS") == "full"


def extent(bounded: int, full: int) -> int:
    """Return the number for this run."""
    return full if FULL else bounded
