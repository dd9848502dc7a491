"""Kit: validation of requests: bodies, fields, rules, values, inputs, paging (contract, section 1)."""
