"""Kit: what was sent, read and checked: bodies, fields, rules, values, inputs, paging (contract, section 1)."""
