"""Publishes from a process of its own: `python -m benchmarks.product.publish`.

Each line on standard input is an event: `{"text": …}` with `recipients` (user
keys), or without, then for everybody on the public channel. Answers each with
a line: when its transaction began and when it was committed, by the system's
monotonic clock.
"""

from __future__ import annotations

import sys
import time

import django
import msgspec


class Publication(msgspec.Struct):
    """One event: with recipients on their `notifications`, without on the public channel."""

    text: str
    recipients: list[int] = []


def main() -> None:
    django.setup()
    from django.db import transaction

    from benchmarks.product.commands import CHANNEL
    from realtime import log

    print("ready", flush=True)
    for line in sys.stdin.buffer:
        event = msgspec.json.decode(line, type=Publication)
        began = time.monotonic()
        with transaction.atomic():
            payload = {"message": event.text}
            if event.recipients:
                log.append("bench", payload, channel="notifications", recipients=event.recipients)
            else:
                log.append("bench", payload, channel=CHANNEL, topic=CHANNEL)
        print(f"{began} {time.monotonic()}", flush=True)


if __name__ == "__main__":
    main()
