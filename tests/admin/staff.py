"""A member of the staff in front of the admin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from tests.people import make_user

OURS = ("realtime", "notifications", "presence", "messaging")
BROADCASTS = "notifications_broadcast"
NOTIFICATIONS = "notifications_notification"
EVENTS = "realtime_event"
CONVERSATIONS = "messaging_conversation"
MESSAGES = "messaging_message"
PRESENCES = "presence_presence"
CONNECTIONS = "realtime_session"
POLLS = "realtime_polllease"
NODES = "realtime_node"


class Staff:
    """Somebody of the staff.

    Args:
        permissions: what of `view`, `change`, `delete` they may, of all our models.
        view_payload: whether they see what people wrote.

    Attributes:
        user: their account.
        client: Django's test client, signed in.
    """

    def __init__(
        self,
        name: str,
        *,
        permissions: Sequence[str] = (),
        view_payload: bool = False,
        is_superuser: bool = False,
    ) -> None:
        self.user = make_user(name, is_staff=True, is_superuser=is_superuser)
        ours = Permission.objects.filter(content_type__app_label__in=OURS)
        for kind in permissions:
            granted = ours.filter(codename__startswith=f"{kind}_")
            self.user.user_permissions.add(*granted.exclude(codename="view_payload"))
        if view_payload:
            self.user.user_permissions.add(ours.get(codename="view_payload"))
        self.client = Client()
        self.client.force_login(self.user)

    def overview(self, model: str, **query: Any) -> str:
        """What is to be read on a list."""
        return self.read(reverse(f"admin:{model}_changelist"), **query)

    def detail(self, model: str, key: object, **query: Any) -> str:
        """What is to be read on an object's page."""
        return self.read(reverse(f"admin:{model}_change", args=[key]), **query)

    def read(self, path: str, **query: Any) -> str:
        response = self.client.get(path, query)
        assert response.status_code == 200, (path, response.status_code)
        return in_words(response.content.decode())

    def rows(self, model: str, **query: Any) -> list[str]:
        """The rows of a list, as text."""
        response = self.client.get(reverse(f"admin:{model}_changelist"), query)
        assert response.status_code == 200, (query, response.status_code)
        body = re.search(r"<tbody>(.*)</tbody>", response.content.decode(), re.DOTALL)
        return [in_words(row) for row in body[1].split("</tr>") if "<t" in row] if body else []

    def act(
        self, model: str, action: str, *keys: object, across: bool = False, **fields: str
    ) -> str:
        """Choose rows of a list and an action: what is to be read then.

        Args:
            fields: what the page that asks first sends back.
        """
        chosen = {"action": action, "_selected_action": keys, "select_across": int(across)}
        response = self.client.post(
            reverse(f"admin:{model}_changelist"), chosen | fields, follow=True
        )
        assert response.status_code == 200
        return in_words(response.content.decode())

    def recorded(self) -> list[tuple[str, str]]:
        """What the admin's log says of them, oldest first: of what, and what."""
        entries = LogEntry.objects.filter(user_id=self.user.pk).order_by("pk")
        return [(entry.object_repr, entry.get_change_message()) for entry in entries]


def in_words(html: str) -> str:
    """A page as it is read, without its tags."""
    html = re.sub(r"<(script|style|svg).*?</\1>", "", html, flags=re.DOTALL)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))
