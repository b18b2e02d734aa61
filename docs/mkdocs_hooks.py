"""What the site does with the repository's pages, which are written for a Git forge.

Pages outside of docs/ become pages of the site. Links between pages are as in the
repository; those to its other files, which the site does not have, become plain text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks/method.md",
    "client/README.md": "client.md",
}
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are outside of docs/."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Have links point to the site's pages."""
    source = Path(page.file.abs_src_path or "").relative_to(ROOT).as_posix()
    return LINK.sub(lambda link: _of_the_site(link, source, page.file.src_uri), markdown)


def _of_the_site(link: re.Match[str], source: str, page: str) -> str:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["path"]))
    if target in OUTSIDE:
        there = OUTSIDE[target]
    elif target.startswith("docs/"):
        there = target.removeprefix("docs/")
    else:
        # One that leads nowhere stays, and fails the build.
        return link["text"] if (ROOT / target).exists() else link[0]
    path = posixpath.relpath(there, posixpath.dirname(page) or ".")
    return f"{link['image']}[{link['text']}]({path}{link['anchor'] or ''})"
