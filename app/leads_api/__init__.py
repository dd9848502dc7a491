"""The Leads service: the Leads API of a CRM as a microservice of its own."""
