"""Ending connections from the admin: a page that asks, then an order to their nodes."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import DELETION
from django.contrib.auth import get_permission_codename
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from realtime import log
from realtime.admin.base import UNFOLD, ModelAdmin
from realtime.admin.viewing import record
from realtime.errors import CloseCode
from realtime.models import Session
from realtime.rights import ENDED_BY_OPERATOR, close_user

# The page that asks sends their ids back, and Django takes 1,000 fields of a form.
MOST_AT_ONCE = 500
# Of more only so many are listed on the page.
SHOWN = 100


def may_disconnect(request: HttpRequest) -> bool:
    """Whether this member of the staff may end connections."""
    codename = get_permission_codename("delete", Session._meta)
    return bool(request.user.has_perm(f"{Session._meta.app_label}.{codename}"))


def disconnect(
    model_admin: ModelAdmin, request: HttpRequest, queryset: QuerySet[Session]
) -> HttpResponse | None:
    """The action: asks first; when that is answered, ends the chosen connections."""
    chosen = list(queryset.select_related("user", "node")[: MOST_AT_ONCE + 1])
    if len(chosen) > MOST_AT_ONCE:
        problem = f"Nothing was done: choose at most {MOST_AT_ONCE} connections at once."
        model_admin.message_user(request, problem, messages.ERROR)
        return None
    if chosen and "confirmed" not in request.POST:
        return _ask(model_admin, request, chosen)
    _end(request, chosen)
    asked = len(request.POST.getlist(ACTION_CHECKBOX_NAME))
    _tell(model_admin, request, len(chosen), asked - len(chosen))
    return None


def _ask(model_admin: ModelAdmin, request: HttpRequest, chosen: list[Session]) -> HttpResponse:
    site = model_admin.admin_site
    request.current_app = site.name
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": "Disconnect",
        "opts": model_admin.opts,
        "media": model_admin.media,
        "chosen": chosen,
        "shown": chosen[:SHOWN],
        "action_checkbox_name": ACTION_CHECKBOX_NAME,
        "reason": ENDED_BY_OPERATOR,
        "code": int(CloseCode.RECONNECT),
        "list_page": request.get_full_path(),
        "unfold": UNFOLD,
    }
    return TemplateResponse(request, "realtime/admin/disconnect.html", context)


def _end(request: HttpRequest, chosen: list[Session]) -> None:
    with transaction.atomic(using=log.database_alias()):
        for one in chosen:
            close_user(
                one.user_id, CloseCode.RECONNECT, ENDED_BY_OPERATOR, connection_id=str(one.pk)
            )
            done = f"Disconnected {one.user.get_username()} from {one.node}."
            record(request, one, done, flag=DELETION)


def _tell(model_admin: ModelAdmin, request: HttpRequest, ended: int, gone: int) -> None:
    if ended:
        told = "1 connection was told" if ended == 1 else f"{ended} connections were told"
        model_admin.message_user(
            request,
            f"{told} to end, and will within a second or two. Clients come back by themselves.",
            messages.SUCCESS,
        )
    if gone > 0:
        had = "1 connection had" if gone == 1 else f"{gone} connections had"
        model_admin.message_user(request, f"{had} ended already.", messages.INFO)
