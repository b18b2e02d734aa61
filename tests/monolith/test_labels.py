"""Every app of ours with another label: tables, migrations both ways, checks, admin."""

from __future__ import annotations

import pytest

from tests.docs.blocks import FileBlock
from tests.monolith.building import APPS, Project

LABELS = {name: f"live_{name}" for name in APPS}
CONFIGS = "\n\n".join(
    f"from {name}.apps import {name.title()}Config\n\n"
    f"class Live{name.title()}({name.title()}Config):\n    label = {label!r}\n"
    for name, label in LABELS.items()
)
SETTINGS = "\n".join(
    f"INSTALLED_APPS[INSTALLED_APPS.index({name!r})] = 'mysite.live_apps.Live{name.title()}'"
    for name in APPS
)
USE = """
from django.test import Client
from messaging import services
from notifications.services import notify
from people.models import Person
from realtime import relay
from realtime.testing import FakeClient

alice, bob = [Person.objects.create_superuser(f"{name}@example.org") for name in ("alice", "bob")]
conversation, _ = services.create_conversation(str(alice.pk), [str(bob.pk)])
with FakeClient(alice, f"conversation:conv_{conversation.pk}") as client:
    notify(alice, "like", "Bob liked your post", actor=bob)
    client.expect("notification", type="like")
    services.send_message(str(bob.pk), conversation.pk, "Hello")
    client.expect("message", content="Hello")
assert alice.live_notifications.filter(type="like").count() == 1
assert alice.notifications.count() == 0  # the team's own

from django.apps import apps
from django.contrib import admin
browser = Client(headers={"host": "127.0.0.1"})
browser.force_login(alice)
for model in admin.site._registry:
    path = f"/backoffice/{model._meta.app_label}/{model._meta.model_name}/"
    assert browser.get(path).status_code == 200, path
print(*sorted(m._meta.db_table for m in apps.get_models() if m._meta.app_label[:5] == "live_"))
answer = browser.post(f"/backoffice/people/person/{bob.pk}/delete/", {"post": "yes"})
assert answer.status_code == 302, answer.content
assert not Person.objects.filter(pk=bob.pk).exists()
"""


@pytest.fixture(scope="module")
def relabelled(
    before: Project, blocks: list[FileBlock], tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """The site in which each of the four apps has another label."""
    project = before.copy(tmp_path_factory.mktemp("labels") / "site")
    (project.folder / "people/admin.py").write_text(
        "from django.contrib import admin\nfrom people.models import Person\n"
        "admin.site.register(Person)\n"
    )
    project.follow([block for block in blocks if block.condition != "if a label is taken"])
    project.follow(
        [
            FileBlock("mysite/live_apps.py", "", CONFIGS),
            FileBlock("mysite/settings.py", "", SETTINGS),
        ]
    )
    return project


def test_they_are_migrated_checked_used_and_taken_out_again(relabelled: Project) -> None:
    project = relabelled
    project.shell("python manage.py makemigrations --check --dry-run")
    project.shell("python manage.py migrate")
    assert "no issues" in project.manage("check", "--database", "default").stdout
    tables = project.python(USE)
    assert "live_notifications_notification" in tables
    assert "live_realtime_event" in tables
    for label in LABELS.values():
        project.shell(f"python manage.py migrate {label} zero")
    project.shell("python manage.py migrate")
