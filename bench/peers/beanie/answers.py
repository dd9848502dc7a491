"""What callers see of a document."""

from bench.peers.beanie.documents import Client, Dates, LeadFields
from bench.peers.catalog import Catalog
from bench.peers.schemas import Billing, ClientOut, ConvertedOut, DatesOut, LeadOut, Named, money, timestamp


def lead_out(lead_id: int, lead: LeadFields, settings: Catalog) -> LeadOut:
    converted, date = lead.converted, lead.converted.date
    return LeadOut(
        id=lead_id,
        title=lead.title,
        value=money(lead.value),
        status=settings.statuses[lead.status],
        active_state=lead.active_state,
        category=settings.categories[lead.category],
        source=lead.source,
        last_contacted=lead.last_contacted,
        description=lead.description,
        contact=lead.contact,
        address=lead.address,
        converted=ConvertedOut(
            is_converted=converted.is_converted,
            client_id=converted.client_id,
            date=timestamp(date) if date else None,
        ),
        assigned=settings.assigned(lead.assigned),
        tags=lead.tags,
        dates=_dates_out(lead.dates),
        comments_count=lead.comments_count,
        version=lead.version,
    )


def client_out(client: Client, settings: Catalog) -> ClientOut:
    days = client.billing.invoice_due_days
    address = client.billing.model_dump(exclude={"invoice_due_days"})
    return ClientOut(
        id=client.id,
        company_name=client.company_name,
        description=client.description,
        status=client.status,
        phone=client.phone,
        website=client.website,
        vat=client.vat,
        category=settings.categories[client.category],
        owner=Named(id=client.owner.id, name=client.owner.name),
        billing=Billing(**address, invoice_due_days=None if days is None else str(days)),
        shipping=client.shipping,
        dates=_dates_out(client.dates),
        tags=client.tags,
        created_from_lead_id=client.created_from_lead_id,
    )


def _dates_out(dates: Dates) -> DatesOut:
    return DatesOut(created=timestamp(dates.created), updated=timestamp(dates.updated))
