"""The schema files: what stands in each, and which of those on disk are stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drf_spectacular.settings import spectacular_settings

from realtime.schema.asyncapi import asyncapi
from realtime.schema.json_document import json_document
from realtime.schema.typescript import typescript


def schema_files() -> dict[str, str]:
    """The text of each file by its name."""
    return {
        "openapi.json": _as_text(_openapi()),
        "asyncapi.json": _as_text(asyncapi(spectacular_settings.VERSION or "1.0.0")),
        "schema.json": _as_text(json_document()),
        "realtime.ts": typescript(),
    }


def stale(directory: Path) -> list[str]:
    """The files in `directory` that are missing or not as they would be written now."""
    return [name for name, text in schema_files().items() if _read(directory / name) != text]


def write(directory: Path) -> None:
    """Write all files, making the directory if need be."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in schema_files().items():
        (directory / name).write_text(text, encoding="utf-8")


def _openapi() -> dict[str, Any]:
    generator = spectacular_settings.DEFAULT_GENERATOR_CLASS()
    document: dict[str, Any] = generator.get_schema(request=None, public=True)
    return document


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _as_text(document: dict[str, Any]) -> str:
    # Through str: texts may be lazy translations.
    return json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"
