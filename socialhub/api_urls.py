"""URLs of the sample site's REST API."""

from django.urls import path

from socialhub import api

urlpatterns = [
    path("posts", api.PostListView.as_view(), name="posts"),
    path("posts/<str:post_id>", api.PostView.as_view(), name="post"),
    path("posts/<str:post_id>/like", api.LikeView.as_view(), name="post-like"),
    path("posts/<str:post_id>/comments", api.CommentListView.as_view(), name="post-comments"),
    path("users", api.PeopleView.as_view(), name="people"),
    path("users/<str:user_id>/follow", api.FollowView.as_view(), name="follow"),
]
