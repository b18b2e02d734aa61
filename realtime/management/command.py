"""What all management commands share: their help, exit statuses, questions and output.

A command says what it does in `help`, how in `examples`, and what it leaves behind in
`interrupted`; the rest is the same everywhere.
"""

from __future__ import annotations

import os
import select
import shlex
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)
from django.db import Error
from rich.console import RenderableType

from realtime import database, protocol
from realtime.management import output

USAGE = 2


class UsageError(CommandError):
    """The arguments cannot be used; nothing was done."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=USAGE)


class HelpFormatter(DjangoHelpFormatter):
    """Wraps paragraphs, and leaves those alone whose lines are indented."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(
            paragraph if "\n  " in paragraph else textwrap.fill(paragraph, width)
            for paragraph in text.split("\n\n")
        )


class EngineCommand(BaseCommand):
    """A management command.

    Attributes:
        examples: command lines without `manage.py NAME`, each with what it does.
        statuses: what the exit statuses 0 and 1 mean.
        interrupted: what Ctrl-C leaves behind, and how to go on.
    """

    examples: Sequence[tuple[str, str]] = ()
    statuses: tuple[str, str] = ("done", "failed, or interrupted")
    interrupted = "Interrupted."

    # They work, but are in nobody's way who looks for what the command can do.
    suppressed_base_arguments = {"--version", "--verbosity", "--pythonpath"}
    _style = output.Style()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs.setdefault("formatter_class", HelpFormatter)
        prog = f"{os.path.basename(prog_name) or 'manage.py'} {subcommand}"
        kwargs.setdefault("epilog", self._epilog(prog))
        return super().create_parser(prog_name, subcommand, **kwargs)

    def _epilog(self, prog: str) -> str:
        lines = [f"  {what}:\n    {prog} {arguments}".rstrip() for arguments, what in self.examples]
        done, failed = self.statuses
        statuses = f"  0  {done}\n  1  {failed}\n  2  wrong usage: nothing was done"
        return "\n".join(["examples:", *lines]) + f"\n\nexit status:\n{statuses}"

    def add_json(self, parser: CommandParser) -> None:
        """Let the caller have the result as JSON."""
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def execute(self, *args: Any, **options: Any) -> str | None:
        if os.environ.get("NO_COLOR") and not options["force_color"]:
            options["no_color"] = True
        self._style = output.Style(
            color=not options["no_color"], forced=bool(options["force_color"])
        )
        try:
            with database.gives_up_when_frozen():
                result = super().execute(*args, **options)
            self.stdout.flush()
        except KeyboardInterrupt:
            raise CommandError(self.interrupted) from None
        except BrokenPipeError:
            # Whoever read has seen enough, as in `| head`. Python would complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return None
        except Error as error:
            told = " ".join(str(error).split())
            raise CommandError(
                f"The database failed: {told}. `manage.py doctor` looks into it."
            ) from error
        return result

    # --- output --------------------------------------------------------------------------

    @property
    def on_terminal(self) -> bool:
        """Whether a person reads the output."""
        return self._style.forced or self.stdout.isatty()

    def note(self, text: str) -> None:
        """Tell the person something that is not the result."""
        self.stderr.write(text, style_func=str)

    def show(self, renderable: RenderableType) -> None:
        """Print for a person."""
        self.stdout.write(output.render(renderable, self._style), ending="")
        self.stdout.flush()

    def show_rows(self, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table: for a person with its headers, else fields between tabs."""
        if self.on_terminal:
            self.show(output.table(headers, rows))
        else:
            for row in rows:
                self.stdout.write(output.fields(row))

    def write_json(self, value: Any) -> None:
        """Print one JSON document, on one line."""
        self.stdout.write(protocol.encode(value).decode())
        self.stdout.flush()

    def progress(
        self, what: str, total: int | None
    ) -> AbstractContextManager[Callable[[int], None]]:
        """A progress bar, if a person looks; yields the function that advances it.

        Args:
            total: how many steps there are; None: nobody knows.
        """
        # On the other stream, so that the result is the result only.
        shown = self.stdout.isatty() and sys.stderr.isatty()
        return output.progress(what, total, self._style, shown=shown)

    def pause(self, seconds: float) -> None:
        """Wait before there is more to print.

        Raises:
            BrokenPipeError: nobody reads any more; writing would show it only then.
        """
        try:
            descriptor = self.stdout.fileno()
        except (AttributeError, OSError):  # it goes into a string
            time.sleep(seconds)
            return
        watched = select.poll()
        watched.register(descriptor, 0)  # errors are always told
        if any(events & select.POLLERR for _, events in watched.poll(1000 * seconds)):
            raise BrokenPipeError

    # --- questions -----------------------------------------------------------------------

    def confirm(self, question: str, *, yes: bool, option: str = "--yes") -> None:
        """Ask before going on.

        Args:
            yes: the answer was given already, as `option`.

        Raises:
            CommandError: the answer is no.
            UsageError: there is nobody to ask.
        """
        if yes:
            return
        if not sys.stdin.isatty():
            raise UsageError(
                f"{question} There is no terminal to ask on: say {option}. Nothing was changed."
            )
        self.stderr.write(f"{question} [y/N] ", style_func=str, ending="")
        self.stderr.flush()
        if input("").strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was changed.")


@contextmanager
def usage_errors(*errors: type[Exception]) -> Iterator[None]:
    """Within it these errors are the caller's: they become a `UsageError`."""
    try:
        yield
    except errors as error:
        raise UsageError(str(error)) from None


def command_line(*arguments: str) -> str:
    """The line that runs a command, to be shown."""
    return shlex.join(["manage.py", *arguments])
