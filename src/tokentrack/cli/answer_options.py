"""The options of the commands that print answers: filters, choice of ledgers, output formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.options import Words, json_option

if TYPE_CHECKING:
    from collections.abc import Callable

# A word of --since, --until and --vs.
BILLING = "billing"
# The dimension that each option filters.
FILTERS = ("workspace", "model", "trigger", "hook", "session", "tag", "user", "surface")


file_option = click.option(
    "--file", "files", metavar="PATH", multiple=True, type=click.Path(),
    help="Only these files instead of the known ledgers: a ledger, an archive, a backup, or a "
    "folder such as a workspace. Repeatable.",
)  # fmt: skip


def filter_options(function: Callable[..., Any], since: str = "this-month") -> Callable[..., Any]:
    """Add to a command the options that choose turns; `since` describes a default."""
    options = [
        click.option("--since", metavar="WHEN", help="First day or time: 2026-11-01, 7d, "
                     f"yesterday, last-month, billing, all.  [default: {since}]"),
        click.option("--until", metavar="WHEN", help="Last day (inclusive) or time."),
        *[
            click.option(f"--{name}", name, metavar=name.upper(), multiple=True,
                         help=f"Only this {name}; !{name.upper()} excludes it. Repeatable.")
            for name in FILTERS
        ],
        click.option("--failed/--ok", "failed", default=None,
                     help="Only turns that failed, or only those that did not."),
        click.option("--tz", metavar="ZONE", help="Time zone of days and hours, such as "
                     "Europe/Berlin.  [default: the system's]"),
        click.option("--here", is_flag=True, help="Only this workspace's ledger."),
        file_option,
        click.option("--no-index", is_flag=True,
                     help="Read the ledgers directly instead of the index."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


color_option = click.option(
    "--color", type=Words(["auto", "always", "never"]), default="auto", show_default=True,
    help="When to use colour.",
)  # fmt: skip
ascii_option = click.option("--ascii", "is_ascii", is_flag=True, help="Draw with ASCII only.")
redact_option = click.option(
    "--redact", is_flag=True,
    help="Replace the names of workspaces, sessions, users and machines, and leave out texts.",
)  # fmt: skip


def format_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add to a command the options for how an answer is printed."""
    options = [
        click.option("--format", "form", type=Words(["table", "json", "csv", "markdown"]),
                     default="table", show_default=True, help="How to print the answer."),
        json_option,
        color_option,
        ascii_option,
        redact_option,
        click.option("--strict", is_flag=True, help="Exit with code 1 if rows were skipped."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


reconcile_option = click.option(
    "--no-reconcile", is_flag=True,
    help="Do not add credits that Kiro has written since.",
)  # fmt: skip
cost_option = click.option(
    "--cost", "cost", type=Words(["plan", "list"]), default="plan", show_default=True,
    help="Price credits by the plan, or all at its overage rate.",
)  # fmt: skip
