"""`tokentrack verify`: say where the ledger's files are damaged."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import click

from tokentrack.cli.options import json_option, say, target_of, workspace_option
from tokentrack.common.formatting import counted

if TYPE_CHECKING:
    from tokentrack.maintenance.verify import Examined

_SHOWN = 10


@click.command("verify")
@json_option
@workspace_option
def command(*, as_json: bool, workspace: str | None) -> None:
    """Say where the ledger, the usage ledger and the archives are damaged.

    Exit code 0 when every file is healthy, 1 when one is not.
    """
    from tokentrack.maintenance.verify import verify

    paths, config, _ = target_of(workspace)
    files = verify(paths, config)
    damaged = [file for file in files if file.found.findings]
    if as_json:
        facts = {"schema_version": 1, "folder": paths.folder, "healthy": not damaged}
        click.echo(json.dumps({**facts, "files": [_facts(file) for file in files]}, indent=2))
    else:
        for file in files:
            show(file)
        if not files:
            say("there is no ledger yet")
        elif any(not file.found.is_foreign for file in damaged):
            say("`tokentrack repair --dry-run` shows what can be made of it")
    if damaged:
        raise SystemExit(1)


def show(file: Examined, lost: str = "") -> None:
    """Print a file's damaged places, at most ten of a kind.

    Args:
        file: what was found.
        lost: what becomes of the places that can't be read; "" says nothing of it.
    """
    findings = file.found.findings
    if file.found.is_foreign:
        say(
            f"{file.name}: no ledger: neither the header nor one readable record is in it: "
            "move it away, or give it another name"
        )
        return
    if not findings:
        say(f"{file.name}: {counted(file.found.records, 'record')}, healthy")
    unread = {(damaged.line, damaged.reason) for damaged in file.found.lost} if lost else set()
    kinds = Counter[str]()
    for finding in findings:
        kinds[finding.reason] += 1
        if kinds[finding.reason] <= _SHOWN:
            end = f": {lost}" if finding in unread else ""
            say(f"{file.name}:{finding.line}: {finding.reason}{end}")
    for reason, count in kinds.items():
        if count > _SHOWN:
            say(f"{file.name}: {reason}: {count - _SHOWN:,} more")


def _facts(file: Examined) -> dict[str, object]:
    return {
        "name": file.name,
        "records": file.found.records,
        "unreadable": len(file.found.lost),
        "findings": [finding._asdict() for finding in file.found.findings],
    }
