"""`/healthz`: the process answers. `/readyz`: it can serve; if not, why not.

Neither asks who is asking; neither touches the site's middleware where the
realtime application serves them.
"""

from __future__ import annotations

import asyncio
import time

from django.http import HttpRequest, JsonResponse
from django.urls import path

from realtime import database, log
from realtime.conf import conf
from realtime.database import Work
from realtime.lifecycle import local_node

# A look at the log this much later than it should have been: the tail is stuck.
STALE_SECONDS = 5.0
DATABASE_SECONDS = 2.0


async def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the event loop turns."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """200, or 503 with a line for each thing that is wrong."""
    problems = await _problems()
    return JsonResponse(
        {"status": "unavailable" if problems else "ok", "problems": problems},
        status=503 if problems else 200,
    )


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


urlpatterns = [path("healthz", healthz, name="healthz"), path("readyz", readyz, name="readyz")]
