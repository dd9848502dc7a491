"""What a database needs before the first request: indexes, counters, the shipped settings."""

from leads_api.access import keys
from leads_api.catalog import store as catalog
from leads_api.catalog.seed import seed
from leads_api.checklists import store as checklists
from leads_api.clients import store as clients
from leads_api.files import store as files
from leads_api.leads import store as leads
from leads_api.mail import store as mails
from leads_api.mongo.client import Database
from leads_api.mongo.ids import Ids
from leads_api.mongo.indexes import Indexes, ensure
from leads_api.users import store as users

INDEXES: Indexes = {
    **leads.INDEXES,
    **checklists.INDEXES,
    **files.INDEXES,
    **clients.INDEXES,
    **catalog.INDEXES,
    **users.INDEXES,
    **mails.INDEXES,
    **keys.INDEXES,
}


async def set_up(database: Database) -> None:
    """Do all of it. Safe to repeat, and when several processes start together."""
    await ensure(database, INDEXES)
    await seed(database, Ids(database))
