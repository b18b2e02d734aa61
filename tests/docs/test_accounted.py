"""No block of the documentation is left out without a reason."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.docs.blocks import BLOCK, SHELLS, Block, all_blocks, pages

# The tests of each kind; those in `tools` need more than Python.
KINDS = {
    **dict.fromkeys(SHELLS, "test_commands"),
    "python": "test_python",
    "json": "test_json",
    "html": "test_html",
    "ts": "tools/test_typescript",
    "js": "tools/test_typescript",
    "yaml": "tools/test_prometheus",
    "sql": "../alerts",
}


@pytest.mark.parametrize("block", all_blocks(), ids=str)
def test_a_block_is_of_a_kind_that_is_run(block: Block) -> None:
    assert block.language in KINDS or block.reason, f"{block}: nobody runs {block.language!r}"


def test_no_fence_is_overlooked() -> None:
    for page in pages():
        text = page.read_text()
        fences = sum(line.lstrip().startswith("```") for line in text.splitlines())
        assert fences == 2 * len(BLOCK.findall(text)), page


def test_few_are_not_run() -> None:
    reasons = Counter(block.reason for block in all_blocks() if block.reason)
    assert reasons.total() <= 5, reasons
