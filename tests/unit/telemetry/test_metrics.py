"""Instruments, and the metrics of several processes as those of one (app/leads_api/telemetry/metrics.py)."""

import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from threading import Thread

import pytest

from leads_api.telemetry import metrics
from leads_api.telemetry.exposition import text_of
from leads_api.telemetry.metrics import Counter, Gauge, Histogram, Series, Snapshot, ThreadedHistogram, merged, snapshot
from tests.metrics import Metrics


@pytest.fixture(autouse=True)
def no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "INSTRUMENTS", {})
    monkeypatch.setattr("leads_api.telemetry.exposition.INSTRUMENTS", metrics.INSTRUMENTS)


def shown() -> Metrics:
    return Metrics(text_of(snapshot()).decode())


def test_a_counter_counts_by_its_labels() -> None:
    mails = Counter("mails_total", "Mails.", ["outcome"])
    mails.add("sent")
    mails.add("sent", by=2)
    mails.add("dead")

    assert shown().samples("mails_total") == [({"outcome": "sent"}, 3), ({"outcome": "dead"}, 1)]


def test_a_counter_without_labels_begins_at_zero() -> None:
    Counter("things_total", "Things.")

    assert shown().samples("things_total") == [({}, 0)]


def test_a_histogram_counts_each_value_up_to_its_bound() -> None:
    sizes = Histogram("sizes", "Sizes.", ["queue"], [1, 10])
    for size in (0.5, 1, 1.5, 10, 11):
        sizes.at("a").observe(size)

    buckets = {labels["le"]: value for labels, value in shown().samples("sizes_bucket")}
    assert buckets == {"1.0": 2, "10.0": 4, "+Inf": 5}
    assert shown().samples("sizes_count") == [({"queue": "a"}, 5)]
    assert shown().samples("sizes_sum") == [({"queue": "a"}, 24)]


def test_values_of_threads_are_all_counted() -> None:
    commands = ThreadedHistogram("commands", "Commands.", ["command"], [1])

    def note() -> None:
        for _ in range(5_000):
            commands.note(("find",), 0.5)

    threads = [Thread(target=note) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        metrics.sort()
    metrics.sort()

    assert shown().value("commands_count", command="find") == 20_000
    assert shown().value("commands_sum", command="find") == 10_000


def test_services_on_several_threads_may_show_the_values_at_the_same_moment() -> None:
    commands = ThreadedHistogram("commands", "Commands.", ["command"], [1])

    def note_and_sort() -> None:
        for _ in range(2_000):
            commands.note(("find",), 0.5)
            metrics.sort()

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that threads take turns within a call
    try:
        with ThreadPoolExecutor(4) as threads:
            done = [threads.submit(note_and_sort) for _ in range(4)]
    finally:
        sys.setswitchinterval(usual)

    assert [each.exception() for each in done] == [None] * 4
    assert shown().value("commands_count", command="find") == 8_000


def test_a_gauge_asks_its_source_each_time() -> None:
    waiting, lag = Gauge("waiting", "Waiting.", ["queue"]), Gauge("lag", "Lag.")
    numbers: dict[tuple[object, ...], float] = {("a",): 1}
    waiting.follow(lambda: numbers)
    lag.follow(lambda: numbers[("a",)] / 2)
    numbers[("a",)] = 5

    assert shown().samples("waiting") == [({"queue": "a"}, 5)]
    assert shown().samples("lag") == [({}, 2.5)]


def test_a_gauge_without_a_number_shows_none() -> None:
    Gauge("nothing", "Nothing.")
    Gauge("unknown", "Unknown.").follow(lambda: None)

    assert shown().samples("nothing") == shown().samples("unknown") == []


def of(process: int, totals: dict[str, list[Series]], **gauges: float) -> Snapshot:
    return Snapshot(process, totals, {name: [Series((), [number])] for name, number in gauges.items()})


def test_totals_of_all_processes_are_added_also_of_those_that_ended() -> None:
    first, second, gone = (
        of(n, {"a_total": [Series(("x",), [n]), Series((str(n),), [1])], "b": [Series((), [n, 0, n / 2])]})
        for n in (1, 2, 3)
    )

    together = merged([first, second], [gone])

    assert {each.labels: each.numbers for each in together.totals["a_total"]} == {
        ("x",): [6], ("1",): [1], ("2",): [1], ("3",): [1],
    }  # fmt: skip
    assert together.totals["b"] == [Series((), [6, 0, 3])]


def test_totals_do_not_depend_on_the_order_of_the_processes() -> None:
    parts = [of(n, {"seconds": [Series((), [value])]}) for n, value in enumerate((0.1, 0.7, 0.2, 1e9, 0.3))]

    found = {merged(list(order)).totals["seconds"][0].numbers[0] for order in permutations(parts)}

    assert len(found) == 1


def test_gauges_of_those_that_live_are_added_or_the_greatest_is_taken() -> None:
    Gauge("length", "Length.")
    Gauge("age", "Age.", merge=max)

    together = merged([of(1, {}, length=2, age=7), of(2, {}, length=3, age=5)], [of(3, {}, length=9, age=9)])

    assert together.gauges == {"length": [Series((), [5])], "age": [Series((), [7])]}
