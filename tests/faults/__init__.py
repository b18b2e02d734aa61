"""The fault laboratory: real servers, real clients, real faults, and a checker.

    python -m tests.faults [scenario ...] [--clients N] [--scale X] [--markdown]

It starts a PostgreSQL and a Redis of its own, three nodes behind a round-robin
proxy, and a fleet of clients that behave as docs/protocol.md tells them to. While
processes write events, a scenario breaks something. Afterwards every client's
record is compared with the database. See docs/reliability.md.
"""
