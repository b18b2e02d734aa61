"""The pages of the sample site, and the one button that makes something happen."""

from __future__ import annotations

import random
from functools import lru_cache

import msgspec
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from notifications.services import notify
from realtime.schema.json_document import json_document
from realtime.users import describe
from socialhub.demo import PASSWORD, PEOPLE
from socialhub.middleware import strict_policy

# What a demo user may do to the visitor: type, message, what it is about.
SAMPLES = (
    ("like", "{actor} liked your post", "post_1"),
    ("comment", "{actor} commented on your post: “Well said!”", "post_1"),
    ("follow", "{actor} follows you", None),
)


@never_cache
@strict_policy
def home(request: HttpRequest) -> HttpResponse:
    """Who is signed in gets the site; everybody else is told what this is."""
    if isinstance(request.user, AnonymousUser):
        return render(request, "socialhub/welcome.html", sign_in_hint())
    return render(request, "socialhub/home.html", {"me": describe(request.user)})


@never_cache
@login_required
@strict_policy
def console(request: HttpRequest) -> HttpResponse:
    """The staff's view of every frame.

    Raises:
        PermissionDenied: the user is none of them.
    """
    if not isinstance(request.user, AbstractBaseUser) or not request.user.is_staff:
        raise PermissionDenied("The console is for the staff")
    return render(request, "socialhub/console.html", {"me": describe(request.user)})


@require_GET
def json_schema(request: HttpRequest) -> HttpResponse:
    """Every frame as JSON Schema, of the apps that run here: what the console shows and checks."""
    return HttpResponse(_json_schema(), content_type="application/schema+json")


@lru_cache
def _json_schema() -> bytes:
    return msgspec.json.encode(json_document())


@require_POST
def notify_me(request: HttpRequest) -> HttpResponse:
    """Let a demo user do something to the visitor, who sees the event arrive.

    204: the page stays as it is, also where its script does not run.
    """
    if not request.user.is_authenticated:
        # Not `login_required`: it would come back here, and with a GET.
        return redirect("login")
    actors = [user for user in demo_users() if user.pk != request.user.pk]
    if actors:
        actor = random.choice(actors)
        type_, message, post_id = random.choice(SAMPLES)
        message = message.format(actor=describe(actor)["display_name"])
        notify(request.user, type_, message, actor=actor, post_id=post_id)
    else:
        notify(request.user, "test", "You asked for a notification, and here it is")
    return HttpResponse(status=204)


def demo_users() -> list[AbstractBaseUser]:
    """Those users of `seed_demo` that exist; none without DEBUG.

    Elsewhere an alice is a person, in whose name nothing may be said.
    """
    if not settings.DEBUG:
        return []
    users, name = get_user_model().objects, get_user_model().USERNAME_FIELD
    return list(users.filter(**{f"{name}__in": [person[0] for person in PEOPLE]}).order_by(name))


def sign_in_hint() -> dict[str, object]:
    """Template context: as whom a developer can sign in."""
    return {"demo_users": demo_users, "demo_password": PASSWORD}
