"""Events: what has happened to leads, relayed from the database's change stream; and the feed (contract, section 5)."""
