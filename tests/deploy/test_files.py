"""The files that the service is shipped and run with, and the page about them, fit each other and the settings."""

import re
from typing import Any

import pytest
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
    run("yamllint", "--strict", "--config-file", "deploy/.yamllint", "deploy", "deploy/.yamllint")


def test_the_containers_get_every_setting_and_nothing_else() -> None:
    given = compose()["leads"]["environment"]

    assert set(given) == SETTINGS - NOT_IN_CONTAINERS


def given_by(env_file: dict[str, str]) -> dict[str, str]:
    """Return the settings that the service gets with these lines in .env."""
    given = compose()["leads"]["environment"]
    return {name: filled_in(value, {"DATABASE_PASSWORD": "a" * 64} | env_file) for name, value in given.items()}


def test_the_service_starts_with_what_an_unchanged_env_file_gives() -> None:
    settings = from_environment(given_by(example()))

    assert settings.mongodb_uri == f"mongodb://leads:{'a' * 64}@database:27017/?replicaSet=rs0&authSource=leads"
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
        "LEADS_API_KEY",
    }


@pytest.mark.parametrize("name", list(compose()))
def test_every_container_is_confined_and_only_the_gateway_can_be_reached(name: str) -> None:
    container = compose()[name]

    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert set(container["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert ("ports" in container) == (name == "gateway")
    assert "privileged" not in container
    assert not container.get("user", "").startswith("0")


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


def test_the_page_about_running_it_lists_every_setting_as_it_is() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
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
