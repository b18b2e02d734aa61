"""Who is connected now, over all nodes: sockets, to look at and to end, and users who poll."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from realtime import sessions
from realtime.admin.base import UNFOLD, ReadOnlyAdmin, list_page
from realtime.admin.disconnecting import disconnect, may_disconnect
from realtime.admin.filters import InputFilter, PeopleFilter
from realtime.admin.large import LargeTableAdmin
from realtime.admin.people import people_or_warning
from realtime.admin.showing import EMPTY, ago, exactly_and_ago, link_to, size
from realtime.models import Node, PollLease, Session


class UserFilter(PeopleFilter):
    """A user's connections."""

    title = "user"
    parameter_name = "user"

    def of(self, queryset: QuerySet[Session], keys: list[Any]) -> QuerySet[Session]:
        return queryset.filter(user__in=keys)


class NodeFilter(admin.SimpleListFilter):
    """The connections of one of the living nodes."""

    title = "node"
    parameter_name = "node"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        living = Node.objects.filter(sessions.alive()).order_by("name")
        return [(str(key), name) for key, name in living.values_list("pk", "name")]

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        if (value := self.value()) is None:
            return queryset
        if value not in dict(self.lookup_choices):  # it is dead by now, or never was
            return queryset.none()
        return queryset.filter(node=UUID(value))


class StateFilter(admin.SimpleListFilter):
    """Idle ones, and those whose client does not take what it is sent."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [("active", "Active"), ("idle", "Idle"), ("slow", "Bytes wait for the client")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        match self.value():
            case "active" | "idle" as state:
                return queryset.filter(idle=state == "idle")
            case "slow":
                return queryset.filter(buffered_bytes__gt=0)
        return queryset


class AddressFilter(InputFilter):
    """The connections of an address, or of those that begin alike."""

    title = "address"
    parameter_name = "address"
    placeholder = "192.0.2. or whole"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        value = self.value()
        return queryset if value is None else queryset.filter(address__startswith=value)


@admin.register(Session)
class SessionAdmin(LargeTableAdmin, ReadOnlyAdmin):
    """The sockets of living nodes: to look at, and to end."""

    list_display = (
        "login", "on_node", "address", "since", "state", "channels", "buffered", "transport",
    )  # fmt: skip
    list_filter = (UserFilter, AddressFilter, StateFilter, NodeFilter)
    list_select_related = ("user", "node")
    search_fields = ("user",)  # and more: see get_search_results
    search_help_text = (
        "A user (name, e-mail or id) or the id of a connection, as logs have it. "
        "Subscriptions and buffered bytes are as of its node's last report."
    )
    # By no index, which each handshake would pay for: 100,000 rows are sorted quickly.
    ordering = ("-connected_at",)
    actions = ("disconnect",)
    change_list_template = "realtime/admin/connections.html"
    fields = (
        "id", "of_user", "on_node", "transport", "address", "opened", "state", "channels",
        "buffered", "reported",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        return super().get_queryset(request).filter(sessions.alive("node__"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Session], search_term: str
    ) -> tuple[QuerySet[Session], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if (key := _as_id(term)) is not None and (found := queryset.filter(pk=key)).exists():
            return found, False
        return queryset.filter(user__in=people_or_warning(request, term)), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        polls = self.admin_site._registry.get(PollLease)
        context: dict[str, Any] = {"unfold": UNFOLD}
        if polls is not None and polls.has_view_permission(request):
            context["polls_page"] = list_page(polls)
        return super().changelist_view(request, context | (extra_context or {}))

    def has_disconnect_permission(self, request: HttpRequest) -> bool:
        return may_disconnect(request)

    @admin.action(description="Disconnect…", permissions=["disconnect"])
    def disconnect(self, request: HttpRequest, queryset: QuerySet[Session]) -> HttpResponse | None:
        return disconnect(self, request, queryset)

    # --- what is shown -----------------------------------------------------------------

    @admin.display(description="user")
    def login(self, session: Session) -> str:
        return session.user.get_username()

    @admin.display(description="user")
    def of_user(self, session: Session) -> str:
        return link_to(self, session.user, session.user.get_username())

    @admin.display(description="node")
    def on_node(self, session: Session) -> str:
        return link_to(self, session.node)

    @admin.display(description="transport")
    def transport(self, session: Session) -> str:
        return "WebSocket"

    @admin.display(description="since")
    def since(self, session: Session) -> str:
        return ago(session.connected_at)

    @admin.display(description="since")
    def opened(self, session: Session) -> str:
        return exactly_and_ago(session.connected_at)

    @admin.display(description="state")
    def state(self, session: Session) -> str:
        return "idle" if session.idle else "active"

    @admin.display(description="subscriptions")
    def channels(self, session: Session) -> object:
        return EMPTY if session.subscriptions is None else session.subscriptions

    @admin.display(description="buffered")
    def buffered(self, session: Session) -> str:
        return size(session.buffered_bytes)

    @admin.display(description="reported")
    def reported(self, session: Session) -> str:
        return exactly_and_ago(session.node.reported_at)


@admin.register(PollLease)
class PollLeaseAdmin(LargeTableAdmin, ReadOnlyAdmin):
    """Users who are connected by polls: they count as present, and have no connection to end."""

    list_display = ("login", "transport", "last_poll")
    list_display_links = None
    list_select_related = ("user",)
    search_fields = ("user",)  # see get_search_results
    search_help_text = (
        "A user (name, e-mail or id). Polls go to any node, and end by themselves: "
        "there is nothing to disconnect."
    )
    ordering = ("-renewed_at",)
    fields = ("login", "transport", "last_poll")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[PollLease]:
        return super().get_queryset(request).filter(sessions.polling())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PollLease], search_term: str
    ) -> tuple[QuerySet[PollLease], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(pk__in=people_or_warning(request, term)), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Django's title asks to select one.
        return super().changelist_view(request, {"title": "Users who poll"} | (extra_context or {}))

    @admin.display(description="user")
    def login(self, lease: PollLease) -> str:
        return lease.user.get_username()

    @admin.display(description="transport")
    def transport(self, lease: PollLease) -> str:
        return "Long poll"

    @admin.display(description="last poll, about")
    def last_poll(self, lease: PollLease) -> str:
        return ago(lease.renewed_at)


def _as_id(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None
