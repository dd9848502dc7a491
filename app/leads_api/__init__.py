"""A standalone lead-management API: the leads part of a CRM as a service."""
