"""OpenAPI by drf-spectacular: Structs as components, our tokens, our form of error.

A site that generates a schema of its own API sets

    REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "realtime.schema.openapi.ProductSchema"}

and views then say `@extend_schema(request=PinRequest, responses=Pinned)` with
Structs as with serializers.
"""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer

from realtime.frame_types import find_event
from realtime.protocol import ErrorObject
from realtime.rest import RestMixin
from realtime.schema import frames
from realtime.schema.json_schema import Schema, components

REF = "#/components/schemas/{name}"


class ProductSchema(AutoSchema):
    """drf-spectacular's, which says of every view of the product how it refuses."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Schema | None:
        operation: Schema | None = super().get_operation(*args, **kwargs)
        if operation is not None and isinstance(self.view, RestMixin):
            error = self.resolve_serializer(ErrorObject, "response")  # type: ignore[arg-type]
            operation["responses"].setdefault(
                "default",
                {
                    "description": "The error object, with the status of its code",
                    "content": {"application/json": {"schema": error.ref}},
                },
            )
        return operation


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
            name, _in_query(field), OpenApiParameter.QUERY, required=name in schema["required"]
        )
        for name, field in schema["properties"].items()
    ]


def _in_query(field: Schema) -> Schema:
    is_text = any(one.get("type") == "string" for one in field.get("anyOf", ()))
    return {"type": "string"} if is_text else field


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
