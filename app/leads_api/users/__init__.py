"""Users: team users, who work on leads, and client users, which conversion creates. E-mail addresses are unique."""
