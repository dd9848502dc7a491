"""The command `leads mails`: list the mails of the queue, and queue failed ones again."""

import argparse
from typing import Any, get_args

import msgspec

from leads_api.cli import arguments
from leads_api.cli.connection import Refused, on_database
from leads_api.cli.output import show, show_json, show_table, shown_second
from leads_api.clock import shown_time
from leads_api.mail.store import MailQueue, QueuedMail, Status
from leads_api.mongo.client import Database
from leads_api.settings import Settings


def add_to(commands: Any) -> None:
    """Declare the commands."""
    group = commands.add_parser("mails", help="list mails, and send failed ones again")
    group.set_defaults(help=group.print_help)
    mails = group.add_subparsers(metavar="ACTION")
    listing = mails.add_parser("list", help="list mails, in the order in which they were queued")
    listing.add_argument("--status", choices=get_args(Status), help="only mails with this status")
    listing.set_defaults(run=_list)
    requeue = mails.add_parser(
        "requeue",
        help="send failed mails again",
        description="Send failed mails again. A queued mail that waits for its next attempt is sent at once. Mails that"
        " have been sent, or are being sent, stay as they are.",
    )
    which = requeue.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", metavar="ID", help="id of the mail")
    which.add_argument("--all", action="store_true", help="all failed and waiting mails")
    requeue.set_defaults(run=_requeue)
    for command in (listing, requeue):
        arguments.add_json(command)


def _list(settings: Settings, options: argparse.Namespace) -> None:
    async def work(database: Database) -> list[QueuedMail]:
        return [mail async for mail in MailQueue(database).all(options.status)]

    mails = on_database(settings, work)
    if options.json:
        show_json([_plain(mail) for mail in mails])
        return
    show_table(
        ("ID", "STATUS", "ATTEMPTS", "CREATED", "DUE", "RECIPIENT", "ERROR"),
        (
            (
                mail.id,
                mail.status,
                str(mail.attempts),
                shown_second(mail.created),
                shown_second(mail.due),
                mail.recipient or "-",
                mail.error or "-",
            )
            for mail in mails
        ),
    )


def _plain(mail: QueuedMail) -> dict[str, object]:
    times = {name: moment and shown_time(moment) for name, moment in (("created", mail.created), ("due", mail.due))}
    return msgspec.structs.asdict(mail) | times


def _requeue(settings: Settings, options: argparse.Namespace) -> None:
    async def work(database: Database) -> int:
        mails = MailQueue(database)
        return await mails.requeue_all() if options.all else int(await mails.requeue(options.id))

    count = on_database(settings, work)
    if not count and not options.all:
        raise Refused(f"there is no failed or waiting mail {options.id}. `leads mails list` shows all mails.")
    if options.json:
        show_json({"requeued": count})
    else:
        show(f"{count} {'mail is' if count == 1 else 'mails are'} queued again.\n")
