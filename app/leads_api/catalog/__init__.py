"""The settings that leads refer to: lead statuses, categories, the team and custom fields (contract, section 4)."""
