"""The command `leads mails`: list the mails of the queue, and queue failed ones again."""

from typing import Annotated

import msgspec

from leads_api.cli.arguments import Given, Json, said
from leads_api.cli.commands import NotValid
from leads_api.cli.connection import Refused, on_database
from leads_api.cli.output import show, show_json, show_table, shown_second
from leads_api.clock import shown_time
from leads_api.mail.store import MailQueue, QueuedMail, Status
from leads_api.mongo.client import Database


def list_mails(
    *,
    status: Annotated[Status | None, said("only mails with this status")] = None,
    json: Json = False,
    settings: Given,
) -> None:
    """List mails."""

    async def work(database: Database) -> list[QueuedMail]:
        return [mail async for mail in MailQueue(database).all(status)]

    mails = on_database(settings, work)
    if json:
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


def requeue(
    mail_id: Annotated[str | None, said("id of the mail", name="ID")] = None,
    /,
    *,
    every: Annotated[bool, said("all failed and waiting mails", name="--all")] = False,
    json: Json = False,
    settings: Given,
) -> None:
    """Queue mails again."""
    if every and mail_id is not None:
        raise NotValid("argument ID: not allowed with --all")
    if not every and mail_id is None:
        raise NotValid("one of ID and --all is required")

    async def work(database: Database) -> int:
        mails = MailQueue(database)
        return await mails.requeue_all() if mail_id is None else int(await mails.requeue(mail_id))

    count = on_database(settings, work)
    if not count and mail_id is not None:
        raise Refused(f"there is no failed or waiting mail {mail_id}. `leads mails list` shows all mails.")
    if json:
        show_json({"requeued": count})
    else:
        show(f"{count} {'mail is' if count == 1 else 'mails are'} queued again.\n")
