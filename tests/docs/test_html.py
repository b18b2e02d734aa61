"""The documentation's templates, as Django renders them."""

from __future__ import annotations

import re

import pytest
from django.contrib.staticfiles import finders
from django.template import Context, Template
from django.templatetags.static import static

from tests.docs.blocks import Block, to_run


@pytest.mark.parametrize("block", to_run("html"), ids=str)
def test_a_template_renders_and_what_it_imports_is_there(block: Block) -> None:
    html = Template(block.text).render(Context())
    imported = re.findall(r'from "([^"]+)"', html)
    assert imported
    for url in imported:
        path = url.removeprefix(static(""))
        assert finders.find(path), url
