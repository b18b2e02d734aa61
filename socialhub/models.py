"""What people do on the sample site: write, comment, like, follow."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

MAX_TEXT_CHARS = 2000


class Post(models.Model):
    """Something that a user has written for everybody."""

    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="posts"
    )
    text = models.TextField(max_length=MAX_TEXT_CHARS)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        # What is new to a reader is counted from the index alone.
        indexes = [models.Index(fields=["created_at", "author"], name="socialhub_post_created")]

    def __str__(self) -> str:
        return f"post {self.pk}"


class Comment(models.Model):
    """What a user has to say about a post."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="comments"
    )
    text = models.TextField(max_length=MAX_TEXT_CHARS)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"comment {self.pk}"


class Like(models.Model):
    """A user likes a post."""

    post = models.ForeignKey(
        Post,
        on_delete=models.CASCADE,
        db_index=False,  # the constraint's index serves
        related_name="likes",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="likes"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["post", "user"], name="socialhub_like_once")]

    def __str__(self) -> str:
        return f"like {self.pk}"


class Follow(models.Model):
    """A user follows another."""

    follower = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        db_index=False,  # the constraint's index serves
        related_name="following",
    )
    followed = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="followers"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["follower", "followed"], name="socialhub_follow_once"),
            models.CheckConstraint(
                condition=~models.Q(follower=models.F("followed")),
                name="socialhub_follow_not_oneself",
            ),
        ]

    def __str__(self) -> str:
        return f"follow {self.pk}"
