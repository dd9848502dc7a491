"""What leads stand on: lead statuses, categories, the team and custom fields (contract, section 4)."""
