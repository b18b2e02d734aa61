"""Writers: a process that is no server, writing through the services of the apps.

`python -m tests.faults.writers` takes a `Job` as JSON in one line of standard
input, says `ready`, writes until standard input ends, and leaves a `Summary`.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable

import msgspec

STALL_SECONDS = 0.2
# How long a slow transaction stays open.
SLOW_SECONDS = (1.0, 3.0)
NEVER = "never"


class Group(msgspec.Struct):
    """A conversation: who is in it, the creator first, and who is to be added."""

    pk: int
    members: list[int]
    newcomers: list[int]


class Job(msgspec.Struct):
    """What to write.

    Attributes:
        pause: seconds between two writes of one of the writers, on average.
        troubled: with long transactions, rollbacks and deadlocks.
    """

    users: list[int]
    groups: list[Group]
    pause: float = 0.12
    troubled: bool = False


class Summary(msgspec.Struct):
    """What has happened: writes that succeeded, that failed, and why."""

    written: int = 0
    failed: int = 0
    rolled_back: int = 0
    errors: dict[str, int] = {}


class RolledBackError(Exception):
    """Makes a transaction roll back."""


class Writers:
    """Threads that write until they are told to stop."""

    def __init__(self, job: Job) -> None:
        self.summary = Summary()
        self._job = job
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        jobs: list[Callable[[], None]] = [self.notify, self.talk, self.post, self.change]
        if self._job.troubled:
            jobs += [self.dawdle, self.dawdle, self.roll_back, self.lock_up, self.lock_down]
        for job in jobs:
            thread = threading.Thread(target=self._repeat, args=(job,), name=job.__name__)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Let each finish what it has begun."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, job: Callable[[], None]) -> None:
        from django.db import connection

        while not self._stop.wait(self._job.pause * random.uniform(0.5, 1.5)):
            try:
                job()
            except RolledBackError:
                self._count("rolled_back")
            except Exception as error:
                self._count("failed", error)
                connection.close()
                self._stop.wait(STALL_SECONDS)
            else:
                self._count("written")
        connection.close()

    def _count(self, what: str, error: Exception | None = None) -> None:
        with self._lock:
            setattr(self.summary, what, getattr(self.summary, what) + 1)
            if error is not None:
                name = type(error).__name__
                self.summary.errors[name] = self.summary.errors.get(name, 0) + 1

    # --- what they write ------------------------------------------------------------------

    def notify(self) -> None:
        """To one user, or the same to a few."""
        from notifications.services import notify, notify_many

        if random.random() < 0.8:
            notify(random.choice(self._job.users), "like", f"private {random.random()}")
        else:
            notify_many(random.sample(self._job.users, 3), "maintenance", "to some")

    def talk(self) -> None:
        """In a conversation."""
        from messaging.services import mark_read, send_message

        group = random.choice(self._job.groups)
        said = send_message(str(group.members[0]), group.pk, f"said {random.random()}")
        if random.random() < 0.2:
            mark_read(str(group.members[1]), group.pk, message_ids=[int(said.id[4:])])

    def post(self) -> None:
        """To the feed, which is public."""
        from django.contrib.auth import get_user_model

        from socialhub.services import comment, create_post, like

        author, other = get_user_model()._default_manager.filter(
            pk__in=random.sample(self._job.users, 2)
        )
        post = create_post(author, f"posted {random.random()}")
        if random.random() < 0.3:
            like(other, post.pk)
        elif random.random() < 0.3:
            comment(other, post.pk, "commented")

    def change(self) -> None:
        """Who is busy, and who takes part: people are added, and removed in mid-stream."""
        from messaging.services import add_participants, remove_participant, send_message
        from presence.services import set_status

        set_status(str(random.choice(self._job.users)), random.choice(["online", "busy"]))
        group = random.choice(self._job.groups)
        creator = str(group.members[0])
        if group.newcomers and random.random() < 0.3:
            add_participants(creator, group.pk, [group.newcomers[0]])
            send_message(creator, group.pk, f"welcome {group.newcomers[0]}")
            group.members.append(group.newcomers.pop(0))
        elif len(group.members) > 4 and random.random() < 0.1:
            leaving = group.members[-1 if random.random() < 0.5 else 2]
            send_message(creator, group.pk, f"goodbye {leaving}")
            remove_participant(creator, group.pk, str(leaving))
            group.members.remove(leaving)

    # --- trouble --------------------------------------------------------------------------

    def dawdle(self) -> None:
        """A transaction that stays open long after it has written its event."""
        from django.db import transaction

        from notifications.services import notify

        with transaction.atomic():
            notify(random.choice(self._job.users), "like", "slow")
            self._stop.wait(random.uniform(*SLOW_SECONDS))

    def roll_back(self) -> None:
        """One that comes to nothing."""
        from django.contrib.auth import get_user_model
        from django.db import transaction

        from notifications.services import notify
        from socialhub.services import create_post

        user = get_user_model()._default_manager.get(pk=random.choice(self._job.users))
        with transaction.atomic():
            notify(user, "like", NEVER)
            create_post(user, NEVER)
            raise RolledBackError

    def lock_up(self) -> None:
        """Two users' inboxes, in this order; `lock_down` takes them in the other."""
        self._notify_both(self._job.users[:2])

    def lock_down(self) -> None:
        self._notify_both(self._job.users[1::-1])

    def _notify_both(self, users: list[int]) -> None:
        from django.db import transaction

        from notifications.services import notify

        with transaction.atomic():
            for user in users:
                notify(user, "like", "both or none")
                self._stop.wait(random.uniform(0.05, 0.2))


def main() -> None:
    import django

    django.setup()
    writers = Writers(msgspec.json.decode(sys.stdin.readline(), type=Job))
    writers.start()
    print("ready", flush=True)
    sys.stdin.read()
    writers.stop()
    print(msgspec.json.encode(writers.summary).decode(), flush=True)


if __name__ == "__main__":
    main()
