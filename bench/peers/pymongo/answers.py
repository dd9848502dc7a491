"""What callers see of a document."""

from typing import Any

from bench.peers.catalog import Catalog
from bench.peers.schemas import Address, Billing, ClientOut, Contact, ConvertedOut, DatesOut, LeadOut, money, timestamp

Document = dict[str, Any]


def lead_out(document: Document, settings: Catalog) -> LeadOut:
    converted = document["converted"]
    return LeadOut(
        id=document["_id"],
        title=document["title"],
        value=money(document["value"]),
        status=settings.statuses[document["status"]],
        active_state=document["active_state"],
        category=settings.categories[document["category"]],
        source=document["source"],
        last_contacted=document["last_contacted"],
        description=document["description"],
        contact=Contact(**document["contact"]),
        address=Address(**document["address"]),
        converted=ConvertedOut(**converted | {"date": timestamp(converted["date"]) if converted["date"] else None}),
        assigned=settings.assigned(document["assigned"]),
        tags=document["tags"],
        dates=DatesOut(**{name: timestamp(moment) for name, moment in document["dates"].items()}),
        comments_count=document["comments_count"],
        version=document["version"],
    )


def client_out(document: Document, settings: Catalog) -> ClientOut:
    days = document["billing"]["invoice_due_days"]
    return ClientOut(
        **document
        | {
            "id": document["_id"],
            "category": settings.categories[document["category"]],
            "billing": Billing(**document["billing"] | {"invoice_due_days": None if days is None else str(days)}),
            "dates": DatesOut(**{name: timestamp(moment) for name, moment in document["dates"].items()}),
        }
    )
