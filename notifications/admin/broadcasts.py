"""Broadcasts in the admin: the list, the page of one with its progress, and stopping it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from notifications import broadcasts
from notifications.admin.broadcast_compose import ComposeView
from notifications.models import Broadcast
from realtime import protocol
from realtime.admin.base import UNFOLD
from realtime.admin.large import LargeTableAdmin
from realtime.admin.showing import EMPTY, ago, exactly_and_ago, page_of, pretty, text
from realtime.conf import conf
from realtime.models import Node

EXCERPT = 60


@admin.register(Broadcast)
class BroadcastAdmin(LargeTableAdmin):
    """To write one, to watch it, to stop it and have it go on. The servers carry it out."""

    list_display = ("says_shortly", "stands", "come", "whom", "who", "begun")
    list_filter = ("state",)
    list_select_related = ("created_by",)
    ordering = ("-id",)
    fields = ("progress", "says", "whom", "who", "started", "last", "ended", "content_sent")
    readonly_fields = fields
    change_form_template = "notifications/admin/broadcast.html"

    class Media:
        css = {"all": ["notifications/admin/broadcast.css"]}

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path("<int:pk>/stop/", wrap(self.stop_view), name=f"{name}_stop"),
            path("<int:pk>/resume/", wrap(self.resume_view), name=f"{name}_resume"),
        ]
        return [*own, *super().get_urls()]

    # --- who may do what ----------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: Broadcast | None = None) -> bool:
        return False  # what was told was told

    def has_handle_permission(self, request: HttpRequest) -> bool:
        """Whose account has the permission to change them may stop them and have them go on."""
        codename = get_permission_codename("change", self.opts)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    def has_view_permission(self, request: HttpRequest, obj: Broadcast | None = None) -> bool:
        return super().has_view_permission(request, obj) or self.has_handle_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Broadcast | None = None) -> bool:
        going = obj is not None and obj.state in Broadcast.GOING
        return super().has_delete_permission(request, obj) and not going

    # --- pages ---------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        page: HttpResponse = ComposeView.as_view(model_admin=self)(request)  # type: ignore[assignment]
        return page

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row: Any = kwargs.get("obj")
        may = self.has_handle_permission(request)
        row.may_stop = may and row.state in Broadcast.GOING
        row.may_resume = may and broadcasts.may_resume(row)
        context |= {"title": f"Broadcast {row.pk}", "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._handle(request, pk, broadcasts.stop, "Stopped", "It is not under way.")

    def resume_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._handle(request, pk, broadcasts.resume, "Resumed", "It had not stopped.")

    def _handle(
        self,
        request: HttpRequest,
        pk: int,
        service: Callable[[int], bool],
        done: str,
        refusal: str,
    ) -> HttpResponse:
        if not self.has_handle_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = Broadcast.objects.filter(pk=pk).first()
        if row is None:
            raise Http404("This broadcast is not there any more")
        if service(pk):
            row.refresh_from_db()
            self.log_change(request, row, f"{done}, {row.notified:,} notified.")
            self.message_user(request, f"{done}. Nobody is told twice.", messages.SUCCESS)
        else:
            self.message_user(request, f"Nothing was done: {refusal}", messages.WARNING)
        return HttpResponseRedirect(page_of(self, row))

    def _own_page(self, name: str, pk: int) -> str:
        options = self.opts
        return reverse(
            f"admin:{options.app_label}_{options.model_name}_{name}",
            args=[pk],
            current_app=self.admin_site.name,
        )

    # --- what is shown -------------------------------------------------------------------

    @admin.display(description="text")
    def says_shortly(self, one: Broadcast) -> str:
        what = " ".join(_text(one).split())
        return what if len(what) <= EXCERPT else f"{what[: EXCERPT - 1]}…"

    @admin.display(description="text")
    def says(self, one: Broadcast) -> str:
        return text(_text(one))

    @admin.display(description="whom")
    def whom(self, one: Broadcast) -> str:
        return str(one.audience["description"])

    @admin.display(description="by")
    def who(self, one: Broadcast) -> str:
        if one.created_by is not None:
            return one.created_by.get_username()
        return EMPTY if one.once else "manage.py broadcast"

    @admin.display(description="written")
    def begun(self, one: Broadcast) -> str:
        return ago(one.started_at)

    @admin.display(description="state")
    def stands(self, one: Broadcast) -> str:
        return _state(one)

    @admin.display(description="progress")
    def come(self, one: Broadcast) -> str:
        return _progress(one)

    @admin.display(description="written")
    def started(self, one: Broadcast) -> str:
        return exactly_and_ago(one.started_at)

    @admin.display(description="last batch")
    def last(self, one: Broadcast) -> str:
        return _refreshed("last", exactly_and_ago(one.advanced_at))

    @admin.display(description="ended")
    def ended(self, one: Broadcast) -> str:
        return _refreshed("ended", exactly_and_ago(one.ended_at))

    @admin.display(description="content")
    def content_sent(self, one: Broadcast) -> str:
        return pretty({name: value for name, value in one.content.items() if value})

    @admin.display(description="progress")
    def progress(self, one: Any) -> str:
        context = {
            "state": _state(one),
            "explanation": _explanation(one),
            "progress": _progress(one),
            "going": one.state in Broadcast.GOING,
            "total": one.total,
            # Who has muted the type was not notified: at its end it is full all the same.
            "value": one.total if one.state == Broadcast.State.DONE else one.notified,
            "reason": one.reason,
            "stop_page": self._own_page("stop", one.pk) if one.may_stop else "",
            "resume_page": self._own_page("resume", one.pk) if one.may_resume else "",
            "unfold": UNFOLD,
        }
        return render_to_string("notifications/admin/broadcast_progress.html", context)


def _refreshed(name: str, shown: str) -> str:
    """What the page's script brings up to date."""
    return format_html('<span id="broadcast-{}">{}</span>', name, shown)


def _text(one: Broadcast) -> str:
    return one.content["message"] or f"(the text of the type {one.content['type']})"


def _state(one: Broadcast) -> str:
    if broadcasts.is_interrupted(one):
        return "Interrupted"
    return str(Broadcast.State(one.state).label)


def _progress(one: Broadcast) -> str:
    if one.state == Broadcast.State.DONE or one.total is None:
        return f"{one.notified:,} notified"
    return f"{one.notified:,} of {one.total:,} notified"


def _explanation(one: Broadcast) -> str:
    """What the state means for whoever waits."""
    if one.state == Broadcast.State.QUEUED:
        return "No server has taken it up yet." + ("" if _is_served() else " None is running.")
    if broadcasts.is_interrupted(one):
        return "The command that carried it out has ended. Resume: the servers go on with it."
    if one.state == Broadcast.State.RUNNING:
        by = "A command carries" if one.lease_until is None else "The servers carry"
        alone = one.lease_until is not None and not _is_served()
        return f"{by} it out." if not alone else "It goes on when a server is running."
    if one.state in (Broadcast.State.STOPPED, Broadcast.State.FAILED):
        return "Who has been told stays told. Resume: the others are told."
    return "" if one.reason else "Everybody was told."


def _is_served() -> bool:
    """Whether any server has renewed its lease in time."""
    since = protocol.now() - timedelta(seconds=conf().LEASE_SECONDS)
    return Node.objects.filter(renewed_at__gt=since).exists()
