"""A client as a front-end developer would write it from docs/protocol.md.

It keeps what a page shows, from snapshots and events. It asks REST for state at
the start and after a `resync`, for the history of a conversation that it joins,
and for a post to which something has happened: `feed_update` has no text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from realtime.users import user_id
from tests.clients import PATIENCE, Frame, Socket, open_http, open_socket
from tests.schema import assert_valid_event
from tests.servers import Address

ALWAYS = ("presence", "feed:updates")


@dataclass
class Talk:
    """A conversation. `present` is False for one that was left: what was said stays."""

    title: str = ""
    participants: list[Frame] = field(default_factory=list)
    messages: dict[str, Frame] = field(default_factory=dict)
    read_upto: int = 0
    joined: int = 0
    present: bool = True


class ModelClient:
    """What one user sees, on whichever transport, or on none.

    Args:
        watched: ids of the users whose presence is shown.
    """

    def __init__(self, server: Address, user: Any, watched: Iterable[str]) -> None:
        self.me = user_id(user)
        self.notifications: dict[str, Frame] = {}
        self.unread = 0
        self.talks: dict[str, Talk] = {}
        self.presence: dict[str, Frame] = {id: {} for id in watched}
        self.posts: dict[str, Frame] = {}
        self.new_posts = 0
        self._server, self._user = server, user
        self._position: int | None = None
        self._epoch = ""
        self._seen: set[str] = set()
        self._stale = True  # state has to be fetched
        self._to_join: dict[str, int] = {}
        self._to_fetch: set[str] = set()
        self._connection = AsyncExitStack()
        self._socket: Socket | None = None
        self._http: httpx.AsyncClient

    # --- coming and going -----------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._socket is not None or self.polling

    polling = False

    async def come_by_socket(self, *, saying_hello: bool) -> None:
        """Open a socket; what was missed is asked for in the handshake, or by a frame."""
        await self.go()
        hello: Frame = {"channels": [*ALWAYS, *self._channels()]}
        if self._position is not None:
            hello |= {"last_sequence": self._position, "epoch": self._epoch}
        self._http = await self._connection.enter_async_context(open_http(self._server, self._user))
        query = {} if saying_hello else {**hello, "channels": ",".join(hello["channels"])}
        opened = open_socket(self._server, self._user, **query)
        self._socket = await self._connection.enter_async_context(opened)
        if saying_hello:
            await self._socket.send("connect", hello)
        # What comes before the reply moves no cursor: what was missed may still come.
        position, self._position = self._position, None
        reply = (await self._until(lambda frame: frame["type"] == "connect"))["payload"]
        self._position, self._epoch = reply["last_sequence"], reply["epoch"]
        self._stale |= position is not None and not reply["recovered"]
        self._show(reply["channels"])
        for channel in reply.get("refused", {}):
            self.talks[channel.partition(":")[2]].present = False
        await self._follow_up()

    async def come_by_polls(self) -> None:
        """Poll, from where the client stands; a new one first reads to the log's end."""
        await self.go()
        self._http = await self._connection.enter_async_context(open_http(self._server, self._user))
        self.polling = True
        while await self._poll():
            pass
        await self._follow_up()

    async def go(self) -> None:
        """Close the socket, poll no more."""
        self._socket, self.polling = None, False
        await self._connection.aclose()

    async def catch_up(self, position: int) -> None:
        """Return when everything up to this position of the log has been shown."""
        async with asyncio.timeout(PATIENCE):
            while True:
                if self._socket is not None:
                    await self._socket.send("heartbeat")
                    beat = await self._until(lambda frame: frame["type"] == "heartbeat")
                    self._position = beat["payload"]["last_sequence"]
                else:
                    while await self._poll():
                        pass
                if not await self._follow_up() and (self._position or 0) >= position:
                    return

    async def ask(self, type: str, payload: Frame) -> Frame:
        """Carry out a command: its data, or the error object."""
        if self._socket is not None:
            ack_id = f"{type}-{len(self._socket.seen)}"
            await self._socket.send(type, payload, ack_id=ack_id)
            answer = await self._until(lambda frame: frame.get("ack_id") == ack_id)
        else:
            body = {"type": type, "payload": payload}
            answer = (await self._http.post("/api/v1/realtime/send", json=body)).json()
        data: Frame = answer["payload"]
        return data["data"] if answer["type"] == "ack" else data

    def _channels(self) -> list[str]:
        return [f"conversation:{id}" for id, talk in self.talks.items() if talk.present]

    async def _until(self, wanted: Callable[[Frame], bool]) -> Frame:
        assert self._socket is not None
        while not wanted(frame := await self._socket.receive()):
            self._take(frame)
        return frame

    async def _poll(self) -> bool:
        """Poll once, without waiting; whether there is more."""
        query: Frame = {"user_id": self.me, "last_poll_id": self._position or 0, "timeout": 0}
        channels = {"channels": ",".join(ALWAYS)}
        if self._position is not None:
            channels["epoch"] = self._epoch
        response = await self._http.get("/api/v1/realtime/poll", params={**query, **channels})
        assert response.status_code == 200, response.text
        answer: Frame = response.json()
        for event in answer["events"]:
            assert_valid_event(event)
            self._take({**event, "id": event["event_id"]})
        self._stale |= answer.get("resync", False)
        self._position, self._epoch = answer["last_poll_id"], answer["epoch"]
        self._show(answer.get("channels", {}))
        return bool(answer["has_more"])

    # --- events ------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        if frame["type"] == "resync":
            self._stale = True
            self._position, self._epoch = (
                frame["payload"]["last_sequence"],
                frame["payload"]["epoch"],
            )
            return
        if self._position is not None and frame.get("sequence"):
            self._position = frame["sequence"]
        if frame["id"] not in self._seen:
            self._seen.add(frame["id"])
            getattr(self, f"_on_{frame['type']}")(frame["payload"])

    def _on_notification(self, payload: Frame) -> None:
        self.unread = payload.pop("unread_count")
        self.notifications[payload["id"]] = payload

    def _on_notification_read(self, payload: Frame) -> None:
        self.unread = payload["unread_count"]
        if known := self.notifications.get(payload["notification_id"]):
            known |= {"read": True, "read_at": payload["read_at"]}

    def _on_notification_read_all(self, payload: Frame) -> None:
        self.unread = payload["unread_count"]
        for known in self.notifications.values():
            if not known["read"]:
                known |= {"read": True, "read_at": payload["read_at"]}

    def _on_notification_deleted(self, payload: Frame) -> None:
        self.unread = payload["unread_count"]
        self.notifications.pop(payload["notification_id"], None)

    def _on_participants_added(self, payload: Frame) -> None:
        talk = self.talks.setdefault(payload["conversation_id"], Talk())
        if self.me in (person["id"] for person in payload["participants"]):
            talk.present = True
            self._to_join[payload["conversation_id"]] = payload["position"]
            return
        for person in payload["participants"]:
            self._without(talk, person["id"])
            talk.participants.append(person)

    def _on_participant_left(self, payload: Frame) -> None:
        talk = self.talks.setdefault(payload["conversation_id"], Talk())
        if payload["user_id"] == self.me:
            talk.present = False
            self._to_join.pop(payload["conversation_id"], None)
        else:
            self._without(talk, payload["user_id"])

    @staticmethod
    def _without(talk: Talk, id: str) -> None:
        talk.participants = [person for person in talk.participants if person["id"] != id]

    def _on_message(self, payload: Frame) -> None:
        self._merge(self.talks.setdefault(payload["conversation_id"], Talk()), payload)

    @staticmethod
    def _merge(talk: Talk, message: Frame) -> None:
        # Of an event and a page, which may be older? What has been read stays read.
        known = talk.messages.get(message["id"], message)
        talk.messages[message["id"]] = message
        message["is_read"] = message["is_read"] or known["is_read"]

    def _on_read_receipt(self, payload: Frame) -> None:
        talk = self.talks.setdefault(payload["conversation_id"], Talk())
        mine = payload["user_id"] == self.me
        if mine:
            talk.read_upto = max(talk.read_upto, payload["last_read_position"])
        for id in payload["message_ids"]:
            message = talk.messages.get(id)
            if message is not None and (message["sender_id"] == self.me) != mine:
                message["is_read"] = True

    def _on_presence(self, payload: Frame) -> None:
        if payload["user_id"] in self.presence:
            self.presence[payload["user_id"]] = payload

    def _on_feed_update(self, payload: Frame) -> None:
        self._to_fetch.add(payload["post_id"])

    def _on_count_update(self, payload: Frame) -> None:
        self.new_posts = payload["new_posts_count"]

    # --- snapshots -----------------------------------------------------------------------------

    def _show(self, channels: dict[str, Frame]) -> None:
        for channel, snapshot in channels.items():
            kind, _, id = channel.partition(":")
            if kind == "notifications":
                self.unread = snapshot["unread_count"]
            elif kind == "presence":
                shown = {payload["user_id"]: payload for payload in snapshot["users"]}
                for watched, known in self.presence.items():
                    self.presence[watched] = shown.get(watched, {**known, "status": "offline"})
            elif kind == "feed":
                self.new_posts = snapshot["new_posts_count"]
            else:
                talk = self.talks.setdefault(id, Talk())
                talk.title, talk.participants = snapshot["title"], snapshot["participants"]
                talk.read_upto = snapshot["last_read_position"]

    # --- REST ----------------------------------------------------------------------------------

    async def _follow_up(self) -> bool:
        """Ask for what events and snapshots do not have; whether there was any."""
        asked = False
        while self._stale or self._to_join or self._to_fetch:
            asked = True
            if self._stale:
                self._stale = False
                await self._fetch_all()
            elif self._to_join:
                await self._join(*self._to_join.popitem())
            else:
                await self._fetch_post(self._to_fetch.pop())
        return asked

    async def _fetch_all(self) -> None:
        self.unread = (await self._get("notifications/unread-count")).json()["unread_count"]
        self.notifications = {item["id"]: item for item in await self._list("notifications")}
        self.posts = {item["id"]: item for item in await self._list("posts")}
        shown = await self._get("presence?user_ids=" + ",".join(self.presence))
        self.presence = {item["user_id"]: item for item in shown.json()["users"]}
        mine = {item["id"]: item for item in await self._list("conversations")}
        for id in {*mine, *self.talks}:
            last = mine[id]["last_message"] if id in mine else None
            await self._join(
                id, last["position"] - 1 if last else mine.get(id, {}).get("last_position", 0)
            )

    async def _join(self, id: str, position: int) -> None:
        """Subscribe, take the snapshot, then the history: also of one that was left."""
        talk = self.talks.setdefault(id, Talk())
        answer = await self.ask("subscribe", {"channel": f"conversation:{id}"})
        talk.present, talk.joined = "snapshot" in answer, position
        if talk.present:
            self._show({answer["channel"]: answer["snapshot"]})
        for message in await self._list(f"conversations/{id}/messages"):
            self._merge(talk, message)

    async def _fetch_post(self, id: str) -> None:
        response = await self._get(f"posts/{id}")
        if response.status_code == 404:
            self.posts.pop(id, None)
        else:
            self.posts[id] = response.json()

    async def _get(self, path: str) -> httpx.Response:
        return await self._http.get(f"/api/v1/{path}")

    async def _list(self, path: str) -> list[Frame]:
        items: list[Frame] = []
        next: str | None = f"{path}?page_size=200"
        while next:
            page = (await self._get(next)).json()
            items += page["results"]
            next = page["next"] and f"{path}?{urlsplit(page['next']).query}"
        return items

    # --- what the page shows -----------------------------------------------------------------

    def conversation(self, talk: Talk) -> Frame:
        """One entry of the list, and its messages, oldest first."""
        messages = [
            {**message, "is_read": message["is_read"] or self._have_read(talk, message)}
            for message in sorted(talk.messages.values(), key=lambda one: int(one["position"]))
        ]
        return {
            "title": talk.title,
            "participants": talk.participants,
            "last_message": messages[-1]
            if messages and messages[-1]["position"] > talk.joined
            else None,
            "unread_count": sum(
                message["position"] > talk.read_upto and message["sender_id"] != self.me
                for message in messages
            ),
            "last_read_position": talk.read_upto,
            "messages": messages,
        }

    def _have_read(self, talk: Talk, message: Frame) -> bool:
        return message["sender_id"] != self.me and int(message["position"]) <= talk.read_upto
