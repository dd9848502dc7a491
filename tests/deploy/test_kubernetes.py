"""The files for Kubernetes: valid by its schemas, alike as kustomize base and as Helm chart, and fit for the service.

Helm's own code renders the chart here, from a wheel that exists for some machines only.
"""

import os
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from leads_api.settings import described, from_environment
from tests.deploy.processes import DEPLOY

CHART = DEPLOY / "helm" / "leads"
KUSTOMIZE = DEPLOY / "kubernetes"
OF_THE_OPERATOR = {"ServiceMonitor", "PrometheusRule"}
"""Kinds that are not Kubernetes's own."""
SETTINGS = {variable for variable, _, _ in described()}
VERSION = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]["version"]

Manifest = dict[str, Any]

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "monitored": {"monitoring": {"enabled": True, "labels": {"release": "prometheus"}}},
    "least": {
        "migration": {"enabled": False},
        "networkPolicy": {"from": [], "webhooks": {"ports": []}},
        "imagePullSecrets": [{"name": "registry"}],
    },
    "with settings": {
        "settings": {"LEADS_ACCESS_LOG": "yes", "LEADS_MAX_COMMENTS": 100},
        "secret": {"name": "mine", "settings": {"LEADS_SMTP_URL": "smtp-url"}},
    },
}


def helm() -> Any:
    """Return Helm as a library; without its wheel the test is skipped, and fails in CI."""
    if os.environ.get("CI") == "true":
        import helm_python  # noqa: PLC0415 - not for every machine

        return helm_python
    return pytest.importorskip("helm_python", reason="helm-python-sdk has no wheel for this machine")


@cache
def rendered(variant: str) -> list[Manifest]:
    with helm().Chart.load(str(CHART)) as chart:
        files: dict[str, str] = chart.render(VARIANTS[variant], name="crm", namespace="sales")
    texts = [text for name, text in files.items() if not name.endswith(("NOTES.txt", ".tpl"))]
    return [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]


def based() -> list[Manifest]:
    """Return what the kustomize base is made from."""
    names: list[str] = yaml.safe_load((KUSTOMIZE / "base" / "kustomization.yaml").read_text())["resources"]
    return [yaml.safe_load((KUSTOMIZE / "base" / name).read_text()) for name in names]


def one(manifests: list[Manifest], kind: str) -> Manifest:
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def pod(manifests: list[Manifest], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = one(manifests, kind)["spec"]["template"]["spec"]
    return found


def sources() -> Iterator[tuple[str, list[Manifest]]]:
    yield "kustomize", based()
    for variant in VARIANTS:
        yield variant, rendered(variant)


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("source", ["kustomize", *VARIANTS])
def test_every_manifest_is_valid(source: str, version: str) -> None:
    for manifest in based() if source == "kustomize" else rendered(source):
        if manifest["kind"] not in OF_THE_OPERATOR:
            kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_helm_finds_no_fault_in_the_chart(variant: str) -> None:
    findings = helm().lint(str(CHART), VARIANTS[variant], strict=True)

    information = 1
    assert [finding for finding in findings["messages"] if finding["severity"] > information] == []


@pytest.mark.parametrize(
    "mistyped",
    [
        {"replicas": 3},
        {"settings": {"LEADS-RATE-LIMIT": "100/60s"}},
        {"secret": {"settings": {"LEADS_SMTP_URL": "../smtp-url"}}},
        {"terminationGracePeriodSeconds": 5},
    ],
    ids=str,
)
def test_the_chart_refuses_values_that_it_does_not_know(mistyped: dict[str, Any]) -> None:
    with helm().Chart.load(str(CHART)) as chart, pytest.raises(helm().HelmError):
        chart.validate_schema(mistyped)


def test_the_pods_of_the_base_and_of_the_chart_are_the_same() -> None:
    apart = {
        "image",
        "imagePullPolicy",
        "env",
        "envFrom",
        "containers",
        "topologySpreadConstraints",
        "serviceAccountName",
    }
    for kind in ("Deployment", "Job"):
        base, chart = pod(based(), kind), pod(rendered("as it is"), kind)

        assert without(base, apart) == without(chart, apart)
        assert without(base["containers"][0], apart) == without(chart["containers"][0], apart)


def without(fields: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def test_the_service_and_all_that_selects_pods_select_those_that_serve_and_no_others() -> None:
    for _, manifests in sources():
        labels: dict[str, str] = one(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"]
        selectors = [
            one(manifests, "Service")["spec"]["selector"],
            one(manifests, "Deployment")["spec"]["selector"]["matchLabels"],
            one(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        ]

        for selector in selectors:
            assert selector.items() <= labels.items()
            assert selector["app.kubernetes.io/component"] == "api"
        for job in (manifest for manifest in manifests if manifest["kind"] == "Job"):
            assert job["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] == "migration"


def test_a_pod_is_killed_only_after_hook_drain_and_end() -> None:
    settings, spec = from_environment({}), pod(based(), "Deployment")
    (container,) = spec["containers"]
    command, seconds = container["lifecycle"]["preStop"]["exec"]["command"]

    assert command == "sleep"
    assert int(seconds) + settings.drain_seconds + settings.request_timeout + 15 < spec["terminationGracePeriodSeconds"]


def test_the_three_probes_ask_what_they_are_for() -> None:
    (container,) = pod(based(), "Deployment")["containers"]

    assert {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")} == {
        "startupProbe": "/health/live",
        "livenessProbe": "/health/live",
        "readinessProbe": "/health/ready",
    }


def test_every_variable_is_a_setting_and_secrets_come_as_files() -> None:
    for _, manifests in sources():
        for kind in ("Deployment", "Job"):
            for manifest in (found for found in manifests if found["kind"] == kind):
                (container,) = manifest["spec"]["template"]["spec"]["containers"]
                given = {variable["name"]: variable["value"] for variable in container["env"]}
                files = {name.removesuffix("_FILE") for name in given if name.endswith("_FILE")}

                assert "LEADS_MONGODB_URI" in files
                assert {name.removesuffix("_FILE") for name in given} <= SETTINGS
                assert all(given[f"{name}_FILE"].startswith("/run/secrets/leads/") for name in files)


def test_the_settings_of_the_kustomizations_are_settings() -> None:
    for path in KUSTOMIZE.rglob("kustomization.yaml"):
        for generator in yaml.safe_load(path.read_text()).get("configMapGenerator", []):
            assert {line.partition("=")[0] for line in generator["literals"]} <= SETTINGS


@pytest.mark.parametrize("path", list(KUSTOMIZE.rglob("kustomization.yaml")), ids=lambda path: path.parent.name)
def test_a_kustomization_names_the_files_beside_it_and_patches_what_is_there(path: Path) -> None:
    kustomization = yaml.safe_load(path.read_text())
    patches = [patch["path"] for patch in kustomization.get("patches", [])]
    named = [*kustomization["resources"], *patches, *kustomization.get("components", [])]

    assert {name for name in named if name.endswith(".yaml")} == {file.name for file in path.parent.glob("*.yaml")} - {
        "kustomization.yaml"
    }
    assert all((path.parent / name).exists() for name in named)
    known = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in based()}
    for patch in (yaml.safe_load((path.parent / name).read_text()) for name in patches):
        assert (patch["kind"], patch["metadata"]["name"]) in known


@pytest.mark.parametrize("source", ["kustomize", "as it is"])
def test_webhooks_may_go_out_but_not_into_private_networks(source: str) -> None:
    manifests = based() if source == "kustomize" else rendered(source)
    (rule,) = [rule for rule in one(manifests, "NetworkPolicy")["spec"]["egress"] if "ipBlock" in str(rule)]
    excepted = [network for block in rule["to"] for network in block["ipBlock"]["except"]]

    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"} <= set(excepted)
    assert [port["port"] for port in rule["ports"]] == [443, 80]


def test_without_ports_for_webhooks_nothing_goes_out_but_to_what_is_named() -> None:
    policy = one(rendered("least"), "NetworkPolicy")["spec"]

    assert "ipBlock" not in str(policy["egress"])
    assert policy["ingress"] == []


def test_documents_are_migrated_after_each_upgrade() -> None:
    job = one(rendered("as it is"), "Job")

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade"
    for manifests in (based(), rendered("as it is")):
        assert pod(manifests, "Job")["containers"][0]["args"] == ["migrate"]
    assert "Job" not in {manifest["kind"] for manifest in rendered("least")}


def test_prometheus_finds_the_port_of_the_service_and_gets_the_shipped_alerts_and_dashboard() -> None:
    manifests = rendered("monitored")
    monitor, alone = one(manifests, "ServiceMonitor"), KUSTOMIZE / "components" / "monitoring" / "service-monitor.yaml"
    (dashboard,) = [manifest for manifest in manifests if manifest["kind"] == "ConfigMap"]

    assert monitor["spec"]["endpoints"] == yaml.safe_load(alone.read_text())["spec"]["endpoints"]
    assert monitor["spec"]["endpoints"][0]["port"] == one(manifests, "Service")["spec"]["ports"][0]["name"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= one(manifests, "Service")["metadata"]["labels"].items()
    assert one(manifests, "PrometheusRule")["spec"] == yaml.safe_load((DEPLOY / "monitoring/alerts.yaml").read_text())
    assert dashboard["data"]["leads.json"].strip() == (DEPLOY / "monitoring/dashboard.json").read_text().strip()


def test_chart_and_overlay_have_the_version_of_the_service() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    (image,) = yaml.safe_load((KUSTOMIZE / "overlays/production/kustomization.yaml").read_text())["images"]

    assert (chart["version"], chart["appVersion"], image["newTag"]) == (VERSION, VERSION, VERSION)
    assert rendered("as it is")
    assert pod(rendered("as it is"), "Deployment")["containers"][0]["image"] == f"leads:{VERSION}"
