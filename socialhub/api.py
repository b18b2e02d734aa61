"""REST for posts, comments, likes, people and follows."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, Exists, IntegerField, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
)
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from realtime.errors import invalid
from realtime.protocol import UserId, convert, parse_prefixed_id
from realtime.rest import NewestFirst, RestMixin
from realtime.schema import openapi
from realtime.users import parse_user_id
from socialhub import services
from socialhub.models import MAX_TEXT_CHARS, Comment, Follow, Like, Post
from socialhub.serializers import CommentSerializer, PersonSerializer, PostSerializer
from socialhub.services import POST_PREFIX


class TextRequest(msgspec.Struct):
    """The body that creates or changes a post or a comment."""

    text: Annotated[
        str,
        msgspec.Meta(
            examples=["Hello, @bob!"],
            extra_json_schema={"minLength": 1, "maxLength": MAX_TEXT_CHARS},
        ),
    ]


class Liked(msgspec.Struct):
    """Whether the caller likes the post now, and how many do."""

    post_id: Annotated[str, msgspec.Meta(examples=["post_1"])]
    liked_by_me: bool
    likes_count: int


class Followed(msgspec.Struct):
    """Whether the caller follows the user now."""

    user_id: UserId
    following: bool


def _example(answer: msgspec.Struct) -> OpenApiExample:
    return OpenApiExample("Afterwards", msgspec.to_builtins(answer), response_only=True)


ID_IN_PATH = openapi.path_id("post_id", POST_PREFIX)


@extend_schema_view(get=extend_schema(operation_id="list_posts", summary="List everybody's posts"))
class PostListView(RestMixin, ListAPIView[Post]):
    """`GET posts`: newest first, in cursor pages. `POST posts`: a new one."""

    serializer_class = PostSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Post]:
        return posts_for(_caller(self.request))

    @extend_schema(
        operation_id="write_post",
        summary="Write a post",
        request=TextRequest,
        responses={201: PostSerializer},
    )
    def post(self, request: Request) -> Response:
        """The feed hears of it, and whoever is mentioned as `@name` is notified."""
        post = services.create_post(_caller(request), _text(request))
        return _post_response(request, post.pk, status=201)


class PostView(RestMixin, APIView):
    """`GET`, `PATCH` and `DELETE posts/{id}`."""

    @extend_schema(
        operation_id="get_post",
        summary="Get a post",
        parameters=[ID_IN_PATH],
        responses=PostSerializer,
    )
    def get(self, request: Request, post_id: str) -> Response:
        """As the caller sees it, with `liked_by_me`."""
        return _post_response(request, _post_pk(post_id))

    @extend_schema(
        operation_id="edit_post",
        summary="Change one's post",
        parameters=[ID_IN_PATH],
        request=TextRequest,
        responses=PostSerializer,
    )
    def patch(self, request: Request, post_id: str) -> Response:
        """By its author only; others are refused as `FORBIDDEN`."""
        post = services.edit_post(_caller(request), _post_pk(post_id), _text(request))
        return _post_response(request, post.pk)

    @extend_schema(
        operation_id="delete_post",
        summary="Delete one's post",
        parameters=[ID_IN_PATH],
        responses={204: None},
    )
    def delete(self, request: Request, post_id: str) -> Response:
        """By its author only; others are refused as `FORBIDDEN`."""
        services.delete_post(_caller(request), _post_pk(post_id))
        return Response(status=204)


class LikeView(RestMixin, APIView):
    """`POST` and `DELETE posts/{id}/like`; both may be repeated."""

    @extend_schema(
        operation_id="like_post",
        summary="Like a post",
        parameters=[ID_IN_PATH],
        request=None,
        responses={200: Liked},
        examples=[_example(Liked("post_1", liked_by_me=True, likes_count=1))],
    )
    def post(self, request: Request, post_id: str) -> Response:
        likes = services.like(_caller(request), _post_pk(post_id))
        return _as_json(Liked(post_id, liked_by_me=True, likes_count=likes))

    @extend_schema(
        operation_id="unlike_post",
        summary="Take a like back",
        parameters=[ID_IN_PATH],
        responses={200: Liked},
        examples=[_example(Liked("post_1", liked_by_me=False, likes_count=0))],
    )
    def delete(self, request: Request, post_id: str) -> Response:
        likes = services.unlike(_caller(request), _post_pk(post_id))
        return _as_json(Liked(post_id, liked_by_me=False, likes_count=likes))


@extend_schema_view(
    get=extend_schema(
        operation_id="list_comments",
        summary="List a post's comments",
        parameters=[ID_IN_PATH],
    )
)
class CommentListView(RestMixin, ListAPIView[Comment]):
    """`GET posts/{id}/comments`: newest first, in cursor pages. `POST`: a new one."""

    serializer_class = CommentSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Comment]:
        pk = _post_pk(self.kwargs["post_id"])
        if not Post.objects.filter(pk=pk).exists():
            raise services.post_not_found()
        return Comment.objects.filter(post_id=pk).select_related("author")

    @extend_schema(
        operation_id="write_comment",
        summary="Comment on a post",
        parameters=[ID_IN_PATH],
        request=TextRequest,
        responses={201: CommentSerializer},
    )
    def post(self, request: Request, post_id: str) -> Response:
        """The post's author is notified, and whoever is mentioned as `@name`."""
        comment = services.comment(_caller(request), _post_pk(post_id), _text(request))
        return Response(CommentSerializer(comment).data, status=201)


class OldestFirst(NewestFirst):
    """Pages of people: who was here first comes first."""

    ordering = "pk"


@extend_schema_view(
    get=extend_schema(
        operation_id="list_people",
        summary="List people to write to, or to follow",
        parameters=[
            OpenApiParameter(
                "search", {"type": "string"}, description="Only those with this in their name"
            )
        ],
    )
)
class PeopleView(RestMixin, ListAPIView[AbstractBaseUser]):
    """`GET users`: everybody else who is active, in cursor pages; `?search=bo` for some."""

    serializer_class = PersonSerializer
    pagination_class = OldestFirst

    def get_queryset(self) -> QuerySet[AbstractBaseUser]:
        caller = _caller(self.request)
        others = get_user_model()._default_manager.filter(is_active=True).exclude(pk=caller.pk)
        for word in self.request.query_params.get("search", "").replace("\0", "").split():
            others = others.filter(_named(word))
        follows = Follow.objects.filter(follower_id=caller.pk, followed=OuterRef("pk"))
        return others.annotate(followed_by_me=Exists(follows))


class FollowView(RestMixin, APIView):
    """`POST` and `DELETE users/{id}/follow`; both may be repeated."""

    @extend_schema(
        operation_id="follow_user",
        summary="Follow somebody",
        parameters=[openapi.USER_ID_IN_PATH],
        request=None,
        responses={200: Followed},
    )
    def post(self, request: Request, user_id: str) -> Response:
        services.follow(_caller(request), _user_pk(user_id))
        return _as_json(Followed(user_id, following=True))

    @extend_schema(
        operation_id="unfollow_user",
        summary="Follow somebody no longer",
        parameters=[openapi.USER_ID_IN_PATH],
        responses={200: Followed},
        examples=[_example(Followed("7", following=False))],
    )
    def delete(self, request: Request, user_id: str) -> Response:
        services.unfollow(_caller(request), _user_pk(user_id))
        return _as_json(Followed(user_id, following=False))


def posts_for(user: AbstractBaseUser) -> QuerySet[Post]:
    """The posts as `user` sees them, with all that a page shows, in one query."""
    return Post.objects.select_related("author").annotate(
        likes_count=_count(Like),
        comments_count=_count(Comment),
        liked_by_me=Exists(Like.objects.filter(post=OuterRef("pk"), user_id=user.pk)),
    )


def _count(model: type[Model]) -> Coalesce:
    """How many rows of `model` belong to the post; two joins would multiply each other."""
    rows = model._default_manager.filter(post=OuterRef("pk")).order_by().values("post")
    counted = rows.annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0, output_field=IntegerField())


def _post_response(request: Request, pk: int, status: int = 200) -> Response:
    post = posts_for(_caller(request)).filter(pk=pk).first()
    if post is None:
        raise services.post_not_found()
    return Response(PostSerializer(post).data, status=status)


def _named(word: str) -> Q:
    """Users with `word` in one of the names that others see; never in an e-mail address."""
    fields = {field.name for field in get_user_model()._meta.get_fields()}
    shown = {"username", "first_name", "last_name"} & fields
    return Q(*((f"{name}__icontains", word) for name in sorted(shown)), _connector=Q.OR)


def _as_json(answer: msgspec.Struct) -> Response:
    body: Any = msgspec.to_builtins(answer)
    return Response(body)


def _caller(request: Request) -> AbstractBaseUser:
    return request.user  # type: ignore[return-value]  # IsAuthenticated has checked


def _text(request: Request) -> str:
    return convert(request.data, TextRequest).text


def _post_pk(post_id: str) -> int:
    return parse_prefixed_id(POST_PREFIX, post_id, field="id")


def _user_pk(user_id: str) -> Any:
    try:
        return parse_user_id(user_id)
    except ValueError:
        raise invalid("Not a user's id", field="id") from None
