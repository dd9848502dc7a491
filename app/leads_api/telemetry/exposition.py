"""The metrics in the text format of Prometheus."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from leads_api.telemetry.metrics import INSTRUMENTS, Histogram, Instrument, Series, Snapshot


def text_of(snapshot: Snapshot) -> bytes:
    """Return a snapshot as text. It takes some milliseconds."""
    registry = CollectorRegistry()
    registry.register(_Collector(snapshot))
    return generate_latest(registry)


class _Collector(Collector):
    """What `prometheus_client` collects: the instruments, with the numbers of a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._numbers = snapshot.totals | snapshot.gauges

    def collect(self) -> Iterator[Metric]:
        """Return all metrics."""
        for name, instrument in sorted(INSTRUMENTS.items()):
            yield _metric(instrument, self._numbers.get(name, []))


def _metric(instrument: Instrument, series: list[Series]) -> Metric:
    name, text, labels = instrument.name, instrument.text, instrument.labels
    if isinstance(instrument, Histogram):
        histogram = HistogramMetricFamily(name, text, labels=labels)
        bounds = [*map(floatToGoString, instrument.bounds), "+Inf"]
        for each in series:
            *counts, total = each.numbers
            histogram.add_metric(each.labels, list(zip(bounds, accumulate(counts), strict=True)), total)
        return histogram
    plain = (CounterMetricFamily if instrument.kind == "counter" else GaugeMetricFamily)(name, text, labels=labels)
    for each in series:
        plain.add_metric(each.labels, each.numbers[0])
    return plain
