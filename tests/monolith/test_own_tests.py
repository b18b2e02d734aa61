"""The team's own tests, with `realtime.testing`, as docs/testing.md has them."""

from __future__ import annotations

from tests.docs.blocks import Page
from tests.monolith.building import Project
from tests.servers import ROOT


def test_the_tests_of_the_page_pass(site: Project) -> None:
    blocks = Page(ROOT / "docs/testing.md").files([""])
    assert [block.path for block in blocks] == ["blog/tests.py"]
    site.follow(blocks)
    done = site.manage("test", "blog")
    assert done.returncode == 0, done.stdout
    assert "Ran 4 tests" in done.stdout
