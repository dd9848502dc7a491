"""The tree of the commands: their names, texts and examples. Each is imported when it runs."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cyclopts import App, Parameter

STATUSES = """exit status:
  0    done; of serve: stopped in order
  1    failed; one line on standard error says why
  2    the command line is not valid
  130  ended by Ctrl-C (SIGINT)
  141  standard output was closed by its reader (SIGPIPE)
  143  ended by SIGTERM"""


class NotValid(Exception):  # noqa: N818 - named as the failures are
    """The command line is not valid; the message says why."""


class Command(NamedTuple):
    """One command."""

    function: str
    """The function that runs it, as `module:name` in this package."""
    summary: str
    examples: tuple[str, ...]
    details: str = ""
    """What the help says below the summary."""
    more: str | None = None
    """A function that returns the end of the help, as `module:name`."""


class Group(NamedTuple):
    """Commands that share their first word."""

    summary: str
    commands: Mapping[str, "Command | Group"]


LEADS = Group(
    "A standalone lead-management API: the leads part of a CRM as a service.",
    {
        "serve": Command(
            "serve:serve",
            "serve the API",
            ("leads serve", "leads serve --host 0.0.0.0 --port 8080 --workers 4"),
            "Without LEADS_MONGODB_URI, it runs an embedded database server, too.",
            more="serve:environment",
        ),
        "keys": Group(
            "manage API keys",
            {
                "create": Command(
                    "keys:create",
                    "create a key and print it once",
                    (
                        'leads keys create --name "web form"',
                        "leads keys create --name reports --scope read --expires 2027-12-31",
                    ),
                ),
                "list": Command("keys:list_keys", "list all keys", ("leads keys list", "leads keys list --json")),
                "revoke": Command("keys:revoke", "revoke a key", ("leads keys revoke 7",)),
            },
        ),
        "mails": Group(
            "list mails, and send failed ones again",
            {
                "list": Command(
                    "mails:list_mails",
                    "list mails, in the order in which they were queued",
                    ("leads mails list --status failed", "leads mails list --json"),
                ),
                "requeue": Command(
                    "mails:requeue",
                    "send failed mails again",
                    ("leads mails requeue 6b0774f9a1b2c3d4e5f60718", "leads mails requeue --all"),
                    "A queued mail that waits for its next attempt is sent at once. Mails that have been sent, or are"
                    " being sent, stay as they are.",
                ),
            },
        ),
        "import": Command(
            "transfer.importing:import_leads",
            "make a lead of each record of a file, CSV or NDJSON",
            (
                "leads import leads.csv --dry-run",
                "leads import leads.csv",
                "leads import contacts.csv --map mapping.toml --on-existing update",
                "zcat leads.ndjson.gz | leads import -",
            ),
            "Every record is checked as a request is. Refused records are written to FILE.refused.csv with their"
            " reasons. If it is interrupted, run it again: it goes on where it stopped, and no lead is made twice."
            " docs/import.md describes columns, mapping files, and exports of HubSpot, Pipedrive and Salesforce.",
        ),
        "export": Command(
            "transfer.exporting:export",
            "write all leads to a file, CSV or NDJSON",
            ("leads export leads.csv", "leads export leads.ndjson", "leads export --format ndjson | gzip > leads.gz"),
            "The leads are in the order of their ids, each as it is when it is read. If it is interrupted, run it"
            " again: it goes on where it stopped.",
        ),
        "person": Command(
            "person:person",
            "print or erase all that is held about a person",
            (
                "leads person jane@acme.example export > jane.json",
                "leads person jane@acme.example erase",
                "leads person jane@acme.example erase --yes",
            ),
            "A person is found by e-mail: in leads with their comments, checklists and files, in clients and their"
            " users, in mails and events, and in the comments of other leads. Erased records stay, without what tells"
            " who somebody is: ids, values, statuses, dates and counts are as before.",
        ),
        "doctor": Command(
            "doctor:doctor",
            "check what the service stands on, and say what to do",
            ("leads doctor", "leads doctor --json"),
            "It checks the connection, the kind and version of the database, indexes, documents, shard keys,"
            " permissions, the clock, the mail server and the mail queue, the relay of events, the feed, deliveries and"
            " webhooks. It writes nothing. The exit status is 1 if a check failed.",
        ),
        "bench": Command(
            "bench:bench",
            "measure how fast a running service answers",
            ("leads bench", "leads bench --url https://crm.acme.example --connections 32 --seconds 10"),
            "The API key is LEADS_API_KEY, or the one in the data folder. Without --writes, nothing is changed. With"
            " it, leads are created and deleted, which other systems see as events. A few seconds are no benchmark:"
            " compare figures of the same machine only.",
        ),
        "seed": Command(
            "database:seed",
            "create the indexes and the shipped settings, as every start does",
            ("leads seed",),
        ),
        "indexes": Command(
            "database:indexes",
            "create missing indexes and list all indexes",
            ("leads indexes", "leads indexes --json"),
        ),
        "migrate": Command(
            "database:migrate",
            "bring indexes and documents of earlier versions up to date",
            ("leads migrate",),
            "You can run it while services are running. It checks every document. If it is interrupted, run it again:"
            " it resumes where it stopped.",
        ),
        "openapi": Command("openapi:openapi", "print the OpenAPI document", ("leads openapi > openapi.json",)),
        "completion": Command(
            "completion:completion",
            "print a script with which your shell completes commands and options",
            (
                "leads completion bash > ~/.local/share/bash-completion/completions/leads",
                'leads completion zsh > "${fpath[1]}/_leads"',
                "leads completion fish > ~/.config/fish/completions/leads.fish",
            ),
        ),
    },
)

_PLAIN = Parameter(negative=(), allow_repeating=True)
"""No `--no-json` beside `--json`; of a repeated option, the last one counts."""


def application(group: Group = LEADS, name: str = "leads") -> App:
    """Return the parser of a group of commands."""
    app = App(name=name, version_flags=(), default_parameter=_PLAIN, help_format="plaintext")
    for word, entry in group.commands.items():
        if isinstance(entry, Group):
            app.command(application(entry, word))
        else:
            app.command(f"{__package__}.{entry.function}", name=word, help=entry.summary, default_parameter=_PLAIN)
    return app


def named(words: Iterable[str]) -> Command | Group:
    """Return what these words name. Raises KeyError."""
    entry: Command | Group = LEADS
    for word in words:
        if isinstance(entry, Command):
            raise KeyError(word)
        entry = entry.commands[word]
    return entry
