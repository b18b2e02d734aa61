"""`/healthz`: the process answers. `/readyz`: it can serve; if not, why not.
`/metrics`: what it has counted, for Prometheus.

The first two ask nobody who is asking; none touches the site's middleware where
the realtime application serves them.
"""

from __future__ import annotations

import asyncio
import secrets
import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from realtime import database, log, metrics, protocol
from realtime.conf import conf
from realtime.database import Work
from realtime.errors import ErrorCode, RealtimeError
from realtime.lifecycle import local_node, running_node

# A look at the log this much later than it should have been: the tail is stuck.
STALE_SECONDS = 5.0
DATABASE_SECONDS = 2.0


async def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the event loop turns."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """200, or 503 with a line for each thing that is wrong.

    What is `degraded` does not keep the node from serving.
    """
    problems = await _problems()
    node = running_node()
    degraded = []
    if node and node.layer.failing:
        degraded.append("channel layer: hints and signals of other nodes do not arrive")
    return JsonResponse(
        {
            "status": "unavailable" if problems else "ok",
            "problems": problems,
            "degraded": degraded,
        },
        status=503 if problems else 200,
    )


async def show_metrics(request: HttpRequest) -> HttpResponse:
    """The metrics as text; with DEBUG for anybody, else for who has `METRICS_TOKEN`."""
    token = conf().METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not (secrets.compare_digest(given.encode(), token.encode()) if token else settings.DEBUG):
        refused = RealtimeError(
            ErrorCode.FORBIDDEN,
            "Set REALTIME['METRICS_TOKEN'] and send it: Authorization: Bearer <token>",
        )
        return HttpResponse(
            protocol.encode(refused.as_object()), content_type="application/json", status=403
        )
    return HttpResponse(metrics.exposition(database.measure), content_type=metrics.CONTENT_TYPE)


async def _problems() -> list[str]:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            await database.run(Work.ENTRY, log.read_head)
            node = await local_node()
    except Exception as error:
        return [f"database: {type(error).__name__}"]
    problems = []
    if node.draining:
        problems.append("draining: this node is shutting down")
    stale = time.monotonic() - node.hub.checked_at
    if stale > STALE_SECONDS + conf().TAIL_INTERVAL:
        problems.append(f"tail: the log was last read {stale:.0f} s ago")
    return problems


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", show_metrics, name="metrics"),
]
