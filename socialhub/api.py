"""REST for posts, comments, likes and follows."""

from __future__ import annotations

from typing import Any

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, Exists, IntegerField, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from realtime.errors import invalid
from realtime.protocol import convert, parse_prefixed_id
from realtime.rest import NewestFirst, RestMixin
from realtime.users import parse_user_id
from socialhub import services
from socialhub.models import Comment, Like, Post
from socialhub.serializers import CommentSerializer, PostSerializer
from socialhub.services import POST_PREFIX


class TextRequest(msgspec.Struct):
    """The body that creates or changes a post or a comment."""

    text: str


class PostListView(RestMixin, ListAPIView[Post]):
    """`GET posts`: everybody's, newest first, in cursor pages. `POST posts`: a new one."""

    serializer_class = PostSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Post]:
        return posts_for(_caller(self.request))

    def post(self, request: Request) -> Response:
        post = services.create_post(_caller(request), _text(request))
        return _post_response(request, post.pk, status=201)


class PostView(RestMixin, APIView):
    """`GET`, `PATCH` and `DELETE posts/{id}`; the latter two by its author only."""

    def get(self, request: Request, post_id: str) -> Response:
        return _post_response(request, _post_pk(post_id))

    def patch(self, request: Request, post_id: str) -> Response:
        post = services.edit_post(_caller(request), _post_pk(post_id), _text(request))
        return _post_response(request, post.pk)

    def delete(self, request: Request, post_id: str) -> Response:
        services.delete_post(_caller(request), _post_pk(post_id))
        return Response(status=204)


class LikeView(RestMixin, APIView):
    """`POST` and `DELETE posts/{id}/like`; both may be repeated."""

    def post(self, request: Request, post_id: str) -> Response:
        likes = services.like(_caller(request), _post_pk(post_id))
        return Response({"post_id": post_id, "liked_by_me": True, "likes_count": likes})

    def delete(self, request: Request, post_id: str) -> Response:
        likes = services.unlike(_caller(request), _post_pk(post_id))
        return Response({"post_id": post_id, "liked_by_me": False, "likes_count": likes})


class CommentListView(RestMixin, ListAPIView[Comment]):
    """`GET posts/{id}/comments`: newest first, in cursor pages. `POST`: a new one."""

    serializer_class = CommentSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Comment]:
        pk = _post_pk(self.kwargs["post_id"])
        if not Post.objects.filter(pk=pk).exists():
            raise services.post_not_found()
        return Comment.objects.filter(post_id=pk).select_related("author")

    def post(self, request: Request, post_id: str) -> Response:
        comment = services.comment(_caller(request), _post_pk(post_id), _text(request))
        return Response(CommentSerializer(comment).data, status=201)


class FollowView(RestMixin, APIView):
    """`POST` and `DELETE users/{id}/follow`; both may be repeated."""

    def post(self, request: Request, user_id: str) -> Response:
        services.follow(_caller(request), _user_pk(user_id))
        return Response({"user_id": user_id, "following": True})

    def delete(self, request: Request, user_id: str) -> Response:
        services.unfollow(_caller(request), _user_pk(user_id))
        return Response({"user_id": user_id, "following": False})


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
