"""`tokentrack status`: whether turns are recorded, and what is in the way."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

import tokentrack
from tokentrack.cli.answer_options import reconcile_option
from tokentrack.cli.answers import add_new_numbers, own_names, scope_at
from tokentrack.cli.options import (
    json_option,
    root_of,
    run_due_on_terminal,
    target_at,
    work_off,
    workspace_option,
)
from tokentrack.cli.progress_line import progress_line
from tokentrack.common.formatting import counted
from tokentrack.common.terminal import wrap
from tokentrack.common.timestamps import format_us, now_us, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokentrack.diagnostics.setup import Setup

SCHEMA_VERSION = 1
_INDENT = 14


@click.command("status")
@click.option("--dismiss", is_flag=True, help="Show the last problem in the logs no more.")
@reconcile_option
@json_option
@workspace_option
def command(*, dismiss: bool, no_reconcile: bool, as_json: bool, workspace: str | None) -> None:
    """Show whether turns are recorded, and what is in the way.

    It is about the ledger of this workspace; `tokentrack` shows what was used in all of them.

    Exit code 0 if all is well, 1 if there is a problem.
    """
    from tokentrack.diagnostics.setup import Setup
    from tokentrack.diagnostics.status import collect_status
    from tokentrack.diagnostics.waiting import dismiss_last_problem

    root = root_of(workspace)
    target = target_at(root)
    if dismiss:
        dismiss_last_problem(target.paths, os.environ)
    scope = scope_at(target, here=True)
    if not no_reconcile:
        work_off(target)
        add_new_numbers(scope)
    scope = scope._replace(progress=progress_line(scope.ledgers))
    setup = Setup(root, os.environ, scope, own=own_names(target), drains=False)
    facts = collect_status(setup)
    if as_json:
        head = {
            "schema_version": SCHEMA_VERSION,
            "command": "status",
            "generated_at": format_us(now_us()),
            "version": tokentrack.__version__,
            "query": {"workspace": workspace},
        }
        click.echo(json.dumps({**head, **facts}, indent=2))
    else:
        for line in _lines(facts, setup):
            click.echo("\n".join(wrap(line, _INDENT)))
        run_due_on_terminal(target)
    if facts["problems"]:
        raise SystemExit(1)


def _lines(facts: Mapping[str, Any], setup: Setup) -> Iterator[str]:
    from tokentrack.diagnostics.hook_lines import hook_lines

    waiting = facts["waiting"]
    where = f"in {_shown(facts['workspace'])}" if facts["workspace"] else "outside any workspace"
    yield _row("recording", f"on {where}" if facts["enabled"] else f"off {where}")
    for number, line in enumerate(hook_lines(setup.hooks)):
        yield _row("" if number else "hooks", line)
    yield _row("ledger", _ledger(facts["ledger"]))
    yield from _today(facts["today"])
    if facts["credits"]["waiting"]:
        turns = counted(facts["credits"]["waiting"], "turn")
        yield _row("pending", f"{turns} without credits: Kiro has not written them yet")
    yield from _account(facts["account"])
    if waiting["running"]:
        yield _row("running", counted(waiting["running"], "execution"))
    queued = [f"{counted(waiting[name], noun)} {state}" for name, noun, state in (
        ("spooled", "event", "queued: the next turn or `tokentrack maintain` records them"),
        ("quarantined", "file", "in quarantine"), ("lost", "event", "lost"),
    ) if waiting[name]]  # fmt: skip
    for number, text in enumerate(queued):
        yield _row("" if number else "not recorded", text)
    if waiting["last_error"]:
        yield _row("last problem", waiting["last_error"])
        yield _row("", "`tokentrack status --dismiss` hides it")
    for problem in facts["problems"]:
        yield _row("PROBLEM", problem)
    for note in facts["notes"]:
        yield _row("note", note)


def _ledger(ledger: Mapping[str, Any]) -> str:
    path = _shown(ledger["path"])
    if not ledger["exists"] and not ledger["rows"]:
        return f"{path} (not created yet)"
    rows = counted(ledger["rows"], "row")
    if ledger["last"] is None:
        return f"{path} ({rows})"
    age = _age(max(0, now_us() - parse(ledger["last"])) // 1_000_000)
    return f"{path} ({rows}, the last {age})"


def _today(today: Mapping[str, Any]) -> Iterator[str]:
    from tokentrack.reports.credit_texts import credits_text

    turns, unknown = today["turns"], today["credits_unknown"]
    if not turns:
        return
    text = counted(turns, "turn")
    if today["credits"] is not None:
        text += f", {credits_text(today['credits'], 2)} credits"
    if unknown:
        text += f", credits unknown for {'all' if unknown == turns else unknown} of them"
    yield _row("today", text)


def _account(account: Mapping[str, Any] | None) -> Iterator[str]:
    from tokentrack.reports.credit_texts import credits_text

    if account is None:
        return
    limit = f" of {credits_text(account['limit'], 2)}" if account["limit"] else ""
    age = _age(account["age_seconds"])
    is_dated = account["as_of_basis"] == "value"
    when = f"as of {age}" if is_dated else f"as the IDE last saved it, file of {age}"
    used = credits_text(account["used"], 2)
    yield _row("account", f"{used}{limit} credits {when}{_renewal(account)}")


def _renewal(account: Mapping[str, Any]) -> str:
    if not account["resets_at"]:
        return ""
    day = account["resets_at"][:10]
    is_past = parse(account["resets_at"]) <= now_us()
    return f"; that period ended {day}" if is_past else f"; renews {day}"


def _age(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:,} {unit} ago"
    return "less than a minute ago"


def _shown(path: str) -> str:
    try:
        return path.removeprefix(os.getcwd() + os.sep)
    except OSError:  # the current folder is gone, and --workspace names another
        return path


def _row(name: str, text: str) -> str:
    return f"{name:<{_INDENT - 1}} {text}"
