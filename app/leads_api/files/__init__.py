"""The files of leads: references to immutable contents in GridFS."""
