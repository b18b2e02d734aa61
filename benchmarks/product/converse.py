"""Gives a user conversations: `python -m benchmarks.product.converse USER COUNT`.

With as many other users, those with the keys after USER. Writes the key of the
conversation that was made last.
"""

from __future__ import annotations

import sys

import django


def main() -> None:
    django.setup()
    from messaging.membership import create_conversation

    user, count = map(int, sys.argv[1:])
    for other in range(user + 1, user + count + 1):
        conversation, _ = create_conversation(str(user), [other])
    print(conversation.pk)


if __name__ == "__main__":
    main()
