"""Gives everybody events of their own: `python -m benchmarks.product.behind USERS EVENTS`."""

from __future__ import annotations

import sys

import django


def main() -> None:
    django.setup()
    from django.db import transaction

    from benchmarks.product.commands import Publish
    from realtime import log, relay

    users, events = map(int, sys.argv[1:])
    for number in range(1, events + 1):
        payload = Publish(f"event {number}".ljust(200, "x"))
        with transaction.atomic():
            log.append_many(
                log.Draft("bench", payload, "notifications", recipients=[user])
                for user in range(1, users + 1)
            )
        relay.drain()


if __name__ == "__main__":
    main()
