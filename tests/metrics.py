"""What `/metrics` says, as Prometheus reads it."""

from collections.abc import Iterable, Mapping
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families


class Metrics:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.families: dict[str, Any] = {}
        for family in text_string_to_metric_families(text):
            # Prometheus names a counter without its ending; its samples have it.
            self.families[f"{family.name}_total" if family.type == "counter" else family.name] = family

    def samples(self, name: str) -> Iterable[tuple[Mapping[str, str], float]]:
        """Return labels and value of each sample of a name."""
        return [
            (sample.labels, sample.value)
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name
        ]

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples that have these labels."""
        return sum(value for found, value in self.samples(name) if labels.items() <= dict(found).items())

    def values(self, name: str, label: str) -> set[str]:
        """Return the values of a label."""
        return {found[label] for found, _ in self.samples(name)}


async def scraped(http: httpx.AsyncClient) -> Metrics:
    """Return what a service says, without a key."""
    answer = await http.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 200, answer.text
    return Metrics(answer.text)
