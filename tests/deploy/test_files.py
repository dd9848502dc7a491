"""The files that the service is shipped and run with, and the page about them, fit each other and the settings."""

import re
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from leads_api.settings import BadSetting, described, from_environment
from tests.deploy.gateways import gateway_variables
from tests.deploy.processes import DEPLOY, compose, run

ROOT = DEPLOY.parent
SETTINGS = {variable for variable, _, _ in described()}
NOT_IN_CONTAINERS = {"LEADS_DATA_DIR"}
OF_THE_COMPOSE_FILE = {"LEADS_MONGODB_URI", "LEADS_MONGODB_DATABASE"}
"""Settings that follow from its database."""


def test_the_yaml_files_have_no_known_faults() -> None:
    run("yamllint", "--strict", "--config-file", "deploy/.yamllint", "deploy", "deploy/.yamllint", ".github")


def test_the_containers_get_every_setting_and_nothing_else() -> None:
    given = compose()["leads"]["environment"]

    assert set(given) == SETTINGS - NOT_IN_CONTAINERS


def given_by(env_file: dict[str, str]) -> dict[str, str]:
    """Return the settings that the service gets with these lines in .env."""
    given = compose()["leads"]["environment"]
    return {name: filled_in(value, {"DATABASE_PASSWORD": "a" * 64} | env_file) for name, value in given.items()}


DATABASE = "database-1,database-2,database-3"


def test_the_service_starts_with_what_an_unchanged_env_file_gives() -> None:
    settings = from_environment(given_by(example()))

    assert settings.mongodb_uri == f"mongodb://leads:{'a' * 64}@{DATABASE}/?replicaSet=rs0&authSource=leads"
    assert settings.smtp_url == "smtp://mail:1025"
    assert settings.api_key is None


def test_without_lines_of_their_own_all_settings_have_their_defaults() -> None:
    settings = from_environment(given_by({}))

    assert replace(settings, mongodb_uri=None) == from_environment({})


@pytest.mark.parametrize("variable", sorted(SETTINGS - NOT_IN_CONTAINERS - OF_THE_COMPOSE_FILE))
def test_every_setting_can_be_passed_by_a_line_of_its_own(variable: str) -> None:
    assert given_by({variable: "something"})[variable] == "something"


def test_no_sender_is_made_up_for_whoever_names_a_mail_server_only() -> None:
    with pytest.raises(BadSetting, match="LEADS_MAIL_FROM"):
        from_environment(given_by({"LEADS_SMTP_URL": "smtp://smtp.acme.example"}))


def test_the_example_of_an_env_file_names_what_the_compose_file_reads_and_holds_no_secret() -> None:
    text = (DEPLOY / ".env.example").read_text()
    named: dict[str, str] = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))
    read = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))

    assert set(named) <= read
    assert {name for name, value in named.items() if not value} == {
        "DATABASE_ROOT_PASSWORD",
        "DATABASE_PASSWORD",
        "DATABASE_KEY",
        "GRAFANA_PASSWORD",
        "LEADS_API_KEY",
    }


@pytest.mark.parametrize("name", list(compose()))
def test_every_container_is_confined_and_only_gateway_and_grafana_can_be_reached(name: str) -> None:
    container = compose()[name]

    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert set(container["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert ("ports" in container) == (name in {"gateway", "grafana"})
    assert all("127.0.0.1:" in port for port in container.get("ports", []))  # unless .env says otherwise
    assert "privileged" not in container
    assert not container.get("user", "").startswith("0")


def test_the_database_has_three_members_and_the_service_two_instances() -> None:
    members = [name for name, container in compose().items() if container["image"].startswith("mongo:")]
    initiated = (DEPLOY / "database" / "health.js").read_text()

    assert members == DATABASE.split(",")
    assert all(f'"{member}"' in initiated for member in members)
    assert compose()["leads"]["deploy"]["replicas"] == 2


def test_only_the_member_that_initiates_the_replica_set_makes_users() -> None:
    """Another member that has data of its own could not join."""
    makers = [name for name in DATABASE.split(",") if "MONGO_INITDB_ROOT_USERNAME" in compose()[name]["environment"]]

    assert makers == ["database-1"]


def test_prometheus_and_grafana_of_the_compose_file_find_what_they_are_for() -> None:
    config = yaml.safe_load((DEPLOY / "monitoring/prometheus.yml").read_text())
    (found,) = config["scrape_configs"][0]["dns_sd_configs"]
    (source,) = yaml.safe_load((DEPLOY / "monitoring/grafana/datasources/prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((DEPLOY / "monitoring/grafana/dashboards/leads.yaml").read_text())["providers"]
    mounts = [mount.split(":")[1] for mount in compose()["grafana"]["volumes"]]

    assert (found["names"], found["port"]) == (["leads"], 8000)
    assert source["url"] == "http://prometheus:9090"
    assert f"{provider['options']['path']}/leads.json" in mounts
    for one, other in (("prometheus", "leads"), ("grafana", "prometheus")):
        assert set(compose()[one]["networks"]) & set(compose()[other]["networks"])


def test_the_gateway_has_every_variable_of_its_templates() -> None:
    templates = "".join(path.read_text() for path in (DEPLOY / "gateway" / "templates").iterdir())
    used = set(re.findall(r"\$\{(GATEWAY_[A-Z_]+)\}", templates))

    assert {name for name in gateway_variables() if name.startswith("GATEWAY_")} == used


def test_the_gateway_takes_a_little_more_and_waits_a_little_longer_than_the_service() -> None:
    settings, gateway = from_environment({}), gateway_variables()

    assert 0 < int(gateway["GATEWAY_MAX_BODY_BYTES"]) - settings.max_body_bytes <= 128 * 1024
    assert 1.5 <= float(gateway["GATEWAY_UPSTREAM_TIMEOUT"].removesuffix("s")) / settings.request_timeout <= 3


def test_the_gateway_closes_idle_connections_before_a_drain_is_over() -> None:
    template = (DEPLOY / "gateway" / "templates" / "leads.conf.template").read_text()
    (seconds,) = re.findall(r"keepalive 64;\n +keepalive_timeout (\d+)s;", template)

    assert int(seconds) + 1 < from_environment({}).drain_seconds


def test_a_container_is_killed_only_after_the_drain_and_the_end() -> None:
    settings = from_environment({})
    grace = float(compose()["leads"]["stop_grace_period"].removesuffix("s"))

    assert settings.drain_seconds + settings.request_timeout + 15 < grace


def test_every_instance_stays_in_use_whatever_happened_on_it() -> None:
    template = (DEPLOY / "gateway" / "templates" / "leads.conf.template").read_text()

    assert re.findall(r"^ +server \S+ (.*);$", template, re.MULTILINE) == ["max_fails=0", "max_fails=0"]


def test_the_page_about_settings_lists_every_one_as_it_is() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| `(LEADS_\w+)` \| (?:`([^`]*)`)? ?\| (.+) \|$", page, re.MULTILINE)

    assert rows == described()


def test_the_page_about_running_it_lists_every_variable_of_the_gateway() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    rows = dict(re.findall(r"^\| `(GATEWAY_\w+)` \| `([^`]*)` \|", page, re.MULTILINE))

    assert rows == {name: value for name, value in gateway_variables().items() if name.startswith("GATEWAY_")}


def example() -> dict[str, str]:
    """Return what .env.example sets."""
    text = (DEPLOY / ".env.example").read_text()
    return dict(re.findall(r"^([A-Z_]+)=(.+)$", text, re.MULTILINE))


def filled_in(value: Any, given: dict[str, str]) -> str:
    """Return a value of the compose file as it is with these variables set and no others."""
    return re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda match: given.get(match[1], match[2] or ""), str(value))
