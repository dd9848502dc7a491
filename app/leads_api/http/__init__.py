"""Kit: what happens to each request: pipeline, exchange, router, deadlines, rate limit, CORS, envelope, health."""
