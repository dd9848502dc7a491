"""The settings: read from the environment once, validated and frozen (contract, section 6)."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo

from leads_api.http.cors import check_origin
from leads_api.mail.addresses import sender
from leads_api.mail.smtp import smtp_server
from leads_api.mongo.client import UnusableUri, check_uri

PREFIX = "LEADS_"
FILE = "_FILE"
"""Beside any variable: `LEADS_NAME_FILE` names a file that has the value of `LEADS_NAME`."""

_MOST_FILE_BYTES = 65_536
_NO_SECRETS = {"mongodb_database", "root_path"}
"""The texts that logs may show."""


class BadSetting(Exception):  # noqa: N818 - named as the failures are
    """A setting is not valid, and the service does not start. The message names the variable and the valid values."""


class RateLimit(Struct, frozen=True):
    """At most `requests` in `seconds`."""

    requests: Annotated[int, Meta(ge=1, le=999_999_999)]
    seconds: Annotated[int, Meta(ge=1, le=999_999)]


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
    max_body_bytes: Annotated[
        int, Meta(ge=1024, le=64 * 1024 * 1024, description="Maximum size of a request body, in bytes.")
    ] = 1_048_576
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
        float, Meta(ge=0.1, le=60, description="Seconds within which a request ends, whatever it waits for.")
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
        """Check every value, wherever it comes from. Raises BadSetting."""
        for field in msgspec.structs.fields(Settings):
            value = getattr(self, field.name)
            plain = msgspec.structs.asdict(value) if isinstance(value, Struct) else value
            try:
                msgspec.structs.force_setattr(self, field.name, msgspec.convert(plain, field.type))
            except msgspec.ValidationError as error:
                raise _invalid(field, str(error)) from None
        _check(self)


def _check(settings: Settings) -> None:
    """Check what the types cannot say. The messages repeat no value that may be secret."""
    if settings.mongodb_uri is not None:
        try:
            check_uri(settings.mongodb_uri)
        except UnusableUri as error:
            raise BadSetting(str(error)) from None
    if "\0" in str(settings.data_dir):
        raise BadSetting("LEADS_DATA_DIR must be a path.")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,38}", settings.mongodb_database):
        raise BadSetting("LEADS_MONGODB_DATABASE must be 1 to 38 letters, digits, _ or -.")
    if settings.mongodb_database.lower() in {"admin", "config", "local"}:
        raise BadSetting("LEADS_MONGODB_DATABASE must not be admin, config or local: these are MongoDB's own.")
    if settings.api_key is not None and not re.fullmatch(r"[!-~]{32,4096}", settings.api_key):
        raise BadSetting("LEADS_API_KEY must have 32 to 4096 visible ASCII characters.")
    if not re.fullmatch(r"(/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*", settings.root_path):
        raise BadSetting("LEADS_ROOT_PATH must be a path like /crm, without a slash at its end.")
    for origin in settings.cors_origins:
        try:
            check_origin(origin)
        except ValueError as error:
            raise BadSetting(f"LEADS_CORS_ORIGINS: {error}") from None
    _check_mail(settings)


def _check_mail(settings: Settings) -> None:
    if settings.portal_url is not None and not _is_link(settings.portal_url):
        raise BadSetting("LEADS_PORTAL_URL must be an http or https address, like https://portal.acme.example/login.")
    if settings.mail_from is not None:
        try:
            sender(settings.mail_from)
        except ValueError:
            raise BadSetting("LEADS_MAIL_FROM must be one e-mail address, like 'Acme <crm@acme.example>'.") from None
    if settings.smtp_url is None:
        return
    try:
        smtp_server(settings.smtp_url)
    except ValueError as error:
        raise BadSetting(f"LEADS_SMTP_URL {error}") from None
    for name, value in (("LEADS_MAIL_FROM", settings.mail_from), ("LEADS_PORTAL_URL", settings.portal_url)):
        if value is None:
            raise BadSetting(f"{name} must be set when LEADS_SMTP_URL is.")


def _is_link(text: str) -> bool:
    if not text.isprintable() or set(text) & set(' <>"\\'):
        return False
    try:
        url = urlsplit(text)
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0 and "@" not in url.netloc
    except ValueError:
        return False


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Return the settings of an environment; an empty variable counts as absent. Raises BadSetting."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        if raw := _raw(environ, _variable(field)):
            try:
                values[field.name] = _parsed(_kind(field), raw)
            except ValueError as error:
                raise _invalid(field, str(error)) from None
    return Settings(**values)


def _raw(environ: Mapping[str, str], variable: str) -> str:
    """Return the text of a variable, or of the file that `variable_FILE` names. Raises BadSetting."""
    text, path = environ.get(variable, "").strip(), environ.get(variable + FILE, "").strip()
    if not path:
        return text
    if text:
        raise BadSetting(f"{variable} and {variable + FILE} are both set. Set only one of them.")
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_FILE_BYTES + 1)
        text = content.decode().strip()
    except OSError as error:
        raise BadSetting(f"{variable + FILE} names a file that cannot be read: {error.strerror}.") from None
    except ValueError:  # a path with a null character, or a file that is not text in UTF-8
        text = ""
    if not text or len(content) > _MOST_FILE_BYTES:
        raise BadSetting(f"{variable + FILE} must name a file with the value of {variable}, as text in UTF-8.")
    return text


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return the unknown `LEADS_*` variables, which an orchestrator sets or which are misspelled."""
    variables = {_variable(field) for field in msgspec.structs.fields(Settings)}
    known = variables | {variable + FILE for variable in variables}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def described() -> list[tuple[str, str, str]]:
    """Return (variable, default, description) of every setting, in the order of the contract."""
    return [
        (_variable(field), _shown(field.default), _description(field)) for field in msgspec.structs.fields(Settings)
    ]


def without_secrets(settings: Settings) -> dict[str, Any]:
    """Return the settings for a log. Of a text, only whether it is set: it may be a secret, or contain one."""
    found: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=str)
    for field in msgspec.structs.fields(Settings):
        if _kind(field) is str and field.name not in _NO_SECRETS and found[field.name] is not None:
            found[field.name] = "set"
    return found


def _parsed(kind: Any, raw: str) -> object:
    """Return the value that a text stands for. Raises ValueError; its text does not repeat the value."""
    if get_origin(kind) is tuple:
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if get_origin(kind) is Literal:
        return raw.lower()
    return _PARSERS[kind](raw)


_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def _boolean(raw: str) -> bool:
    if raw.lower() not in _BOOLEANS:
        raise ValueError("expected yes or no")
    return _BOOLEANS[raw.lower()]


def _integer(raw: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", raw):
        raise ValueError("expected an integer")
    return int(raw)


def _number(raw: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", raw):
        raise ValueError("expected a number like 5 or 0.5")
    return float(raw)


def _rate_limit(raw: str) -> RateLimit:
    if not (match := re.fullmatch(r"([0-9]{1,18})/([0-9]{1,18})s", raw)):
        raise ValueError("expected a value like 100/60s")
    return RateLimit(int(match[1]), int(match[2]))


def _path(raw: str) -> Path:
    try:
        return Path(raw).expanduser()
    except RuntimeError:
        raise ValueError("the home folder of ~ is not known") from None


_PARSERS: dict[type, Callable[[str], object]] = {
    str: str, bool: _boolean, int: _integer, float: _number, RateLimit: _rate_limit, Path: _path,
}  # fmt: skip


def _variable(field: FieldInfo) -> str:
    return PREFIX + field.name.upper()


def _kind(field: FieldInfo) -> Any:
    """Return the type of a setting, without its limits and without None."""
    kind = field.type.__origin__
    kinds = [part for part in get_args(kind) if part is not NoneType]
    return kinds[0] if NoneType in get_args(kind) else kind


def _invalid(field: FieldInfo, reason: str) -> BadSetting:
    return BadSetting(f"{_variable(field)} has an invalid value ({reason.lower()}). {_description(field)}")


def _shown(default: object) -> str:
    if default is None or default == ():
        return ""
    return {True: "yes", False: "no"}[default] if isinstance(default, bool) else str(default)


def _description(field: FieldInfo) -> str:
    (meta,) = (part for part in field.type.__metadata__ if isinstance(part, Meta))
    return meta.description or ""
