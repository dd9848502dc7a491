"""The `leads` command, a file for each group of commands (contract, section 6)."""
