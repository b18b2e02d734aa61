"""What the product is compared with: the same rows, written by Django and nothing more.

    python -m benchmarks.product.bare messages SECONDS SENDERS

Prints how many rows a second were committed.
"""

from __future__ import annotations

import sys
import time
from itertools import count
from uuid import uuid4

import django

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


def main() -> None:
    django.setup()
    print(messages(float(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
