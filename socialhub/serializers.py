"""Posts, comments and people in REST."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from drf_spectacular.drainage import set_override
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from realtime.conf import UserDescription
from realtime.protocol import prefixed_id
from realtime.schema.openapi import prefixed_id_schema, schema_of
from realtime.users import describe
from socialhub.models import Comment, Post
from socialhub.services import COMMENT_PREFIX, POST_PREFIX


@extend_schema_field({"type": "string"})
class PrefixedIdField(serializers.Field[Any, Any, str, Any]):
    """A primary key as it is on the wire, such as `post_7`."""

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)
        self.prefix = prefix
        set_override(self, "field", prefixed_id_schema(prefix))

    def to_representation(self, value: Any) -> str:
        return prefixed_id(self.prefix, value)


@extend_schema_field(schema_of(UserDescription))
class UserField(serializers.Field[Any, Any, dict[str, Any], Any]):
    """What others see of a user, by the hook `DESCRIBE_USER`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: AbstractBaseUser) -> dict[str, Any]:
        return dict(describe(value))


@extend_schema_field({"type": "string", "examples": ["Hello, @bob!"]})
class TextField(serializers.CharField):
    """What somebody has written."""


class PostSerializer(serializers.Serializer[Post]):
    """One post of `api.posts_for`, which counts its likes and comments."""

    id = PrefixedIdField(POST_PREFIX, source="pk")
    author = UserField()
    text = TextField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    likes_count = serializers.IntegerField()
    comments_count = serializers.IntegerField()
    liked_by_me = serializers.BooleanField()


class CommentSerializer(serializers.Serializer[Comment]):
    """One comment, its author selected with it."""

    id = PrefixedIdField(COMMENT_PREFIX, source="pk")
    post_id = PrefixedIdField(POST_PREFIX)
    author = UserField()
    text = TextField()
    created_at = serializers.DateTimeField()


class PersonSerializer(serializers.Serializer[AbstractBaseUser]):
    """One user of `api.PeopleView`, which says whether the caller follows them."""

    user = UserField(source="*")
    following = serializers.BooleanField(source="followed_by_me")
