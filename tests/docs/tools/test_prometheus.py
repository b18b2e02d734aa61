"""Prometheus takes the documentation's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import Block, to_run
from tests.docs.tools.running import run


@pytest.mark.parametrize("block", to_run("yaml"), ids=str)
def test_a_block_is_taken(block: Block, tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text(block.text)
    run("promtool", "check", "config", tmp_path / "prometheus.yml")
