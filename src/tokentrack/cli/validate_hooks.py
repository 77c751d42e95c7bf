"""`tokentrack validate-hooks`: check Kiro hook files."""

from __future__ import annotations

import os
import sys

import click

from tokentrack.common.terminal import escape, wrap
from tokentrack.hookfiles.check import check_paths
from tokentrack.hookfiles.detect import detect_ide_major
from tokentrack.hookfiles.reporters import REPORTERS
from tokentrack.hookfiles.walk import default_folders

_INDENT = 2
_COLORS = {" error: ": "red", " warning: ": "yellow"}


@click.command("validate-hooks")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path())
@click.option(
    "--format",
    "style",
    type=click.Choice(list(REPORTERS)),
    default="text",
    show_default=True,
    help="Format of the output.",
)
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
def command(paths: tuple[str, ...], style: str, *, strict: bool) -> None:
    """Check Kiro hook files for errors.

    Knows the hook files of IDE 0.x, the v1 format and the hooks of CLI agents. PATH is a file or a
    folder; without PATH, the folders that Kiro reads are checked: .kiro/hooks and .kiro/agents,
    here and in your home folder.

    Exit code 0 if there are no errors (perhaps warnings), 1 if there are errors (with --strict,
    also warnings), 2 for wrong usage.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise click.BadParameter(f'"{escape(path)}" does not exist.', param_hint="PATH")
    chosen = paths or [folder for folder in default_folders() if os.path.isdir(folder)]
    report = check_paths(chosen, ide_major=detect_ide_major())
    for line in REPORTERS[style](report):
        for part in wrap(line, _INDENT) if style == "text" else [line]:
            _write(part)
    if report.count("error") or (strict and report.count("warning")):
        sys.exit(1)


def _write(line: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    # A name in any script must not end the run on a terminal with a small character set.
    printable = line.encode(encoding, "backslashreplace").decode(encoding)
    click.echo(_colored(printable))


def _colored(line: str) -> str:
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return line
    for level, color in _COLORS.items():
        before, separator, after = line.partition(level)
        if separator:
            return before + click.style(separator, fg=color) + after
    return line
