"""Services of other make that do the same work: see ../README.md."""
