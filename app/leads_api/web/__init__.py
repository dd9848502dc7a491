"""Kit: HTTP as the contract wants it, section 1. Knows nothing of leads."""
