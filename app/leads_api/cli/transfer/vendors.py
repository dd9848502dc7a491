"""The columns of other systems' exports, as a guess at what they are."""

from collections.abc import Mapping
from typing import NamedTuple

NAME = "name"
"""Stands for first and last name in one column: the last word is the last name."""


class Vendor(NamedTuple):
    """One system, as it exports leads or contacts."""

    name: str
    signs: frozenset[str]
    """Columns that all of its exports have, in lower case."""
    columns: Mapping[str, str]
    """The field that each column stands for; all others are left out. Of two columns for a field, the first counts."""
    statuses: Mapping[str, str]
    """The titles of the shipped statuses for those of the system."""


HUBSPOT = Vendor(
    "HubSpot",
    frozenset({"record id", "first name", "last name", "email"}),
    {
        "record id": "lead_external_id",
        "first name": "lead_firstname",
        "last name": "lead_lastname",
        "email": "lead_email",
        "phone number": "lead_phone",
        "mobile phone number": "lead_phone",
        "company name": "lead_company_name",
        "associated company": "lead_company_name",
        "job title": "lead_job_position",
        "website url": "lead_website",
        "lead status": "lead_status",
        "original source": "lead_source",
        "last contacted": "lead_last_contacted",
        "street address": "lead_street",
        "city": "lead_city",
        "state/region": "lead_state",
        "postal code": "lead_zip",
        "country/region": "lead_country",
        "message": "lead_description",
    },
    {
        "new": "New", "open": "New", "in progress": "Contacted", "open deal": "Proposal Sent",
        "unqualified": "Disqualified", "attempted to contact": "Contacted", "connected": "Contacted",
        "bad timing": "Disqualified",
    },
)  # fmt: skip

PIPEDRIVE = Vendor(
    "Pipedrive",
    frozenset({"lead - id", "lead - title"}),
    {
        "lead - id": "lead_external_id",
        "lead - title": "lead_title",
        "lead - value": "lead_value",
        "lead - source": "lead_source",
        "lead - note": "lead_description",
        "person - first name": "lead_firstname",
        "person - last name": "lead_lastname",
        "person - name": NAME,
        "person - email - work": "lead_email",
        "person - email - home": "lead_email",
        "person - email": "lead_email",
        "person - phone - work": "lead_phone",
        "person - phone - mobile": "lead_phone",
        "person - phone": "lead_phone",
        "organization - name": "lead_company_name",
        "organization - address": "lead_street",
        "organization - city/town/village/locality of address": "lead_city",
        "organization - state/county of address": "lead_state",
        "organization - zip/postal code of address": "lead_zip",
        "organization - country of address": "lead_country",
    },
    {},
)

SALESFORCE = Vendor(
    "Salesforce",
    frozenset({"id", "lastname", "company", "leadsource"}),
    {
        "id": "lead_external_id",
        "firstname": "lead_firstname",
        "lastname": "lead_lastname",
        "name": NAME,
        "company": "lead_company_name",
        "title": "lead_job_position",
        "email": "lead_email",
        "phone": "lead_phone",
        "mobilephone": "lead_phone",
        "website": "lead_website",
        "street": "lead_street",
        "city": "lead_city",
        "state": "lead_state",
        "postalcode": "lead_zip",
        "country": "lead_country",
        "status": "lead_status",
        "leadsource": "lead_source",
        "description": "lead_description",
        "lastactivitydate": "lead_last_contacted",
    },
    {
        "open - not contacted": "New",
        "working - contacted": "Contacted",
        "closed - converted": "Converted",
        "closed - not converted": "Disqualified",
    },
)

VENDORS = (HUBSPOT, PIPEDRIVE, SALESFORCE)
