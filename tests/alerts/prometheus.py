"""A Prometheus with the rules of deploy/prometheus, which looks every second."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.docs.blocks import Page
from tests.faults.processes import HOST, LabError, Process, free_port
from tests.servers import ROOT

RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
OPERATIONS = ROOT / "docs" / "operations.md"
# Minutes would be an hour for all of them. A rate needs some scrapes to be one.
WINDOW = "[10s]"
FOR = "2s"


def alerts() -> list[str]:
    """The alerts' names, in the order of the rules."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule["alert"] for group in groups for rule in group["rules"]]


class Prometheus(Process):
    """Scrapes the nodes, as docs/operations.md configures it.

    Args:
        targets: the nodes, as `host:port`.
    """

    def __init__(self, folder: Path, targets: list[str]) -> None:
        super().__init__("prometheus", folder)
        self.port = free_port()
        self._targets = targets
        self._data = folder / "prometheus"
        self._config = folder / "prometheus.yml"
        rules = re.sub(r"\[\d+m\]", WINDOW, RULES.read_text())
        (folder / RULES.name).write_text(re.sub(r"for: \w+", f"for: {FOR}", rules))
        (documented,) = (
            yaml.safe_load(block.text)
            for block in Page(OPERATIONS).blocks
            if "scrape_configs" in block.text
        )
        (job,) = documented["scrape_configs"]
        job["static_configs"] = [{"targets": targets}]
        every = {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
        config = {"global": every, "rule_files": [RULES.name], **documented}
        self._config.write_text(yaml.safe_dump(config))
        self.token: str = job["authorization"]["credentials"]

    async def start(self) -> None:
        program = shutil.which("prometheus")
        if program is None:
            raise LabError("prometheus is missing: apt-get install prometheus")
        self.spawn(
            [program, f"--config.file={self._config}", f"--storage.tsdb.path={self._data}",
             f"--web.listen-address={HOST}:{self.port}", "--log.level=warn"]
        )  # fmt: skip
        await self.until(self._is_ready, "does not start")

    def firing(self) -> dict[str, str]:
        """The summary of each alert that fires now, by its name."""
        return {
            alert["labels"]["alertname"]: alert["annotations"]["summary"]
            for alert in self._ask("alerts")["alerts"]
            if alert["state"] == "firing"
        }

    async def begins(self) -> None:
        """Wait until each node was scraped: what it had counted by then would be no rise."""
        await self.until(self._has_scraped_all, "does not scrape the nodes")

    def _has_scraped_all(self) -> bool:
        up = self._ask("query", query="up == 1")["result"]
        return {one["metric"]["instance"] for one in up} == set(self._targets)

    def _ask(self, what: str, **parameters: str) -> Any:
        url = f"http://{HOST}:{self.port}/api/v1/{what}"
        return httpx.get(url, params=parameters, timeout=5).json()["data"]

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://{HOST}:{self.port}/-/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False
