"""Runs Schemathesis against a service, and explains what it reports.

`python -m tests.attacks.fuzz SECONDS [SEED]` runs it for a time, with all phases, on the embedded database, and prints
what is not explained.
"""

import base64
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, NamedTuple

from leads_api.testing import running_service

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
SEED = "9"

POSITIVE = "positive_data_acceptance"
NEGATIVE = "negative_data_rejection"
AVAILABILITY = "ensure_resource_availability"

DEPENDS_ON_DATA = [
    # Uniqueness: Schemathesis sends the same values again and again.
    r"has already been taken\.$",
    # Ids of settings and records, and the ids of the items of one checklist: a schema does not know which there are.
    r"^The selected .* is invalid\.$",
    # Custom fields are named by the settings. The document allows any other field of a lead; the service knows better.
    r"(?s)^The .* field is not recognised\.$",
    # So do custom fields that the settings require.
    r"^The .* field is required\.$",
    # Two parameters that exclude each other; OpenAPI has no words for that.
    r"^The cursor field must not be given together with page: leave page out\.$",
    # A cursor is what the service gave out. The document describes its letters only.
    r"^The cursor field ",
    # Options are distinct in any case. `uniqueItems` would compare to the letter.
    r"^The options\.[0-9]+ field has a duplicate value\.$",
    # A leading 00 does not count as digits of a phone.
    r"^The phone field must have at least 7 digits\.$",
    # The largest amount, written as a string: a pattern would have to count digits behind leading zeros, and rounding.
    r"^The lead value field must not be greater than 99999999\.99\.$",
    # Schemathesis uses the example of a key for different requests.
    r"^The idempotency key has already been used for another request\.",
    # Whether the host of a webhook is public, and whether its name resolves.
    r"^The url field must name a public host\.",
    # The schema of a URL cannot tell the largest port.
    r"^The url field must be an http or https URL in ASCII",
    # The path and the body name the same external id; a schema of one does not know the other.
    r"^The lead external id field must be the same as in the path, or be left out\.$",
    # A tiny number is written with an exponent in a query. The contract's texts of numbers have none.
    r"^The value (min|max) field must be a number\.$",
    # Options belong to dropdowns only.
    r"^The options field must be empty unless the datatype is dropdown\.$",
]
"""Texts of a 422 for values that fit the schema, each with the reason why no schema can tell."""
INTEGER = r"field must be an integer\.$"
"""JSON Schema calls 3.0 an integer. The contract does not."""


LEAD = re.compile(r"(POST|PUT|PATCH) [^ ]*/api/leads(/[0-9]+|/by-external-id/[^/]+)?$")
"""Operations whose bodies have the fields of a lead, which begin with `lead_`, and custom fields."""


class Finding(NamedTuple):
    """One call, and the check that it failed; or none."""

    check: str | None
    operation: str
    sent: Any
    status: int
    answer: Any
    replayed: list[str]
    """The locations that answers to repeated requests have told before."""


def run(folder: Path, *options: str, store: Literal["mongomock", "embedded"] = "mongomock", seed: str = SEED) -> Path:
    """Run Schemathesis against a new service; return the folder of its report."""
    program = Path(sys.executable).with_name("schemathesis")
    with running_service(store) as service:
        subprocess.run(
            [
                program, "run", DOCUMENT, "--url", service.url, "--header", f"Authorization: Bearer {service.key}",
                "--checks", "all", "--seed", seed, "--continue-on-failure", "--no-shrink", "--no-color",
                "--generation-database", "none", "--report", "ndjson", "--report-dir", folder, *options,
            ],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
    return folder


def findings(folder: Path) -> Iterator[Finding]:
    """Yield all calls of a run, one for each check that failed."""
    (report,) = folder.glob("*.ndjson")
    with report.open() as lines:
        for line in lines:
            for event, content in json.loads(line).items():
                assert event not in {"NonFatalError", "FatalError"}, line
                if event == "ScenarioFinished":
                    yield from _of_scenario(content["recorder"])


def _of_scenario(recorder: Any) -> Iterator[Finding]:
    replayed: list[str] = []
    for case, interaction in recorder.get("interactions", {}).items():
        call, answer = interaction["request"], interaction.get("response")
        headers = answer["headers"] if answer else {}
        if "idempotency-replayed" in headers:
            replayed += headers.get("location", [])
        failed = [check["name"] for check in recorder.get("checks", {}).get(case, []) if check["status"] != "success"]
        for check in failed or [None]:
            yield Finding(
                check, f"{call['method']} {call['uri'].partition('?')[0]}", _decoded(call.get("body")),
                answer["status_code"] if answer else 0, _decoded(answer.get("content")) if answer else None,
                list(replayed),
            )  # fmt: skip


def _decoded(content: Any) -> Any:
    raw = base64.b64decode(content["$base64"]) if content else b""
    try:
        return json.loads(raw)
    except ValueError:
        return raw


def explanation(finding: Finding) -> str | None:
    """Return why a finding is no fault; None if nothing explains it."""
    if finding.check == POSITIVE and finding.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        reasons = [*DEPENDS_ON_DATA, *([INTEGER] if _has_whole_fraction(finding.sent) else [])]
        # Custom fields are named by the settings, and so are their values.
        sent = finding.sent if LEAD.match(finding.operation) and isinstance(finding.sent, dict) else {}
        custom = {name for name in sent if not name.startswith("lead_")}
        texts = [text for name, its in finding.answer["errors"].items() if name not in custom for text in its]
        if all(any(re.search(reason, text) for reason in reasons) for text in texts):
            return "it depends on what is stored, or is a fraction"
    if finding.check == POSITIVE and finding.status == HTTPStatus.BAD_REQUEST:
        message = finding.answer["message"]
        if re.match(r"The If-(None-)?Match header must be ", message):
            return "lists of entity tags (RFC 9110, 5.6.1) are described in words"
    if finding.check == POSITIVE and finding.status == HTTPStatus.PRECONDITION_FAILED:
        return "whether a lead is there, and its version, depend on what is stored"
    # Null and blank texts count as absent (contract, section 1). The document says what to send, not that.
    is_accepted = finding.check == NEGATIVE and finding.status in {HTTPStatus.OK, HTTPStatus.CREATED}
    # Preconditions are looked at when the body has been accepted.
    is_blank = is_accepted or (finding.check == NEGATIVE and finding.status == HTTPStatus.PRECONDITION_FAILED)
    if is_blank and isinstance(finding.sent, dict) and any(map(_is_blank, finding.sent.values())):
        return "a blank value is as if it were absent"
    if is_accepted and isinstance(finding.sent, dict) and any(map(_is_padded, finding.sent.values())):
        return "white space around a text does not count, so a longer one fits"
    if is_accepted and finding.operation.endswith("/api/leads/batch"):
        return "the faults of a lead are told in the entry of that lead"
    if finding.check == AVAILABILITY and any(finding.operation.endswith(place) for place in finding.replayed):
        return "the answer to a repeated request tells of a record that was deleted since"
    return None


def _has_whole_fraction(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_whole_fraction, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and value.is_integer()


def _is_padded(value: Any) -> bool:
    return isinstance(value, str) and value != value.strip()


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        seconds, seed = [*sys.argv[1:], SEED][:2]
        found = list(findings(run(Path(name), "--max-time", seconds, store="embedded", seed=seed)))
        counts = Counter(
            (finding.check, explanation(finding) or "NOT EXPLAINED") for finding in found if finding.check is not None
        )
        sys.stdout.write(f"{len(found)} calls: {counts}\n")
        for finding in found:
            if finding.check is not None and explanation(finding) is None:
                sys.stdout.write(f"{finding}\n")
