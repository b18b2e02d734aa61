"""What the tests find: the demo's users, and `conv_123` of alice and bob, as in the reference.

python populate.py
"""

from __future__ import annotations

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402

from messaging.models import Conversation  # noqa: E402
from messaging.services import create_conversation  # noqa: E402

call_command("migrate", verbosity=0)
call_command("seed_demo")
users = get_user_model().objects
if not Conversation.objects.filter(pk=123).exists():
    Conversation.objects.all().delete()  # the demo's own
    Conversation.objects.create(pk=122).delete()  # the next one is 123
    alice, bob = users.get(username="alice"), users.get(username="bob")
    create_conversation(str(alice.pk), [bob.pk])
assert Conversation.objects.filter(pk=123).exists()
