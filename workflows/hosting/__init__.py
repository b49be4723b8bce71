"""Child processes: a pool of warm hosts, and evaluation that must not hold up the server."""
