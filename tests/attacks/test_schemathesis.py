"""Schemathesis, all checks, against the OpenAPI document: what it reports is explained here, or a fault.

The bounded run of `make attacks` has a fixed seed. A longer one: `python -m tests.attacks.fuzz 1800`.
"""

from pathlib import Path

from tests.attacks.fuzz import explanation, findings, run


def test_schemathesis_reports_nothing_that_is_not_explained(tmp_path: Path) -> None:
    report = run(tmp_path, "--phases", "examples,fuzzing,stateful", "--max-examples", "5")

    found = list(findings(report))
    assert len(found) > 10, "it has called the service"
    assert [finding for finding in found if finding.check and explanation(finding) is None] == []
