"""Who is admitted follows from how long those took that were answered (app/leads_api/http/admission.py)."""

import logging

import pytest

from leads_api.http.admission import LEAST_AT_ONCE, MAX_AT_ONCE, PROBES, Admission, Busy

SECONDS = 5.0
SLOW, QUICK = 4.0, 0.1


def admits(admission: Admission, in_progress: int) -> bool:
    try:
        admission.check(in_progress)
    except Busy:
        return False
    return True


def admitted(admission: Admission, in_progress: int) -> int:
    """Return how many of a hundred newcomers are admitted, each of whom finds so many in progress."""
    return sum(admits(admission, in_progress) for _ in range(100))


@pytest.fixture
def busy() -> Admission:
    """One in which as few requests may be in progress as ever."""
    admission = Admission(SECONDS)
    for _ in range(20):
        admission.look(1000, SLOW)
    assert admission.limit == LEAST_AT_ONCE
    return admission


def test_at_first_only_the_number_is_limited() -> None:
    admission = Admission(SECONDS)

    assert admits(admission, MAX_AT_ONCE)
    assert admitted(admission, MAX_AT_ONCE + 1) == 0


def test_when_answers_take_long_fewer_are_admitted_than_are_in_progress() -> None:
    admission = Admission(SECONDS)

    admission.look(1000, SLOW)

    assert LEAST_AT_ONCE < admission.limit < 1000
    assert admits(admission, admission.limit)
    assert admitted(admission, admission.limit + 1) == PROBES


def test_some_are_always_admitted(busy: Admission) -> None:
    assert admitted(busy, LEAST_AT_ONCE) == 100


def test_when_answers_are_quick_again_more_are_admitted_until_all_are(busy: Admission) -> None:
    limits = []
    for _ in range(40):
        busy.look(100, QUICK)
        limits.append(busy.limit)

    assert limits == sorted(limits)
    assert limits[0] > LEAST_AT_ONCE
    assert limits[-1] == MAX_AT_ONCE


def test_when_nothing_is_in_progress_all_is_forgotten(busy: Admission) -> None:
    busy.look(0, SLOW)

    assert busy.limit == MAX_AT_ONCE


def test_requests_that_are_stuck_change_nothing(busy: Admission) -> None:
    fresh = Admission(SECONDS)

    for admission in (busy, fresh):
        admission.look(1000, None)

    assert busy.limit == LEAST_AT_ONCE
    assert fresh.limit == MAX_AT_ONCE


def test_behind_stuck_requests_some_are_admitted_and_their_answers_open_the_door(busy: Admission) -> None:
    stuck = 1000

    assert admitted(busy, stuck) == PROBES
    for _ in range(40):
        busy.look(stuck, QUICK)

    assert admitted(busy, stuck) == 100


def test_a_refusal_says_when_to_come_again(busy: Admission) -> None:
    admitted(busy, 1000)

    with pytest.raises(Busy) as refused:
        busy.check(1000)

    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})


def test_all_refusals_between_two_looks_are_one_line(busy: Admission, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "leads.http"):
        admitted(busy, 1000)
        busy.look(900, SLOW)
        busy.look(900, SLOW)

    (record,) = caplog.records
    assert f"900; {100 - PROBES} refused" in record.message
