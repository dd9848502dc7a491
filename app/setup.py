"""What a database needs before the first request: indexes, counters, the shipped settings."""

from app.access import keys
from app.catalog import store as catalog
from app.catalog.seed import seed
from app.checklists import store as checklists
from app.clients import store as clients
from app.files import store as files
from app.leads import store as leads
from app.mail import store as mails
from app.mongo.client import Database
from app.mongo.ids import Ids
from app.mongo.indexes import Indexes, ensure
from app.users import store as users

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
