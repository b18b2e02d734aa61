"""The documentation's TypeScript and JavaScript are right for the client as it is."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import to_run
from tests.docs.tools.running import run
from tests.servers import ROOT

CLIENT = ROOT / "client"
HERE = Path(__file__).parent


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where modules of the client's are found, as in an application of the reader's."""
    (CLIENT / "build").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="docs-", dir=CLIENT / "build"))
    for file in (HERE / "reader.d.ts", HERE / "auth.service.ts", ROOT / "schema/realtime.ts"):
        shutil.copy(file, folder)
    yield folder
    shutil.rmtree(folder)


def test_all_blocks_have_the_client_s_types(folder: Path) -> None:
    for block in to_run("ts", "js"):
        # A module each: what one declares is not another's. Its lines are the page's.
        name = f"{block.page.replace('/', '-')}-{block.line}.ts"
        (folder / name).write_text("\n" * block.line + block.text + "\nexport {};\n")
    check(folder)


def test_what_the_client_does_not_have_is_noticed(folder: Path) -> None:
    (folder / "wrong.ts").write_text("service.noSuchMethod();\nexport {};\n")
    with pytest.raises(AssertionError, match="noSuchMethod"):
        check(folder)


def check(folder: Path) -> None:
    """Raises AssertionError with what tsc says."""
    options = {
        "noEmit": True,
        "rootDir": "../../..",
        "noUnusedLocals": False,
        "verbatimModuleSyntax": False,
        "paths": {
            "@socialhub/realtime": ["../../src/index.ts"],
            "@socialhub/realtime/angular": ["../../src/angular.ts"],
        },
    }
    config = {
        "extends": "../../tsconfig.json",
        "compilerOptions": options,
        "include": ["."],
        "exclude": [],
    }
    (folder / "tsconfig.json").write_text(json.dumps(config))
    run(CLIENT / "node_modules/.bin/tsc", "--project", folder)
