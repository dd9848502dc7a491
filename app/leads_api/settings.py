"""The settings: read from the environment once, validated and frozen (contract, section 6)."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from leads_api.mail.addresses import sender

PREFIX = "LEADS_"


class BadSetting(Exception):  # noqa: N818 - named as the failures are
    """A setting is not valid, and the service does not start. The message names the variable and the valid values."""


class RateLimit(Struct, frozen=True):
    """At most `requests` in `seconds`."""

    requests: int
    seconds: int


class Settings(Struct, frozen=True, kw_only=True):
    """All settings. The field `name` is the variable `LEADS_NAME`; `--help` and the docs show its description."""

    mongodb_uri: Annotated[
        str | None, Meta(description="Address of a MongoDB replica set or sharded cluster. Unset: the embedded server.")
    ] = None
    data_dir: Annotated[
        Path, Meta(description="Folder for the files of the embedded server and for the API key that it prints.")
    ] = Path("data")
    mongodb_database: Annotated[str, Meta(description="Name of the database.")] = "leads"
    mongodb_driver: Annotated[Literal["motor", "pymongo"], Meta(description="Database driver: motor or pymongo.")] = (
        "motor"
    )
    api_key: Annotated[
        str | None,
        Meta(
            description="An API key of team user 1, valid in addition to those in the database. At least 32 characters."
        ),
    ] = None
    default_limit: Annotated[
        int, Meta(ge=1, le=100, description="Records on a page if the request has no `limit`.")
    ] = 25
    max_body_bytes: Annotated[int, Meta(ge=1024, description="Maximum size of a request body, in bytes.")] = 1_048_576
    rate_limit: Annotated[
        RateLimit | None, Meta(description="Requests per API key and process, for example 100/60s. Unset: no limit.")
    ] = None
    smtp_url: Annotated[
        str | None,
        Meta(description="smtp://user:password@host:587 or smtps://; a password needs TLS. Unset: mails stay queued."),
    ] = None
    mail_from: Annotated[str | None, Meta(description="Sender of the mails. Required with LEADS_SMTP_URL.")] = None
    portal_url: Annotated[str | None, Meta(description="Link in the welcome mail. Required with LEADS_SMTP_URL.")] = (
        None
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Log level: debug, info, warning or error.")
    ] = "info"
    access_log: Annotated[bool, Meta(description="Log a line for each request: yes or no.")] = False
    cors_origins: Annotated[
        tuple[str, ...], Meta(description="Origins that browsers may call from, comma-separated, or * for all.")
    ] = ()
    request_timeout: Annotated[
        float, Meta(gt=0, le=60, description="Seconds within which a request ends, whatever it waits for.")
    ] = 5.0
    drain_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=300,
            description="Seconds for which the service goes on listening after SIGTERM, not ready, for the gateway.",
        ),
    ] = 5.0
    cache_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="Seconds for which keys, statuses, categories, team and custom fields are cached.",
        ),
    ] = 2.0
    root_path: Annotated[
        str, Meta(description="Path below which a gateway serves the API, for example /crm. Links begin with it.")
    ] = ""
    max_comments: Annotated[int, Meta(ge=1, le=50_000, description="Maximum number of comments on a lead.")] = 5000
    max_comment_bytes: Annotated[
        int,
        Meta(ge=1024, le=12 * 1024 * 1024, description="Maximum size of all comments on a lead together, in bytes."),
    ] = 4 * 1024 * 1024

    max_page_bytes: Annotated[
        int,
        Meta(
            ge=65_536,
            le=32 * 1024 * 1024,
            description="Maximum size of the leads on a page together, in bytes; a single lead may be larger.",
        ),
    ] = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        _check(self)


def _check(settings: Settings) -> None:
    if settings.api_key is not None and not re.fullmatch(r"[!-~]{32,}", settings.api_key):
        raise BadSetting("LEADS_API_KEY must have at least 32 visible ASCII characters.")
    if settings.mongodb_uri is not None and not settings.mongodb_uri.startswith(("mongodb://", "mongodb+srv://")):
        raise BadSetting("LEADS_MONGODB_URI must begin with mongodb:// or mongodb+srv://.")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,38}", settings.mongodb_database):
        raise BadSetting("LEADS_MONGODB_DATABASE must be 1 to 38 letters, digits, _ or -.")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", settings.root_path):
        raise BadSetting("LEADS_ROOT_PATH must be a path like /crm, without a slash at its end.")
    for origin in settings.cors_origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s,]+", origin):
            raise BadSetting("LEADS_CORS_ORIGINS must be * or origins like https://app.example, comma-separated.")
    if settings.portal_url is not None and not re.fullmatch(r"https?://[^\s]+", settings.portal_url):
        raise BadSetting("LEADS_PORTAL_URL must be an http or https address.")
    if settings.mail_from is not None and not _is_sender(settings.mail_from):
        raise BadSetting("LEADS_MAIL_FROM must be an e-mail address, like 'Acme <crm@acme.example>'.")
    if settings.smtp_url is not None:
        _check_smtp(settings)


def _is_sender(text: str) -> bool:
    try:
        sender(text)
    except ValueError:
        return False
    return True


def _check_smtp(settings: Settings) -> None:
    advice = "LEADS_SMTP_URL must be like smtp://user:password@host:587 or smtps://host."
    try:
        url = urlsplit(settings.smtp_url or "")
        usable = url.scheme in {"smtp", "smtps"} and bool(url.hostname) and url.port != 0
    except ValueError:  # the port is not a number; the error's text would repeat the password
        usable = False
    if not usable:
        raise BadSetting(advice)
    for name, value in (("LEADS_MAIL_FROM", settings.mail_from), ("LEADS_PORTAL_URL", settings.portal_url)):
        if value is None:
            raise BadSetting(f"{name} must be set when LEADS_SMTP_URL is.")


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Return the settings of an environment; an empty variable counts as absent. Raises BadSetting."""
    values = {}
    for field in msgspec.structs.fields(Settings):
        variable = PREFIX + field.name.upper()
        if not (raw := environ.get(variable, "").strip()):
            continue
        try:
            values[field.name] = msgspec.convert(_prepared(field.name, raw), field.type, strict=False)
        except (msgspec.ValidationError, ValueError, InvalidOperation) as error:
            reason = "" if field.name in _SECRET else f" ({error})"
            raise BadSetting(f"{variable} has an invalid value{reason}. {_description(field)}") from None
    return Settings(**values)


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return the unknown `LEADS_*` variables, which an orchestrator sets or which are misspelled."""
    known = {PREFIX + name.upper() for name in Settings.__struct_fields__}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def described() -> list[tuple[str, str, str]]:
    """Return (variable, default, description) of every setting, in the order of the contract."""
    return [
        (PREFIX + field.name.upper(), _shown(field.default), _description(field))
        for field in msgspec.structs.fields(Settings)
    ]


_SECRET = {"mongodb_uri", "api_key", "smtp_url"}
_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def _prepared(name: str, raw: str) -> object:
    match name:
        case "access_log":
            if raw.lower() not in _BOOLEANS:
                raise ValueError("expected yes or no")
            return _BOOLEANS[raw.lower()]
        case "cors_origins":
            return [origin.strip() for origin in raw.split(",") if origin.strip()]
        case "rate_limit":
            if not (match := re.fullmatch(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})s", raw)):
                raise ValueError("expected a value like 100/60s")
            return {"requests": int(match[1]), "seconds": int(match[2])}
        case "request_timeout" | "cache_seconds" | "drain_seconds":
            return float(Decimal(raw))
        case "data_dir":
            return Path(raw).expanduser()
        case "log_level" | "mongodb_driver":
            return raw.lower()
        case _:
            return raw


def _shown(default: object) -> str:
    if default is None or default == ():
        return ""
    return {True: "yes", False: "no"}[default] if isinstance(default, bool) else str(default)


def _description(field: msgspec.structs.FieldInfo) -> str:
    (meta,) = (part for part in field.type.__metadata__ if isinstance(part, Meta))
    return meta.description or ""
