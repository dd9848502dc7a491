"""The people: team users, who work on leads, and client users, whom conversion makes. One e-mail each."""
