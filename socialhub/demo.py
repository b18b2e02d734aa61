"""What `manage.py seed_demo` finds to say: a small town, on an ordinary week."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

PASSWORD = "demo-socialhub"

# Username, first name, last name, whether they are staff.
PEOPLE = (
    ("alice", "Alice", "Archer", True),
    ("bob", "Bob", "Baker", False),
    ("carol", "Carol", "Carter", False),
    ("dan", "Dan", "Okafor", False),
    ("emma", "Emma", "Lindqvist", False),
    ("farid", "Farid", "Rahimi", False),
)

FOLLOWS = (
    ("bob", "alice"),
    ("carol", "alice"),
    ("emma", "alice"),
    ("alice", "bob"),
    ("alice", "emma"),
    ("dan", "bob"),
    ("farid", "carol"),
)


class DemoPost(NamedTuple):
    """A post, how long ago it was written, what others said, and who liked it."""

    age: timedelta
    author: str
    text: str
    comments: tuple[tuple[str, str], ...] = ()
    likes: tuple[str, ...] = ()


class DemoTalk(NamedTuple):
    """A conversation: its people, the first of whom began it, and what was said.

    Of `lines` the last `unread` were read by nobody but who wrote them.
    """

    age: timedelta
    people: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    title: str = ""
    unread: int = 0


POSTS = (
    DemoPost(
        timedelta(days=6, hours=3),
        "alice",
        "Hello, SocialHub! Who else is here?",
        (("bob", "I am. And @carol is just coming in."), ("carol", "Here I am!")),
        ("carol", "emma", "farid"),
    ),
    DemoPost(
        timedelta(days=5, hours=20),
        "farid",
        "The footbridge by the mill is open again. Ten minutes saved, every morning.",
        likes=("alice", "bob", "dan"),
    ),
    DemoPost(
        timedelta(days=5, hours=2),
        "emma",
        "Choir is looking for two tenors. Rehearsals on Tuesdays at seven, in the old school. "
        "No audition, only enthusiasm.",
        (("dan", "What if the enthusiasm is a baritone?"), ("emma", "Then stand further back.")),
        ("carol", "dan"),
    ),
    DemoPost(
        timedelta(days=4, hours=5),
        "dan",
        "Found on the towpath: one blue bicycle helmet, child's size. It is at the library desk.",
        likes=("farid",),
    ),
    DemoPost(
        timedelta(days=3, hours=22),
        "carol",
        "Tomatoes. So many tomatoes. If you have a bowl, you have tomatoes.",
        (
            ("alice", "I have a bowl."),
            ("bob", "I have several. Trade you for bread?"),
            ("carol", "@bob deal."),
        ),
        ("alice", "bob", "emma", "farid"),
    ),
    DemoPost(
        timedelta(days=3, hours=1),
        "alice",
        "The library stays open until nine on Thursdays from next week on. "
        "Bring the book you borrowed in March. You know who you are.",
        (("dan", "It is a very good book."), ("farid", "@dan so we hear. Since March.")),
        ("bob", "carol", "dan", "farid"),
    ),
    DemoPost(
        timedelta(days=2, hours=4),
        "farid",
        "Evening light on the river, and nobody else there. No photo: I was looking at it.",
        likes=("alice", "emma"),
    ),
    DemoPost(
        timedelta(days=1, hours=21),
        "emma",
        "Both tenors found, and one baritone. Thank you all!",
        (("dan", "You are welcome."),),
        ("alice", "bob", "dan"),
    ),
    DemoPost(
        timedelta(days=1, hours=2),
        "dan",
        "Repair café this Saturday, ten to two. We have: soldering irons, patience, cake. "
        "We need: somebody who understands sewing machines.",
        (("carol", "My aunt does. I shall ask her."),),
        ("alice", "carol"),
    ),
    DemoPost(
        timedelta(hours=9),
        "bob",
        "Fresh bread at nine. @alice, shall I keep you a loaf?",
        (("alice", "Two, please!"), ("emma", "Is there rye today?"), ("bob", "There is now.")),
        ("alice", "carol", "emma"),
    ),
    DemoPost(
        timedelta(hours=3),
        "alice",
        "Story hour moved to the garden this afternoon. Bring a blanket, and somebody small.",
        (("emma", "We are two blankets and three somebodies."),),
        ("bob", "emma"),
    ),
    DemoPost(
        timedelta(minutes=38),
        "carol",
        "Open this page in two windows, as two people, and watch each change the other.",
        likes=("bob",),
    ),
)

TALKS = (
    DemoTalk(
        timedelta(days=2),
        ("emma", "alice"),
        (
            ("emma", "Could the choir borrow the reading room on the 14th?"),
            ("alice", "Of course. Before or after closing?"),
            ("emma", "After. We are not a quiet choir."),
            ("alice", "I had heard. From the other side of the river."),
        ),
    ),
    DemoTalk(
        timedelta(hours=7),
        ("dan", "alice", "bob", "carol"),
        (
            ("dan", "Who brings what on Saturday?"),
            ("bob", "Bread, and the long table."),
            ("carol", "Tomatoes. I insist."),
            ("alice", "The good lamp, and the sewing machine book."),
            ("dan", "Then I bring the cake, and we are a repair café."),
        ),
        title="Repair café",
        unread=1,
    ),
    DemoTalk(
        timedelta(hours=5),
        ("carol", "alice"),
        (("carol", "The bowl is on your doorstep."), ("alice", "It is a bucket!")),
    ),
    DemoTalk(
        timedelta(minutes=25),
        ("bob", "alice"),
        (
            ("bob", "Two loaves, as ordered. One of them is rye."),
            ("alice", "You read my mind."),
            ("bob", "I read Emma's comment."),
            ("alice", "I come by at five. Do you need the book on sourdough back?"),
            ("bob", "Keep it, I know it by heart."),
            ("bob", "But bring the one on clocks? The oven's has stopped."),
        ),
        unread=2,
    ),
)
