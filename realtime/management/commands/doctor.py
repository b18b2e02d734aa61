"""`manage.py doctor`: what is wrong, and what to do."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.text import Text

from realtime.management.command import EngineCommand
from realtime.management.doctor.examination import examine
from realtime.management.doctor.findings import Finding, Level

COLORS = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red"}
SEVERITY = list(Level)


class Command(EngineCommand):
    help = (
        "Look at everything that delivery rests on and say what to do about what is wrong: "
        "settings, database (migrations, clock, autovacuum), outbox and relay, log and pruning, "
        "servers and their leases, channel layer and cache. Changes nothing, safe at any time; "
        "run it where a server runs, with its environment.\n\n"
        "Piped, the fields are between tabs: level (ok, warning, error), what, finding, advice."
    )
    examples = (
        ("", "look at everything"),
        ("--fail-level warning", "as a gate of a deployment: warnings count, too"),
        ("--json | jq '.findings[] | select(.level != \"ok\")'", "what is not well"),
    )
    statuses = ("nothing is wrong", "something is wrong, of --fail-level or worse")
    interrupted = "Interrupted; nothing was changed."
    # They are among what is looked at: a fault of theirs is to be listed, not to end it.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--fail-level",
            choices=[Level.WARNING.value, Level.ERROR.value],
            default=Level.ERROR.value,
            help="From which level on the exit status is 1 (default: %(default)s).",
        )
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        findings = list(examine())
        worst = max((finding.level for finding in findings), key=SEVERITY.index)
        if options["json"]:
            self.write_json({"status": worst, "findings": findings})
        else:
            self.show_rows(
                ("", "Looked at", "Found", "What to do"),
                [self._row(finding) for finding in findings],
            )
        bad = [
            finding
            for finding in findings
            if SEVERITY.index(finding.level) >= SEVERITY.index(Level(options["fail_level"]))
        ]
        if bad:
            raise CommandError(f"{len(bad)} of {len(findings)} findings need something done.")

    def _row(self, finding: Finding) -> tuple[object, ...]:
        level: object = finding.level.value
        if self.on_terminal:
            level = Text(finding.level.value, style=COLORS[finding.level])
        return level, finding.check, finding.message, finding.advice
