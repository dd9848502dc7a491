"""The environment, and settings in code (contract, section 6 "Environment")."""

import traceback
from pathlib import Path
from typing import Any

import pytest
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from leads_api.mongo.client import Driver, UnusableUri, close, connect
from leads_api.settings import (
    BadSetting,
    RateLimit,
    Settings,
    described,
    from_environment,
    unknown_variables,
    without_secrets,
)

KEY = "k" * 32
MAIL = {"LEADS_MAIL_FROM": "Acme <crm@acme.example>", "LEADS_PORTAL_URL": "https://portal.acme.example/in"}
SECRET = "hunter2-hunter2-hunter2"

DEFAULTS = {
    "LEADS_MONGODB_URI": None,
    "LEADS_DATA_DIR": Path("data"),
    "LEADS_MONGODB_DATABASE": "leads",
    "LEADS_MONGODB_DRIVER": "motor",
    "LEADS_API_KEY": None,
    "LEADS_DEFAULT_LIMIT": 25,
    "LEADS_MAX_BODY_BYTES": 1_048_576,
    "LEADS_RATE_LIMIT": None,
    "LEADS_SMTP_URL": None,
    "LEADS_MAIL_FROM": None,
    "LEADS_PORTAL_URL": None,
    "LEADS_LOG_LEVEL": "info",
    "LEADS_ACCESS_LOG": False,
    "LEADS_CORS_ORIGINS": (),
    "LEADS_REQUEST_TIMEOUT": 5.0,
    "LEADS_CACHE_SECONDS": 2.0,
    "LEADS_DRAIN_SECONDS": 5.0,
    "LEADS_MAX_COMMENTS": 5000,
    "LEADS_MAX_COMMENT_BYTES": 4 * 1024 * 1024,
    "LEADS_MAX_PAGE_BYTES": 8 * 1024 * 1024,
}


def value_of(settings: Settings, variable: str) -> object:
    return getattr(settings, variable.removeprefix("LEADS_").lower())


@pytest.mark.parametrize(("variable", "default"), DEFAULTS.items())
@pytest.mark.parametrize("environ", [{}, {"PATH": "/bin"}, dict.fromkeys(DEFAULTS, ""), dict.fromkeys(DEFAULTS, "  ")])
def test_an_absent_or_empty_variable_means_its_default(environ: dict[str, str], variable: str, default: object) -> None:
    settings = from_environment(environ)

    assert value_of(settings, variable) == default


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("LEADS_MONGODB_URI", "mongodb://a.example,b.example/?replicaSet=rs0", None),
        ("LEADS_MONGODB_URI", "mongodb+srv://user:pass%40word@cluster.example", None),
        ("LEADS_DATA_DIR", "/var/lib/leads", Path("/var/lib/leads")),
        ("LEADS_MONGODB_DATABASE", "crm_Leads-2", None),
        ("LEADS_MONGODB_DRIVER", "motor", None),
        ("LEADS_API_KEY", KEY, None),
        ("LEADS_API_KEY", f" {KEY}\n", KEY),
        ("LEADS_DRAIN_SECONDS", "0", 0.0),
        ("LEADS_DRAIN_SECONDS", "0.5", 0.5),
        ("LEADS_DRAIN_SECONDS", "300", 300.0),
        ("LEADS_DEFAULT_LIMIT", "1", 1),
        ("LEADS_DEFAULT_LIMIT", "100", 100),
        ("LEADS_MAX_BODY_BYTES", "2097152", 2_097_152),
        ("LEADS_RATE_LIMIT", "100/60s", RateLimit(100, 60)),
        ("LEADS_LOG_LEVEL", "debug", None),
        ("LEADS_LOG_LEVEL", "WARNING", "warning"),
        ("LEADS_ACCESS_LOG", "yes", True),
        ("LEADS_ACCESS_LOG", "1", True),
        ("LEADS_ACCESS_LOG", "no", False),
        ("LEADS_ACCESS_LOG", "off", False),
        ("LEADS_CORS_ORIGINS", "*", ("*",)),
        ("LEADS_CORS_ORIGINS", "http://127.0.0.1:8080,http://[::1]", ("http://127.0.0.1:8080", "http://[::1]")),
        ("LEADS_CORS_ORIGINS", "https://a_b.example:80", ("https://a_b.example:80",)),
        ("LEADS_ROOT_PATH", "/crm/..a/.b", None),
        (
            "LEADS_CORS_ORIGINS",
            "https://a.example, http://localhost:3000",
            ("https://a.example", "http://localhost:3000"),
        ),
        ("LEADS_REQUEST_TIMEOUT", "0.5", 0.5),
        ("LEADS_CACHE_SECONDS", "0", 0.0),
        ("LEADS_MAX_COMMENTS", "1", 1),
        ("LEADS_MAX_COMMENT_BYTES", "1024", 1024),
        ("LEADS_MAX_PAGE_BYTES", "65536", 65536),
    ],
)
def test_a_value_is_read(variable: str, text: str, value: object) -> None:
    settings = from_environment({variable: text})

    assert value_of(settings, variable) == (text if value is None else value)


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.example",
        "smtp://user:pass%40word@mail.example:587",
        "smtp://crm@acme.example:word@mail.example",
        "smtps://mail.example:465",
        "SMTPS://mail.example/",
        "smtp://[::1]:1025",
        "smtp://post.müller.example",
    ],
)
def test_mail_needs_a_server_a_sender_and_a_place_to_lead_to(url: str) -> None:
    settings = from_environment({"LEADS_SMTP_URL": url} | MAIL)

    assert (settings.smtp_url, settings.mail_from) == (url, MAIL["LEADS_MAIL_FROM"])
    assert settings.portal_url == MAIL["LEADS_PORTAL_URL"]


@pytest.mark.parametrize("missing", MAIL)
def test_a_mail_server_alone_is_refused_by_what_is_missing(missing: str) -> None:
    environ = {"LEADS_SMTP_URL": "smtp://mail.example"} | MAIL
    del environ[missing]

    with pytest.raises(BadSetting, match=missing):
        from_environment(environ)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("LEADS_MONGODB_URI", "localhost:27017"),
        ("LEADS_MONGODB_URI", "http://localhost:27017"),
        ("LEADS_MONGODB_DATABASE", "a.b"),
        ("LEADS_MONGODB_DATABASE", "a/b"),
        ("LEADS_MONGODB_DATABASE", "a b"),
        ("LEADS_MONGODB_DATABASE", "$admin"),
        ("LEADS_MONGODB_DATABASE", "x" * 64),
        ("LEADS_MONGODB_DATABASE", "admin"),
        ("LEADS_MONGODB_DATABASE", "Config"),
        ("LEADS_MONGODB_DATABASE", "local"),
        ("LEADS_MONGODB_URI", "mongodb://"),
        ("LEADS_MONGODB_URI", "mongodb://crm@db.example"),
        ("LEADS_MONGODB_URI", "mongodb://db.example:99999"),
        ("LEADS_MONGODB_URI", "mongodb+srv://db.acme.example:27017"),
        ("LEADS_MONGODB_URI", "mongodb://db.example/?tls=ture"),
        ("LEADS_MONGODB_URI", "mongodb://db.example/?tlss=true"),
        ("LEADS_MONGODB_URI", "mongodb://db.example/?replicaSet=a&replicaSet=b"),
        ("LEADS_MONGODB_URI", "mongodb://db.example/?tls=true&tlsCAFile=/nonexistent"),
        ("LEADS_MONGODB_URI", "mongodb://db.example/?tlsCertificateKeyFile=/"),
        ("LEADS_MONGODB_URI", "mongodb://user:pass\udcff@db.example"),
        ("LEADS_DATA_DIR", "~nosuchuser/data"),
        ("LEADS_MONGODB_DRIVER", "beanie"),
        ("LEADS_DRAIN_SECONDS", "-1"),
        ("LEADS_DRAIN_SECONDS", "nan"),
        ("LEADS_DRAIN_SECONDS", "inf"),
        ("LEADS_DRAIN_SECONDS", "301"),
        ("LEADS_DRAIN_SECONDS", "5s"),
        ("LEADS_API_KEY", "k" * 31),
        ("LEADS_API_KEY", f"{'k' * 16} {'k' * 16}"),
        ("LEADS_API_KEY", "ü" * 32),
        ("LEADS_API_KEY", "k" * 4097),
        ("LEADS_DEFAULT_LIMIT", "0"),
        ("LEADS_DEFAULT_LIMIT", "101"),
        ("LEADS_DEFAULT_LIMIT", "-5"),
        ("LEADS_DEFAULT_LIMIT", "many"),
        ("LEADS_DEFAULT_LIMIT", "1_0"),
        ("LEADS_DEFAULT_LIMIT", "2.5"),
        ("LEADS_DEFAULT_LIMIT", "٥"),
        ("LEADS_DEFAULT_LIMIT", "+5"),
        ("LEADS_DEFAULT_LIMIT", "1e1"),
        ("LEADS_DEFAULT_LIMIT", "9" * 5000),
        ("LEADS_MAX_BODY_BYTES", "99999999999"),
        ("LEADS_MAX_BODY_BYTES", "0"),
        ("LEADS_MAX_BODY_BYTES", "1MiB"),
        ("LEADS_RATE_LIMIT", "100"),
        ("LEADS_RATE_LIMIT", "0/60s"),
        ("LEADS_RATE_LIMIT", "100/0s"),
        ("LEADS_RATE_LIMIT", "100/60"),
        ("LEADS_RATE_LIMIT", "-1/60s"),
        ("LEADS_RATE_LIMIT", "0/0s"),
        ("LEADS_RATE_LIMIT", "1/9999999s"),
        ("LEADS_RATE_LIMIT", "٥/60s"),
        ("LEADS_ROOT_PATH", "crm"),
        ("LEADS_ROOT_PATH", "/"),
        ("LEADS_ROOT_PATH", "/crm/"),
        ("LEADS_ROOT_PATH", "/crm/../x"),
        ("LEADS_ROOT_PATH", "/."),
        ("LEADS_ROOT_PATH", "/c%72m"),
        ("LEADS_SMTP_URL", "mail.example:587"),
        ("LEADS_SMTP_URL", "http://mail.example"),
        ("LEADS_SMTP_URL", "smtp://"),
        ("LEADS_SMTP_URL", "smtp://mail.example:port"),
        ("LEADS_SMTP_URL", "smtp://mail.example:99999"),
        ("LEADS_SMTP_URL", "smtp://mail.example:0"),
        ("LEADS_SMTP_URL", "smtp://mail.example:٥"),
        ("LEADS_SMTP_URL", "smtp://mail.example/path"),
        ("LEADS_SMTP_URL", "smtp://mail.example?starttls=yes"),
        ("LEADS_SMTP_URL", "smtp://mail..example"),
        ("LEADS_SMTP_URL", "smtp://mail!.example"),
        ("LEADS_SMTP_URL", "smtp://[::g]"),
        ("LEADS_SMTP_URL", "smtp://user:123#456@mail.example"),
        ("LEADS_SMTP_URL", "smtp://user:123/456@mail.example"),
        ("LEADS_SMTP_URL", "smtp://user:123?456@mail.example"),
        ("LEADS_SMTP_URL", "smtp://user:123 456@mail.example"),
        ("LEADS_SMTP_URL", "smtp://user:50%off@mail.example"),
        ("LEADS_SMTP_URL", "smtp://user:%ff@mail.example"),
        ("LEADS_SMTP_URL", "smtp://user@mail.example"),
        ("LEADS_SMTP_URL", "smtp://user:@mail.example"),
        ("LEADS_SMTP_URL", "smtp://:word@mail.example"),
        ("LEADS_MAIL_FROM", "Acme"),
        ("LEADS_MAIL_FROM", "<>"),
        ("LEADS_MAIL_FROM", "a@b@c"),
        ("LEADS_MAIL_FROM", "x <a@b.example>, y <c@d.example>"),
        ("LEADS_MAIL_FROM", "a@b.example, c@d.example"),
        ("LEADS_MAIL_FROM", "a@b.example c@d.example"),
        ("LEADS_MAIL_FROM", "crm@acme.example\nBcc: all@acme.example"),
        ("LEADS_PORTAL_URL", "portal.acme.example"),
        ("LEADS_PORTAL_URL", "javascript:alert(1)"),
        ("LEADS_PORTAL_URL", "https:///"),
        ("LEADS_PORTAL_URL", "https://:443/"),
        ("LEADS_PORTAL_URL", "https://portal.example:99999"),
        ("LEADS_PORTAL_URL", "https://[portal.example"),
        ("LEADS_PORTAL_URL", "https://user:word@portal.example"),
        ("LEADS_PORTAL_URL", "https://portal.example/in me"),
        ("LEADS_LOG_LEVEL", "loud"),
        ("LEADS_ACCESS_LOG", "maybe"),
        ("LEADS_CORS_ORIGINS", "acme.example"),
        ("LEADS_CORS_ORIGINS", "https://a.example,https://b.example/path"),
        ("LEADS_CORS_ORIGINS", "https://App.Example"),
        ("LEADS_CORS_ORIGINS", "HTTPS://app.example"),
        ("LEADS_CORS_ORIGINS", "https://*.example"),
        ("LEADS_CORS_ORIGINS", "https://app.example/"),
        ("LEADS_CORS_ORIGINS", "https://app.example:443"),
        ("LEADS_CORS_ORIGINS", "http://app.example:80"),
        ("LEADS_CORS_ORIGINS", "https://app.example:0443"),
        ("LEADS_CORS_ORIGINS", "https://app.example:70000"),
        ("LEADS_CORS_ORIGINS", "https://user@app.example"),
        ("LEADS_CORS_ORIGINS", "https://müller.example"),
        ("LEADS_CORS_ORIGINS", "http://127.1"),
        ("LEADS_CORS_ORIGINS", "http://[0::1]"),
        ("LEADS_CORS_ORIGINS", "null"),
        ("LEADS_REQUEST_TIMEOUT", "0"),
        ("LEADS_REQUEST_TIMEOUT", "-1"),
        ("LEADS_REQUEST_TIMEOUT", "5s"),
        ("LEADS_REQUEST_TIMEOUT", "nan"),
        ("LEADS_REQUEST_TIMEOUT", "inf"),
        ("LEADS_REQUEST_TIMEOUT", "0.0005"),
        ("LEADS_REQUEST_TIMEOUT", "1e400"),
        ("LEADS_REQUEST_TIMEOUT", "1_0"),
        ("LEADS_REQUEST_TIMEOUT", "٥"),
        ("LEADS_REQUEST_TIMEOUT", "61"),
        ("LEADS_CACHE_SECONDS", "-0.1"),
        ("LEADS_CACHE_SECONDS", "nan"),
        ("LEADS_CACHE_SECONDS", "1e999"),
        ("LEADS_MAX_COMMENTS", "0"),
        ("LEADS_MAX_COMMENT_BYTES", "17000000"),
        ("LEADS_MAX_PAGE_BYTES", "65535"),
        ("LEADS_MAX_PAGE_BYTES", "33554433"),
        ("LEADS_MAX_COMMENT_BYTES", "4 MiB"),
    ],
)
def test_a_bad_value_is_refused_by_name(variable: str, text: str) -> None:
    with pytest.raises(BadSetting, match=f"^{variable}"):
        from_environment({variable: text} | (MAIL if variable == "LEADS_SMTP_URL" else {}))


@pytest.mark.parametrize(
    "environ",
    [
        {"LEADS_API_KEY": SECRET},
        {"LEADS_API_KEY": f"{SECRET} {SECRET}"},
        {"LEADS_MONGODB_URI": f"http://user:{SECRET}@db.example"},
        {"LEADS_MONGODB_URI": SECRET},
        {"LEADS_SMTP_URL": f"smtp://user:{SECRET}@mail.example:{SECRET}"} | MAIL,
        {"LEADS_SMTP_URL": f"ftp://user:{SECRET}@mail.example"} | MAIL,
        {"LEADS_SMTP_URL": f"smtp://user:{SECRET}@mail.example"},
        {"LEADS_SMTP_URL": f"smtp://user:{SECRET}@[mail.example"} | MAIL,
        {"LEADS_SMTP_URL": f"smtp://user:{SECRET}#@mail.example"} | MAIL,
        {"LEADS_SMTP_URL": f"smtp://user:{SECRET}%@mail.example"} | MAIL,
        {"LEADS_SMTP_URL": f"smtp://{SECRET}@mail.example"} | MAIL,
        {"LEADS_PORTAL_URL": f"https://user:{SECRET}@portal.example"},
        {"LEADS_MONGODB_URI": f"mongodb://user:{SECRET}@db.example/?tls=ture"},
        {"LEADS_MONGODB_URI": f"mongodb://user:{SECRET}?tls=@db.example/"},
        {"LEADS_MONGODB_URI": f"mongodb://db.example/?tlsCertificateKeyFilePassword={SECRET}&tls=ture"},
        {"LEADS_DEFAULT_LIMIT": SECRET},
        {"LEADS_ACCESS_LOG": SECRET},
        {"LEADS_RATE_LIMIT": SECRET},
        {"LEADS_REQUEST_TIMEOUT": SECRET},
    ],
)
def test_a_secret_is_never_in_the_text_of_an_error(environ: dict[str, str]) -> None:
    with pytest.raises(BadSetting) as refusal:
        from_environment(environ)

    assert SECRET not in "".join(traceback.format_exception(refusal.value))


@pytest.mark.parametrize(
    "uri", ["mongodb://", f"mongodb://user:{SECRET}@db.example:port", f"mongodb://user:{SECRET}/1@db.example"]
)
def test_an_address_that_cannot_be_read_is_refused_by_name_without_its_password(uri: str) -> None:
    with pytest.raises(UnusableUri, match="LEADS_MONGODB_URI") as refusal:
        connect(uri, request_timeout=1)

    assert SECRET not in "".join(traceback.format_exception(refusal.value))


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_reads_are_from_the_primary_whatever_the_address_says(driver: Driver) -> None:
    uri = "mongodb://127.0.0.1:1/?replicaSet=rs0&readPreference=secondaryPreferred&readConcernLevel=available&w=0"

    client = connect(uri, driver=driver, request_timeout=1)

    assert client.read_preference == ReadPreference.PRIMARY
    assert client.read_concern == ReadConcern("local")
    assert client.write_concern == WriteConcern("majority")
    await close(client)


def test_good_values_of_others_do_not_hide_a_bad_one() -> None:
    with pytest.raises(BadSetting, match="LEADS_DEFAULT_LIMIT"):
        from_environment({"LEADS_API_KEY": KEY, "LEADS_DEFAULT_LIMIT": "x", "LEADS_LOG_LEVEL": "debug"} | MAIL)


def test_variables_that_no_setting_reads_are_told() -> None:
    environ = dict.fromkeys(DEFAULTS, "x") | {"LEADS_PORT_8000_TCP": "x", "LEADS_API_KEYS": "x", "PATH": "x"}

    assert unknown_variables(environ) == ["LEADS_API_KEYS", "LEADS_PORT_8000_TCP"]


def test_unknown_variables_do_not_stop_the_service() -> None:
    settings = from_environment({"LEADS_SERVICE_HOST": "10.0.0.1"})

    assert settings == Settings()


def test_every_variable_is_described_with_its_default() -> None:
    rows = {variable: (default, description) for variable, default, description in described()}

    assert rows.keys() >= DEFAULTS.keys()
    assert all(description for _, description in rows.values())
    shown = {variable: rows[variable][0] for variable in ("LEADS_DEFAULT_LIMIT", "LEADS_ACCESS_LOG", "LEADS_API_KEY")}
    assert shown == {"LEADS_DEFAULT_LIMIT": "25", "LEADS_ACCESS_LOG": "no", "LEADS_API_KEY": ""}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("api_key", "short"),
        ("default_limit", 0),
        ("default_limit", "25"),
        ("default_limit", True),
        ("max_body_bytes", -1),
        ("rate_limit", RateLimit(0, 60)),
        ("rate_limit", RateLimit(1, 0)),
        ("request_timeout", float("nan")),
        ("request_timeout", float("inf")),
        ("cache_seconds", -1),
        ("cors_origins", "https://app.example"),
        ("cors_origins", ("https://App.Example",)),
        ("data_dir", "data"),
        ("data_dir", Path("a\0b")),
        ("mongodb_database", "admin"),
        ("mongodb_uri", "mongodb://"),
        ("mongodb_driver", "Motor"),
        ("log_level", "loud"),
        ("access_log", "yes"),
        ("smtp_url", "smtp://user@mail.example"),
        ("mail_from", "a@b.example, c@d.example"),
        ("portal_url", "https:///"),
        ("root_path", "crm"),
        ("max_comments", 0),
        ("max_comment_bytes", None),
    ],
)
def test_what_is_given_in_code_is_checked_like_the_environment(field: str, value: Any) -> None:
    with pytest.raises(BadSetting, match=f"^LEADS_{field.upper()}"):
        Settings(**{field: value})


def test_good_values_in_code_are_kept_in_one_form() -> None:
    origins: Any = ["https://a.example"]

    settings = Settings(request_timeout=3, cors_origins=origins, rate_limit=RateLimit(1, 2), data_dir=Path("x"))

    assert settings == from_environment(
        {
            "LEADS_REQUEST_TIMEOUT": "3.0",
            "LEADS_CORS_ORIGINS": "https://a.example",
            "LEADS_RATE_LIMIT": "1/2s",
            "LEADS_DATA_DIR": "x",
        }
    )


@pytest.mark.parametrize("variable", DEFAULTS)
def test_a_file_beside_any_variable_has_its_value(variable: str, tmp_path: Path) -> None:
    values = {
        "LEADS_MONGODB_URI": "mongodb://user:word@db.example", "LEADS_DATA_DIR": "/var/lib/leads",
        "LEADS_MONGODB_DATABASE": "crm", "LEADS_MONGODB_DRIVER": "pymongo", "LEADS_API_KEY": KEY,
        "LEADS_DEFAULT_LIMIT": "7", "LEADS_MAX_BODY_BYTES": "2048", "LEADS_RATE_LIMIT": "1/2s",
        "LEADS_SMTP_URL": "smtp://mail.example", "LEADS_MAIL_FROM": "Müller <crm@acme.example>",
        "LEADS_PORTAL_URL": "https://portal.example", "LEADS_LOG_LEVEL": "error", "LEADS_ACCESS_LOG": "yes",
        "LEADS_CORS_ORIGINS": "https://a.example", "LEADS_REQUEST_TIMEOUT": "3", "LEADS_CACHE_SECONDS": "1",
        "LEADS_MAX_COMMENTS": "10", "LEADS_MAX_COMMENT_BYTES": "2048", "LEADS_ROOT_PATH": "/crm",
        "LEADS_MAX_PAGE_BYTES": "100000", "LEADS_DRAIN_SECONDS": "1",
    }  # fmt: skip
    file = tmp_path / "secret"
    file.write_text(f"{values[variable]}\n", "utf-8")
    others = MAIL if variable == "LEADS_SMTP_URL" else {}

    settings = from_environment({f"{variable}_FILE": str(file), variable: ""} | others)

    assert settings == from_environment({variable: values[variable]} | others)
    assert settings != Settings()
    assert unknown_variables({f"{variable}_FILE": str(file)}) == []


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe", KEY.encode() + b" " * 70_000])
def test_a_file_without_a_value_is_refused_by_name(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(BadSetting, match=r"^LEADS_API_KEY_FILE"):
        from_environment({"LEADS_API_KEY_FILE": str(file)})


@pytest.mark.parametrize("path", ["/", "a\0b"])
def test_what_is_no_file_is_refused_by_name(path: str) -> None:
    with pytest.raises(BadSetting, match=r"^LEADS_API_KEY_FILE"):
        from_environment({"LEADS_API_KEY_FILE": path})


def test_a_variable_and_its_file_together_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET * 2)

    with pytest.raises(BadSetting, match=r"LEADS_API_KEY and LEADS_API_KEY_FILE") as refusal:
        from_environment({"LEADS_API_KEY_FILE": str(file), "LEADS_API_KEY": KEY})

    assert SECRET not in str(refusal.value)


def test_a_bad_value_of_a_file_is_refused_by_name_without_the_value(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)

    with pytest.raises(BadSetting, match=r"^LEADS_API_KEY must") as refusal:
        from_environment({"LEADS_API_KEY_FILE": str(file)})

    assert SECRET not in "".join(traceback.format_exception(refusal.value))


def test_the_option_of_the_address_that_cannot_be_used_is_named() -> None:
    with pytest.raises(BadSetting, match="option that cannot be used: tls"):
        from_environment({"LEADS_MONGODB_URI": "mongodb://db.example/?replicaSet=rs0&tls=ture"})


def test_an_address_of_which_the_name_cannot_be_looked_up_yet_is_no_bad_value() -> None:
    assert from_environment({"LEADS_MONGODB_URI": "mongodb+srv://db.nowhere.invalid/?tls=true"}).mongodb_uri


def test_settings_for_a_log_tell_of_texts_only_that_they_are_set() -> None:
    settings = Settings(
        api_key=KEY,
        mongodb_uri=f"mongodb://user:{SECRET}@db.example/?replicaSet=rs0",
        smtp_url=f"smtps://user:{SECRET}@mail.example",
        mail_from="Acme <crm@acme.example>",
        portal_url=f"https://portal.acme.example/{SECRET}",
        root_path="/crm",
    )

    shown = without_secrets(settings)

    assert {name for name, value in shown.items() if value == "set"} == {
        "api_key", "mongodb_uri", "smtp_url", "mail_from", "portal_url",
    }  # fmt: skip
    assert (shown["root_path"], shown["mongodb_database"], shown["data_dir"]) == ("/crm", "leads", "data")
    assert without_secrets(Settings())["api_key"] is None
    assert list(shown) == list(Settings.__struct_fields__)
