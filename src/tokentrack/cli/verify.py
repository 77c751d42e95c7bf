"""`tokentrack verify`: check the ledger's files for damage."""

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
FOREIGN = "not a ledger (no header, no readable record)"


@click.command("verify")
@json_option
@workspace_option
def command(*, as_json: bool, workspace: str | None) -> None:
    """Check the ledger's files for damage.

    Reads the ledger, the usage ledger and the archives.

    Exit code 0 if every file is healthy, 1 if one is damaged.
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
            say("run `tokentrack repair --dry-run` to see what can be repaired")
    if damaged:
        raise SystemExit(1)


def show(file: Examined, lost: str = "") -> None:
    """Print a file's damaged lines, at most ten of a kind.

    Args:
        file: what was found.
        lost: what happens to the lines that can't be read; "" does not mention it.
    """
    findings = file.found.findings
    if file.found.is_foreign:
        say(f"{file.name} is {FOREIGN}; move or rename it")
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
