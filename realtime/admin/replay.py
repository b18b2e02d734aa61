"""The page on which an operator publishes events again, to one user."""

from __future__ import annotations

from typing import Any

import msgspec
from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.views.generic import View

from realtime.admin.base import UNFOLD, TextInput, list_page
from realtime.admin.people import users_matching
from realtime.admin.showing import page_of
from realtime.admin.viewing import record
from realtime.errors import RealtimeError
from realtime.models import Event
from realtime.replaying import replay, why_not
from realtime.users import parse_user_id, user_id, users_by_key

MOST_EVENTS = 100


def may_replay(request: HttpRequest) -> bool:
    """Whether this member of the staff may publish events again."""
    codename = get_permission_codename("change", Event._meta)
    return bool(request.user.has_perm(f"{Event._meta.app_label}.{codename}"))


class ReplayForm(forms.Form):
    """Whom to publish the events to.

    Args:
        events: those that are to be published.
    """

    user = forms.CharField(
        label="User",
        widget=TextInput,
        help_text="A login name, an e-mail address or an id. Who was not among the readers of an "
        "event is not shown it now.",
    )

    def __init__(self, *args: Any, events: list[Event], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._events = events

    def clean_user(self) -> Any:
        name = self.cleaned_data["user"]
        found = list(users_by_key(users_matching(name)).values())
        if not found:
            raise forms.ValidationError("Nobody is called “%(name)s”.", params={"name": name})
        if len(found) > 1:
            names = ", ".join(user.get_username() for user in found[:5])
            raise forms.ValidationError(
                "That may be several people: %(names)s. Type the whole name.",
                params={"names": names},
            )
        problems = [problem for one in self._events if (problem := why_not(one, user_id(found[0])))]
        if problems:
            raise forms.ValidationError([f"{problem}." for problem in problems])
        return found[0]


class ReplayView(View):
    """`?sequence=120&sequence=121`: asks for the user, then publishes them in their order."""

    model_admin: Any = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if not (may_replay(request) and self.model_admin.has_view_permission(request)):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        events = self._events(request)
        form = ReplayForm(events=events, initial={"user": _only_reader(events)})
        return self._page(request, events, form)

    def post(self, request: HttpRequest) -> HttpResponse:
        events = self._events(request)
        form = ReplayForm(request.POST, events=events)
        if not form.is_valid():
            return self._page(request, events, form)
        user = form.cleaned_data["user"]
        published = [self._publish(request, event, user) for event in events]
        if len(published) == 1 and published[0] is not None:
            new = Event(pk=published[0])
            return HttpResponseRedirect(page_of(self.model_admin, new))
        return HttpResponseRedirect(list_page(self.model_admin))

    def _publish(self, request: HttpRequest, event: Event, user: Any) -> int | None:
        name = user.get_username()
        try:
            number = replay(event.pk, user_id(user)).sequence
        except RealtimeError as error:  # gone since the page was checked
            messages.error(request, error.message)
            return None
        new = "it gets its number soon" if number is None else f"as event {number}"
        record(request, event, f"Replayed to {name} (id {user.pk}), {new}.")
        messages.success(request, f"Event {event.pk} was published to {name} again, {new}.")
        return number

    def _events(self, request: HttpRequest) -> list[Event]:
        asked = request.GET.getlist("sequence")
        if not 0 < len(asked) <= MOST_EVENTS or not all(one.isdecimal() for one in asked):
            raise Http404("Choose events first")
        found = list(Event.objects.filter(pk__in=asked).order_by("pk"))
        if len(found) < len(set(asked)):
            messages.warning(request, "Some of the events are not in the log any more.")
        return found

    def _page(self, request: HttpRequest, events: list[Event], form: ReplayForm) -> HttpResponse:
        site = self.model_admin.admin_site
        request.current_app = site.name
        fieldsets = [(None, {"fields": ["user"]})]
        context = {
            **site.each_context(request),
            "title": "Replay to a user",
            "opts": self.model_admin.opts,
            "media": self.model_admin.media + form.media,
            "events": events,
            "adminform": AdminForm(form, fieldsets, {}, (), self.model_admin),  # type: ignore[arg-type]
            "list_page": list_page(self.model_admin),
            "unfold": UNFOLD,
        }
        return TemplateResponse(request, "realtime/admin/replay.html", context)


def _only_reader(events: list[Event]) -> str:
    """The login name of the one user whom these events were for, if it was one."""
    readers = {key for one in events for key in msgspec.json.decode(one.recipients, type=list[str])}
    users = users_by_key([parse_user_id(key) for key in readers]) if len(readers) == 1 else {}
    return next((user.get_username() for user in users.values()), "")
