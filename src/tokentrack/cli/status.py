"""`tokentrack status`: what has been recorded, and whether the hooks work."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

import tokentrack
from tokentrack.cli.options import json_option, root_of, run_due, target_at, workspace_option
from tokentrack.common.formatting import counted
from tokentrack.common.terminal import wrap
from tokentrack.common.timestamps import now_us, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEMA_VERSION = 1
_INDENT = 14


@click.command("status")
@json_option
@workspace_option
def command(*, as_json: bool, workspace: str | None) -> None:
    """Show what has been recorded and whether the hooks work.

    Exit code 0 if all is well, 1 if there is a problem.
    """
    from tokentrack.diagnostics.status import collect_status

    root = root_of(workspace)
    facts = collect_status(root, os.environ)
    if as_json:
        head = {"schema_version": SCHEMA_VERSION, "version": tokentrack.__version__}
        click.echo(json.dumps({**head, **facts}, indent=2))
    else:
        for line in _lines(facts):
            click.echo("\n".join(wrap(line, _INDENT)))
    run_due(target_at(root))
    if facts["problems"]:
        raise SystemExit(1)


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    ledger, waiting = facts["ledger"], facts["waiting"]
    name = facts["workspace"] or "no workspace here: your own ledger"
    yield _row("recording", "on" if facts["enabled"] else "off")
    yield _row("workspace", name)
    yield _row("ledger", f"{ledger['path']} ({_ledger_state(ledger)})")
    if ledger["rows"]:
        yield from _totals(ledger)
    yield from _credits(facts["credits"], ledger["rows"])
    yield from _account(facts["account"])
    yield from _hooks(facts["hooks"])
    yield _row("running", counted(waiting["running"], "execution"))
    yield _row("not recorded",
               f"{waiting['spooled']} spooled, {waiting['quarantined']} quarantined, "
               f"{waiting['lost']} lost")  # fmt: skip
    yield _row("last problem", waiting["last_error"] or "none logged")
    for problem in facts["problems"]:
        yield _row("PROBLEM", problem)
    for note in facts["notes"]:
        yield _row("note", note)


def _totals(ledger: Mapping[str, Any]) -> Iterator[str]:
    day = ledger["last_24_hours"]
    yield _row("rows", f"{ledger['rows']:,}, {ledger['errors']:,} with an error")
    yield _row("tokens", f"{ledger['tokens']:,} ({_shares(ledger)})")
    yield _row("first", ledger["first"])
    yield _row("last", ledger["last"])
    yield _row("last 24 h", f"{counted(day['rows'], 'row')}, {counted(day['tokens'], 'token')}")


def _credits(found: Mapping[str, Any], rows: int) -> Iterator[str]:
    parts = []
    if found["rows"]:
        parts.append(
            f"{_short(found['total'])} in {found['rows']:,} of {counted(rows, 'row')}, reported"
        )
    if found["waiting"]:
        parts.append(f"{found['waiting']:,} pending from Kiro")
    if parts:
        yield _row("credits", "; ".join(parts))


def _account(account: Mapping[str, Any] | None) -> Iterator[str]:
    if account is None:
        return
    limit = f" of {_short(account['limit'])}" if account["limit"] else ""
    age = _age(account["age_seconds"])
    is_dated = account["as_of_basis"] == "value"
    when = f"as of {age}" if is_dated else f"as the IDE last saved it, file of {age}"
    yield _row("account", f"{_short(account['used'])}{limit} credits {when}{_renewal(account)}")


def _renewal(account: Mapping[str, Any]) -> str:
    if not account["resets_at"]:
        return ""
    day = account["resets_at"][:10]
    is_past = parse(account["resets_at"]) <= now_us()
    return f"; that period ended {day}" if is_past else f"; renews {day}"


def _short(number: str) -> str:
    # Only --json prints all digits.
    amount = Decimal(number)
    small = 0 < amount < Decimal("0.01")
    return f"{amount:.2g}" if small else f"{amount:,.2f}"


def _age(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:,} {unit} ago"
    return "less than a minute ago"


def _shares(ledger: Mapping[str, Any]) -> str:
    shares = [(basis, count) for basis, count in ledger["basis"].items() if count]
    return ", ".join(f"{basis} in {counted(count, 'row')}" for basis, count in shares)


def _hooks(hooks: list[dict[str, Any]]) -> Iterator[str]:
    for hook in hooks:
        note = f" ({hook['note']})" if hook["note"] else ""
        state = f"fires{note}" if hook["fires"] else f"does not fire: {hook['reason']}"
        yield _row("hook", f"{hook['surface']} {hook['trigger']}, {hook['scope']}: {state}")
        yield _row("", _shown(hook["path"]))


def _shown(path: str) -> str:
    try:
        return path.removeprefix(os.getcwd() + os.sep)
    except OSError:  # the current folder is gone, and --workspace names another
        return path


def _ledger_state(ledger: Mapping[str, Any]) -> str:
    return counted(ledger["bytes"], "byte") if ledger["exists"] else "not created yet"


def _row(name: str, text: str) -> str:
    return f"{name:<{_INDENT - 1}} {text}"
