"""The dashboard: all nodes' figures, live, by our own socket. The page draws them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.views.generic import View

from realtime import stats
from realtime.admin.base import UNFOLD, ModelAdmin, list_page
from realtime.conf import conf

# What is to be added to the site's URLs where the page finds nothing to get a token from.
MOUNT = 'path("api/v1/", include("realtime.urls"))'


class DashboardAdmin(ModelAdmin):
    """The list of nodes, with a way to the dashboard."""

    change_list_template = "realtime/admin/nodes.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(DashboardView.as_view(model_admin=self))
        return [path("dashboard/", view, name=self._dashboard_name()), *super().get_urls()]

    def _dashboard_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_dashboard"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        page = reverse(f"admin:{self._dashboard_name()}", current_app=self.admin_site.name)
        context = {"dashboard_page": page, "unfold": UNFOLD}
        return super().changelist_view(request, {**context, **(extra_context or {})})


class DashboardView(View):
    """A page without figures: they come to it by the channel `realtime.stats`."""

    model_admin: Any = None

    def get(self, request: HttpRequest) -> HttpResponse:
        if not self.model_admin.has_view_permission(request):
            raise PermissionDenied
        site = self.model_admin.admin_site
        request.current_app = site.name
        context = {
            **site.each_context(request),
            "title": "Dashboard",
            "opts": self.model_admin.opts,
            "list_page": list_page(self.model_admin),
            "permission": stats.permission(),
            "channel": stats.CHANNEL,
            "socket_url": conf().SOCKET_URL,
            "mount": MOUNT,
            "unfold": UNFOLD,
            **_api(),
        }
        return TemplateResponse(request, "realtime/admin/dashboard.html", context)


def _api() -> dict[str, str]:
    """Where the page polls if need be, and gets its token; nothing where the API has no URLs."""
    try:
        return {
            "api_url": reverse("realtime:poll").removesuffix("realtime/poll"),
            "token_url": reverse("realtime:token-session"),
        }
    except NoReverseMatch:
        return {}
