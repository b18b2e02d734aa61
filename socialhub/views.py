"""The pages of the sample site, and the one button that makes something happen."""

from __future__ import annotations

import random

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from notifications.services import notify
from realtime.users import describe
from socialhub.management.commands.seed_demo import PASSWORD, PEOPLE

# What a demo user may do to the visitor: type, message, what it is about.
SAMPLES = (
    ("like", "{actor} liked your post", "post_1"),
    ("comment", "{actor} commented on your post: “Well said!”", "post_1"),
    ("follow", "{actor} follows you", None),
)


@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Who is signed in sees notifications come in; everybody else, what this is."""
    if request.user.is_authenticated:
        return render(request, "socialhub/home.html")
    return render(request, "socialhub/welcome.html", sign_in_hint())


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
