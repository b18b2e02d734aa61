"""`manage.py export_schema`: write the published schemas, or check that they are current."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from realtime.schema import files


class Command(BaseCommand):
    help = "Write openapi.json, asyncapi.json, schema.json and realtime.ts."
    # Of the code only: no database is asked.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--directory", type=Path, help="where the files are (default: schema/ of the project)"
        )
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail if a file is stale"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(getattr(settings, "BASE_DIR", "."))
        directory: Path = options["directory"] or root / "schema"
        if not options["check"]:
            files.write(directory)
            return
        if names := files.stale(directory):
            raise CommandError(
                f"Stale in {directory}: {', '.join(names)}. Run `make schema`.", returncode=1
            )
