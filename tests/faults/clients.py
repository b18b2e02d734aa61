"""Clients that record all they get, and behave as docs/protocol.md tells them to.

They store the cursor, come back with it after a jittered pause, send commands
again until they are answered, and never look at the database.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from tests.faults.proxy import HOST, Line

HEARTBEAT_SECONDS = 1.0
# A server that says nothing for so long, though it was asked, is given up.
PATIENCE = 4.0
POLL_SECONDS = 4
# A poller rests after an answer; else each public event would be a request of its own.
POLL_REST = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
# What a client meets when servers fail, and tries again after.
PASSING_STATUSES = (429, 500, 502, 503, 504)
PASSING_ERRORS = ("INTERNAL_ERROR", "RATE_LIMITED")
LAST_CODE_TO_RETURN = 4499

Frame = dict[str, Any]


class Transport(Enum):
    """How a client listens."""

    SOCKET = "socket"
    POLL = "poll"
    SWITCHING = "now this, now that"


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as it came; `at` in Unix seconds by the laboratory's clock."""

    sequence: int
    id: str
    type: str
    channel: str
    payload: Any
    timestamp: str
    at: float


@dataclass(slots=True)
class Stretch:
    """What came in one go, after one cursor: it has to rise."""

    after: int
    arrivals: list[Arrival] = field(default_factory=list)

    @property
    def last(self) -> int:
        return self.arrivals[-1].sequence if self.arrivals else self.after


class Client:
    """One device of one user.

    Args:
        line: its way to the nodes.
        start, epoch: the cursor that it begins with.
        channels: what it subscribes to besides notifications.

    Attributes:
        cursor: everything up to it has come.
        stretches: all that came, in order.
        acknowledged: ids of the messages that the server has said are sent.
        problems: what no fault of the laboratory's excuses.
        reconnects: how often it has come back.
        switches: how often it has gone from one transport to the other.
        comes_late: it was not there for most of the time, and meant not to be.
        disconnects: the reasons that servers gave for sending it away.
    """

    def __init__(
        self,
        user_id: str,
        token: str,
        line: Line,
        *,
        start: int,
        epoch: str,
        channels: Iterable[str],
        transport: Transport,
    ) -> None:
        self.user_id = user_id
        self.token = token
        self.line = line
        self.cursor = start
        self.channels = list(channels)
        self.transport = transport
        self.stretches: list[Stretch] = []
        self.acknowledged: list[str] = []
        self.problems: list[str] = []
        self.reconnects = 0
        self.switches = 0
        self.comes_late = False
        self.disconnects: list[str] = []
        self._start = start
        self._epoch = epoch
        self._waiting: dict[str, Frame] = {}
        self._connection: ClientConnection | None = None
        # Whether the server has said hello; whether what comes moves the cursor;
        # whether there is a channel that the server has not been told of.
        self._ready = False
        self._storing = True
        self._stale = False
        self._rewind: int | None = None
        self._heard = asyncio.Event()
        self._failures = 0
        self._told_to_wait: float | None = None

    @property
    def unanswered(self) -> int:
        """Commands that the server has not answered yet."""
        return len(self._waiting)

    def first_arrivals(self) -> Iterable[Arrival]:
        """What came, in order, without what came again."""
        seen = set[str]()
        for stretch in self.stretches:
            for arrival in stretch.arrivals:
                if arrival.id not in seen:
                    seen.add(arrival.id)
                    yield arrival

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                match self.transport:
                    case Transport.SOCKET:
                        await self._listen()
                    case Transport.POLL:
                        await self._poll()
                    case Transport.SWITCHING:
                        await self._switch()
            except InvalidStatus as refusal:
                self._note_status(refusal.response.status_code, bytes(refusal.response.body or b""))
            except ConnectionClosed as end:
                self._note_close(end)
            except (OSError, TimeoutError, WebSocketException, httpx.TransportError):
                pass  # the faults that it is here for
            self.reconnects += 1
            await self._pause()

    async def _pause(self) -> None:
        """Wait before coming back: what the server said, else longer each time."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._failures) * random.uniform(0.5, 1)
        if self._told_to_wait is not None:
            pause, self._told_to_wait = self._told_to_wait, None
        self._failures += 1
        await asyncio.sleep(pause)

    async def _switch(self) -> None:
        """Leave one transport in mid-stream and go on with the other, for ever."""
        while True:
            for listen in (self._listen, self._poll):
                await self._for_a_while(listen)
                self.switches += 1

    async def _for_a_while(self, listen: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Listen until a little after the server has said something."""
        self._heard.clear()
        listening = asyncio.create_task(listen())
        hearing = asyncio.create_task(self._heard.wait())
        try:
            await asyncio.wait([listening, hearing], return_when=asyncio.FIRST_COMPLETED)
            if not listening.done():
                await asyncio.wait([listening], timeout=random.uniform(0, 1.5))
            if listening.done():
                await listening  # it has failed: say so
        finally:
            hearing.cancel()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    # --- recording ------------------------------------------------------------------------

    def _begin(self, after: int) -> None:
        self.stretches.append(Stretch(after))

    def _record(self, event: Frame, id: str) -> None:
        sequence = event["sequence"]
        if self._rewind is not None and sequence <= self.stretches[-1].last:
            self._begin(self._rewind)  # the replay that was asked for has begun
            self._rewind = None
        self.stretches[-1].arrivals.append(
            Arrival(
                sequence,
                id,
                event["type"],
                event.get("channel") or "",
                event["payload"],
                event["timestamp"],
                time.time(),
            )
        )

    def _note_status(self, status: int, body: bytes) -> None:
        if status not in PASSING_STATUSES:
            self.problems.append(f"refused with {status}: {body[:200]!r}")

    def _note_close(self, end: ConnectionClosed) -> None:
        code = end.rcvd.code if end.rcvd else 1006
        if code > LAST_CODE_TO_RETURN:
            self.problems.append(f"closed with {code}")

    # --- on a socket ----------------------------------------------------------------------

    async def _listen(self) -> None:
        query = {"last_sequence": self.cursor, "epoch": self._epoch}
        if self.channels:
            query["channels"] = ",".join(self.channels)
        self._begin(self.cursor)
        self._ready, self._rewind = False, None
        self._storing, self._stale = True, False
        async with connect(
            f"ws://{HOST}:{self.line.port}/ws?{urlencode(query)}",
            subprotocols=[Subprotocol("socialhub.v1"), Subprotocol(f"bearer.{self.token}")],
            compression=None,
            max_size=None,
            ping_interval=None,  # it beats by itself
            open_timeout=PATIENCE,
            close_timeout=0.2,
            proxy=None,
        ) as connection:
            beating = asyncio.create_task(self._beat(connection))
            self._connection = connection
            try:
                while True:
                    async with asyncio.timeout(PATIENCE):
                        text = await connection.recv()
                    await self._take(msgspec.json.decode(text))
            finally:
                self._connection = None
                self._ready = False
                beating.cancel()

    async def _beat(self, connection: ClientConnection) -> None:
        try:
            while True:
                await asyncio.sleep(HEARTBEAT_SECONDS * random.uniform(0.8, 1.2))
                await connection.send('{"type": "heartbeat"}')
        except ConnectionClosed:
            pass  # who receives will notice

    async def _take(self, frame: Frame) -> None:
        self._heard.set()
        payload = frame["payload"]
        match frame["type"]:
            case "connect":
                await self._on_connected(payload)
            case "heartbeat":
                if self._ready and self._storing:
                    self.cursor = max(self.cursor, payload["last_sequence"])
            case "ack" | "error":
                self._on_answer(frame.get("ack_id"), frame["type"], payload)
            case "disconnect":
                self.disconnects.append(payload["reason"])
                if "reconnect_after_ms" in payload:
                    self._told_to_wait = payload["reconnect_after_ms"] / 1000
            case "resync":
                self._resync(payload["reason"], payload["last_sequence"], payload["epoch"])
            case _:
                if "sequence" in frame:
                    self._record(frame, frame["id"])
                    if self._storing:
                        self.cursor = frame["sequence"]
                    self._follow(frame)
                    await self._catch_up()

    async def _on_connected(self, reply: Frame) -> None:
        if not reply["recovered"]:
            self.problems.append("not recovered, though the log was all there")
        # A refused conversation is named again the next time: what was said before the
        # user was removed may not have come yet.
        self._ready, self._rewind = True, None
        self._epoch = reply["epoch"]
        if not self._stale:
            self._storing = True
            self.cursor = reply["last_sequence"]
        self._failures = 0
        await self._catch_up()
        for frame in list(self._waiting.values()):
            await self._send(frame)

    def _follow(self, frame: Frame) -> None:
        """A notification may tell of a conversation that is new to the client.

        What has been said in it since the user was added lies behind the cursor.
        """
        if frame["type"] != "notification" or frame["payload"]["type"] != "message":
            return
        channel = f"conversation:{frame['payload']['extra']['conversation_id']}"
        if channel not in self.channels:
            self.channels.append(channel)
            if self.transport is not Transport.POLL:  # a poll gets all conversations
                self.cursor = self._start
                self._storing, self._stale = False, True

    async def _catch_up(self) -> None:
        """Tell the server of new channels, by a `connect` frame that goes back."""
        if self._stale and self._ready and self._connection is not None:
            self._ready, self._stale = False, False
            self._rewind = self._start
            payload = {
                "last_sequence": self._start,
                "epoch": self._epoch,
                "channels": self.channels,
            }
            await self._send({"type": "connect", "payload": payload})

    def _resync(self, reason: str, cursor: int, epoch: str) -> None:
        self.problems.append(f"told to resync ({reason}), though the log was all there")
        self.cursor, self._epoch = cursor, epoch
        self._begin(cursor)

    # --- commands -------------------------------------------------------------------------

    async def say(self, conversation_id: str, content: str) -> None:
        """Send a message, again and again until it is answered."""
        id = str(uuid4())
        payload = {"conversation_id": conversation_id, "content": content}
        frame = {"type": "message", "id": id, "ack_id": id, "payload": payload}
        self._waiting[id] = frame
        if self.transport is Transport.POLL:
            await self._post(frame)
        elif self._ready:
            await self._send(frame)

    async def _send(self, frame: Frame) -> None:
        if self._connection is not None:
            try:
                await self._connection.send(msgspec.json.encode(frame).decode())
            except ConnectionClosed:
                pass  # it goes with the next connection

    def _on_answer(self, ack_id: str | None, type: str, payload: Frame) -> None:
        if ack_id not in self._waiting:
            # Who sends twice may be answered twice; without an ack_id nothing was asked.
            if type == "error" and ack_id is None and payload["code"] not in PASSING_ERRORS:
                self.problems.append(f"error {payload}")
            return
        if type == "ack":
            self.acknowledged.append(ack_id)
        elif payload["code"] in PASSING_ERRORS:
            frame = self._waiting[ack_id]
            asyncio.get_running_loop().call_later(0.5, self._send_later, frame)
            return
        del self._waiting[ack_id]

    def _send_later(self, frame: Frame) -> None:
        if frame["id"] in self._waiting and self._ready:
            self._later = asyncio.ensure_future(self._send(frame))

    async def _post(self, frame: Frame) -> None:
        async with self._http() as http:
            while frame["id"] in self._waiting:
                try:
                    response = await http.post("/api/v1/realtime/send", json=frame)
                except httpx.TransportError:
                    pass
                else:
                    answer = response.json()
                    if "type" in answer:
                        self._on_answer(answer.get("ack_id"), answer["type"], answer["payload"])
                    else:
                        self._note_status(response.status_code, response.content)
                await asyncio.sleep(random.uniform(0.2, 0.5))

    # --- by polls -------------------------------------------------------------------------

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"http://{HOST}:{self.line.port}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=POLL_SECONDS + PATIENCE,
            # Each request is a connection of its own: nothing keeps it to one node.
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )

    async def _poll(self) -> None:
        public = [channel for channel in self.channels if not channel.startswith("conversation:")]
        async with self._http() as http:
            while True:
                response = await http.get(
                    "/api/v1/realtime/poll",
                    params={
                        "user_id": self.user_id,
                        "last_poll_id": self.cursor,
                        "epoch": self._epoch,
                        "timeout": POLL_SECONDS,
                        "channels": ",".join(public),
                    },
                )
                if response.status_code != 200:
                    self._note_status(response.status_code, response.content)
                    return
                self._failures = 0
                self._take_answer(response.json())
                await asyncio.sleep(POLL_REST * random.uniform(0.5, 1))

    def _take_answer(self, answer: Frame) -> None:
        self._heard.set()
        if answer.get("resync"):
            self._resync("poll", answer["last_poll_id"], answer["epoch"])
            return
        self._begin(self.cursor)
        self._storing = True
        for event in answer["events"]:
            if event["sequence"] is not None:
                self._record(event, event["event_id"])
                self._follow(event)
        if self._storing:
            self.cursor = answer["last_poll_id"]
