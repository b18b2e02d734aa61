"""The steps of a broadcast in the admin: written, looked at, confirmed.

Nothing is stored between the steps: the preview carries the form along. Its one-time
key makes one broadcast of a confirmation that is sent twice.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError, router, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.generic import View

from notifications import broadcasts
from notifications.admin.broadcast_form import BroadcastForm
from notifications.admin.broadcast_preview import Preview, preview
from notifications.models import Broadcast
from realtime.admin.base import UNFOLD, CheckboxInput, list_page
from realtime.admin.showing import page_of, pretty

# More than this have to be confirmed with a tick.
MANY = 1_000


class ConfirmForm(forms.Form):
    """The last question.

    Args:
        many: it has to be said that so many are meant.
    """

    once = forms.UUIDField(widget=forms.HiddenInput)
    sure = forms.BooleanField(
        required=False,
        label="",
        widget=CheckboxInput,
        error_messages={"required": "Tick this if you mean so many, or go back."},
    )

    def __init__(self, *args: Any, shown: Preview, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if shown.is_exact and (shown.count or 0) <= MANY:
            del self.fields["sure"]
        else:
            self.fields["sure"].required = True
            self.fields["sure"].label = f"Yes, notify {users(shown.count)}"


class ComposeView(View):
    """`?`, then a POST with `_preview`, `_edit` or `_confirm`."""

    model_admin: Any = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.model_admin.has_add_permission(request):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._write(request, BroadcastForm(request=request))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = BroadcastForm(request.POST, request=request)
        if "_confirm" in request.POST and (done := self._already(request)):
            return done
        if not form.is_valid() or "_edit" in request.POST:
            return self._write(request, form)
        try:
            shown = preview(form.content, form.recipients)
        except (OverflowError, DataError) as error:  # which only the database notices
            form.add_error("filter" if "filter" in form.fields else "audience", _told(error))
            return self._write(request, form)
        if shown.count == 0:
            form.add_error("audience", f"That is nobody: {form.recipients.description}.")
            return self._write(request, form)
        confirm = ConfirmForm(request.POST, shown=shown)
        if "_confirm" not in request.POST or "once" in confirm.errors:
            confirm = ConfirmForm(initial={"once": uuid4()}, shown=shown)
        if not confirm.is_valid():
            return self._look(request, form, confirm, shown)
        return self._queue(request, form, shown, confirm.cleaned_data["once"])

    # --- the steps ---------------------------------------------------------------------

    def _write(self, request: HttpRequest, form: BroadcastForm) -> HttpResponse:
        usable = [
            (name, {**options, "fields": [one for one in options["fields"] if one in form.fields]})
            for name, options in BroadcastForm.FIELDSETS
        ]
        adminform = AdminForm(form, usable, {}, (), self.model_admin)  # type: ignore[arg-type]
        return self._page(request, "form", "Write a broadcast", form=form, adminform=adminform)

    def _look(
        self, request: HttpRequest, form: BroadcastForm, confirm: ConfirmForm, shown: Preview
    ) -> HttpResponse:
        return self._page(
            request,
            "preview",
            "Look at it, then send",
            written=[(name, form[name].value() or "") for name in form.fields],
            confirm=confirm,
            shown=shown,
            count=users(shown.count),
            send=f"Notify {users(shown.count)}",
            payload=pretty(shown.payload),
            recipients=form.recipients.description,
            type=form.content.type,
        )

    def _queue(
        self, request: HttpRequest, form: BroadcastForm, shown: Preview, once: UUID
    ) -> HttpResponse:
        row = broadcasts.draft(form.content, form.recipients)
        row.state = Broadcast.State.QUEUED
        row.total = shown.count if shown.is_exact else None
        row.created_by_id = request.user.pk
        row.once = once
        try:
            with transaction.atomic(using=router.db_for_write(Broadcast)):
                row.save()
        except IntegrityError:
            if done := self._already(request):  # both were sent in the same moment
                return done
            raise
        self.model_admin.log_addition(
            request, row, f"Queued for {users(shown.count)}: {form.recipients.description}."
        )
        messages.success(request, "The broadcast is queued: a server takes it up in a moment.")
        return self._leave(request, row)

    def _already(self, request: HttpRequest) -> HttpResponse | None:
        """The way to the broadcast that this confirmation has made before."""
        try:
            once = UUID(request.POST.get("once", ""))
        except ValueError:
            return None
        row = Broadcast.objects.using(router.db_for_write(Broadcast)).filter(once=once).first()
        if row is None:
            return None
        messages.info(request, "It had been confirmed already, and is sent once.")
        return self._leave(request, row)

    def _leave(self, request: HttpRequest, row: Broadcast) -> HttpResponse:
        if self.model_admin.has_view_permission(request, row):
            return HttpResponseRedirect(page_of(self.model_admin, row))
        return HttpResponseRedirect(self._way_out(request))

    def _way_out(self, request: HttpRequest) -> str:
        """The list, or the index for who may not see it."""
        if self.model_admin.has_view_permission(request):
            return list_page(self.model_admin)
        return reverse("admin:index", current_app=self.model_admin.admin_site.name)

    def _page(self, request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
        site = self.model_admin.admin_site
        request.current_app = site.name
        context = {
            **site.each_context(request),
            "title": title,
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "list_page": self._way_out(request),
            "unfold": UNFOLD,
            **context,
        }
        return TemplateResponse(request, f"notifications/admin/broadcast_{name}.html", context)


def _told(error: Exception) -> str:
    return f"A value does not fit its field: {str(error).partition(chr(10))[0]}"


def users(count: int | None) -> str:
    """How many users, for people."""
    if count is None:
        return "an unknown number of users"
    # What was not counted to the end says so itself.
    told = f"{count:,}" if type(count) is int else str(count)
    return f"{told} user{'' if told == '1' else 's'}"
