"""`manage.py export_schema`: write the published schemas, or check that they are current."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from realtime.management.command import EngineCommand
from realtime.schema import files


class Command(EngineCommand):
    help = (
        "Write openapi.json, asyncapi.json, schema.json and realtime.ts: the API, every frame, and "
        "types for TypeScript, made from the code. Files that are there are replaced."
    )
    examples = (
        ("", "write them to schema/"),
        ("--check", "fail if one of them is stale, as in CI"),
        ("--directory /tmp/schema", "write them elsewhere"),
    )
    statuses = ("written; with --check: all are current", "with --check: a file is stale")
    interrupted = "Interrupted; some files may be old. Run it again."
    # Of the code only: no database is asked.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--directory", type=Path, help="Where the files are (default: schema/ of the project)."
        )
        parser.add_argument(
            "--check", action="store_true", help="Write nothing; fail if a file is stale."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(getattr(settings, "BASE_DIR", "."))
        directory: Path = options["directory"] or root / "schema"
        if not options["check"]:
            files.write(directory)
            self.stdout.write(f"Schemas written to {directory}.")
            return
        if names := files.stale(directory):
            raise CommandError(
                f"Stale in {directory}: {', '.join(names)}. Run `make schema`.", returncode=1
            )
        self.stdout.write(f"The schemas in {directory} are current.")
