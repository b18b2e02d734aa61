"""For the tests of sites: what was published, and what a user's client gets of it.

    from realtime.testing import FakeClient, assert_published

    with assert_published(alice, "notification", type="like"):
        like(post, bob)

    with FakeClient(alice, "feed:updates") as client:
        post = Post.objects.create(author=bob, text="Hello")
        assert client.expect("feed_update").payload["post_id"] == f"post_{post.pk}"

No server, Redis or pytest is needed. It works in Django's TestCase, where nothing is
committed: what the test's own transaction holds counts as committed, what an
`atomic()` block in it rolls back does not. Everything runs in the test's thread.
"""

from realtime.testing.client import FakeClient as FakeClient
from realtime.testing.events import Event as Event
from realtime.testing.published import assert_nothing_published as assert_nothing_published
from realtime.testing.published import assert_published as assert_published
