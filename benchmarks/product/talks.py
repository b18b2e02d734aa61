"""Makes conversations of two: `python -m benchmarks.product.talks PAIRS` prints their ids.

The users with the keys 1 and 2 are the first pair, 3 and 4 the second, and so on.
"""

from __future__ import annotations

import json
import sys

import django


def main() -> None:
    django.setup()
    from messaging.events import conversation_id
    from messaging.services import create_conversation

    made = []
    for number in range(int(sys.argv[1])):
        conversation, _ = create_conversation(str(2 * number + 1), [2 * number + 2])
        made.append(conversation_id(conversation.pk))
    print(json.dumps(made))


if __name__ == "__main__":
    main()
