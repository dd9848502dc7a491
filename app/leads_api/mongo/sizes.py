"""The sizes of documents."""

import bson

from leads_api.mongo.client import Document

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024


def exceeds_document(document: Document) -> bool:
    """Return whether a document is larger than MongoDB can keep."""
    return len(bson.encode(document)) > MAX_DOCUMENT_BYTES
