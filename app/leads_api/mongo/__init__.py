"""Kit: the database seen from the nouns. Nothing but this and the stores names the driver."""
