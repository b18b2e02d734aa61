"""What the product is compared with: the same rows, written by Django and nothing more.

    python -m benchmarks.product.bare messages SECONDS SENDERS
    python -m benchmarks.product.bare notifications USERS BATCH

Prints how many rows a second were committed.
"""

from __future__ import annotations

import sys
import time
from itertools import count
from uuid import uuid4

import django

TYPE = "announcement"
MESSAGE = "Tonight from 2:00 to 3:00 the site can be read, but nothing can be written."
CONTENT = "of the messages that one person writes to another"


def messages(seconds: float, senders: int) -> float:
    """A loop of `Message.objects.create`: one process, one connection, autocommit.

    Each call is one INSERT and its commit. The messages go to new conversations in
    turn, with all that the product stores of a message: position, sender, client id.
    """
    from messaging.models import Conversation, Message

    conversations = [Conversation.objects.create() for _ in range(senders)]
    began = time.perf_counter()
    for written in count():
        if (elapsed := time.perf_counter() - began) >= seconds:
            return written / elapsed
        position, turn = divmod(written, senders)
        Message.objects.create(
            conversation=conversations[turn],
            position=position + 1,
            sender_id=2 * turn + 1,
            content=f"{position} {CONTENT}",
            client_id=uuid4(),
        )
    raise AssertionError("count() has no end")


def notifications(users: int, batch: int) -> float:
    """`Notification.objects.bulk_create`, batch by batch, each its own transaction.

    The rows are those that `manage.py broadcast` writes, for the users 1 to `users`.
    """
    from notifications.models import Notification
    from realtime import protocol

    began = time.perf_counter()
    for first in range(1, users + 1, batch):
        created_at = protocol.now()
        Notification.objects.bulk_create(
            [
                Notification(recipient_id=user, type=TYPE, message=MESSAGE, created_at=created_at)
                for user in range(first, min(first + batch, users + 1))
            ]
        )
    return users / (time.perf_counter() - began)


def main() -> None:
    django.setup()
    if sys.argv[1] == "messages":
        print(messages(float(sys.argv[2]), int(sys.argv[3])))
    else:
        print(notifications(int(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
