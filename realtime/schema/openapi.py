"""OpenAPI by drf-spectacular: Structs as components, our tokens, our form of error.

A site that generates a schema of its own API sets

    REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "realtime.schema.openapi.ProductSchema"}

and views then say `@extend_schema(request=PinRequest, responses=Pinned)` with
Structs as with serializers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import msgspec
from django.apps import apps
from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer
from rest_framework.permissions import SAFE_METHODS

from realtime.frame_types import find_event
from realtime.protocol import ErrorObject
from realtime.rest import PAGE_LINK, NewestFirst, RestMixin
from realtime.schema import frames, refusals
from realtime.schema.json_schema import Schema, components

REF = "#/components/schemas/{name}"


class ProductSchema(AutoSchema):
    """drf-spectacular's, which groups views by app and says how the product's refuse."""

    def get_tags(self) -> list[str]:
        app = apps.get_containing_app_config(type(self.view).__module__)
        return [app.label] if app else super().get_tags()

    def get_operation(self, *args: Any, **kwargs: Any) -> Schema | None:
        operation: Schema | None = super().get_operation(*args, **kwargs)
        if operation is not None and isinstance(self.view, RestMixin):
            self._add_refusals(operation, self._statuses(operation) | self.view.refusals)
        return operation

    def _get_serializer_name(self, serializer: Any, *args: Any, **kwargs: Any) -> str:
        # Serializers are named otherwise in requests; a Struct is the same both ways.
        name = super()._get_serializer_name(serializer, *args, **kwargs)
        if isinstance(serializer, type) and issubclass(serializer, msgspec.Struct):
            return serializer.__name__
        if isinstance(serializer, PolymorphicProxySerializer):
            return str(serializer.component_name)
        return str(name)

    def _add_refusals(self, operation: Schema, statuses: set[int]) -> None:
        responses = operation["responses"]
        error = self.resolve_serializer(ErrorObject, "response")  # type: ignore[arg-type]
        # A view with a form of refusal of its own has it for every status.
        own = responses.pop("default", None)
        for status in sorted(statuses):
            responses[str(status)] = (
                refusals.response_like(own, status) if own else self._refusal(status, error.ref)
            )
        otherwise = refusals.otherwise(error.ref)
        responses["default"] = {**(own or otherwise), "description": otherwise["description"]}

    def _statuses(self, operation: Schema) -> set[int]:
        """With which statuses an operation may refuse, going by what it reads."""
        found = {401}
        parameters = operation.get("parameters", [])
        if parameters or "requestBody" in operation:
            found.add(400)
        if any(each["in"] == "path" or each["name"] == "cursor" for each in parameters):
            found.add(404)
        if operation.get("security") and self.method not in SAFE_METHODS:
            found.add(403)
        return found

    def _refusal(self, status: int, error: Schema) -> Schema:
        name, kind = refusals.component_name(status), ResolvedComponent.RESPONSE
        component = ResolvedComponent(name, kind, refusals.response(status, error), name)
        self.registry.register_on_missing(component)
        return component.ref


class StructExtension(OpenApiSerializerExtension):
    """A Struct wherever drf-spectacular takes a serializer."""

    target_class = "msgspec.Struct"
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: Any) -> str:
        # What another Struct refers to may be an answer itself: the same, not a collision.
        set_override(self.target, "suppress_collision_warning", True)
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> Schema:
        _, named = components([self.target], REF)
        schema = named.pop(self.target.__name__)
        for name, inner in named.items():
            component = ResolvedComponent(name, ResolvedComponent.SCHEMA, inner, name)
            auto_schema.registry.register_on_missing(component)
        return schema


class BearerScheme(OpenApiAuthenticationExtension):
    """`Authorization: Bearer`, as `auth/token` gives them out."""

    target_class = "realtime.authentication.JWTAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def query_parameters(request: type[msgspec.Struct]) -> list[OpenApiParameter]:
    """The fields of `request` as parameters of a query, where everything is text."""
    _, named = components([request], REF)
    schema = named[request.__name__]
    return [
        OpenApiParameter(
            name,
            _in_query(field),
            OpenApiParameter.QUERY,
            required=name in schema["required"],
            description=field.get("description", ""),
        )
        for name, field in schema["properties"].items()
    ]


def _in_query(field: Schema) -> Schema:
    kept = {name: value for name, value in field.items() if name != "description"}
    if not any(one.get("type") == "string" for one in kept.pop("anyOf", ())):
        return kept
    if not kept.get("default"):
        kept.pop("default", None)
    return {"type": "string", **kept}


def prefixed_id_schema(prefix: str) -> Schema:
    """The schema of a wire id such as `post_1`; see `protocol.prefixed_id`."""
    return {
        "type": "string",
        "pattern": rf"^{prefix}_[1-9][0-9]{{0,17}}$",
        "examples": [f"{prefix}_1"],
    }


def path_id(name: str, prefix: str) -> OpenApiParameter:
    """A wire id in the path, for `@extend_schema`."""
    return OpenApiParameter(name, prefixed_id_schema(prefix), OpenApiParameter.PATH)


USER_ID_IN_PATH = OpenApiParameter(
    "user_id",
    {"type": "string", "examples": ["7"]},
    OpenApiParameter.PATH,
    description="The user's primary key",
)


@lru_cache
def page_of(item: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """What a list in cursor pages answers (`realtime.rest.NewestFirst`)."""
    link = Annotated[Any, msgspec.Meta(extra_json_schema=PAGE_LINK)]
    page = msgspec.defstruct(
        f"Paginated{item.__name__}List",
        [("results", list[item]), ("next", link), ("previous", link)],  # type: ignore[valid-type]
        namespace={"__doc__": "One page; `next` and `previous` are the addresses of others."},
    )
    # It is the whole answer, also of a view that lists: not to be wrapped once more.
    set_override(page, "many", False)
    return page


PAGE_PARAMETERS = [
    OpenApiParameter(
        NewestFirst.cursor_query_param, str, description=NewestFirst.cursor_query_description
    ),
    OpenApiParameter(
        NewestFirst.page_size_query_param, int, description=NewestFirst.page_size_query_description
    ),
]


def schema_of(type: Any) -> Schema:
    """The schema of a type that refers to no other, for `@extend_schema_field`."""
    _, named = components([type], REF)
    return named[type.__name__]


RATE_LIMIT_HEADERS = [
    OpenApiParameter(name, int, OpenApiParameter.HEADER, description=about, response=True)
    for name, about in (
        ("X-RateLimit-Limit", "Requests that the window allows"),
        ("X-RateLimit-Remaining", "How many of them are left"),
        ("X-RateLimit-Reset", "When the window ends, in Unix seconds"),
    )
]


def client_frame() -> Any:
    """Any frame that a client may send, for `@extend_schema`."""
    return _any_of("ClientFrame", frames.command_frames)


def answer_frame() -> Any:
    """What answers a client's frame that has taken effect."""
    return _any_of("AnswerFrame", lambda: _frames("ack", "connect", "heartbeat"))


def refusal() -> Any:
    """What answers a client's frame that was refused, and a body that is no frame."""
    return _any_of("Refusal", lambda: [*_frames("error"), ErrorObject])


def _any_of(name: str, types: Any) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(name, types, resource_type_field_name=None)


def _frames(*names: str) -> list[type[msgspec.Struct]]:
    events = (find_event(name) for name in names)
    return [frames.event_frame(event) for event in events if event is not None]
