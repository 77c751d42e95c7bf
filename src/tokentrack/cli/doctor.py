"""`tokentrack doctor`: why turns are not recorded, and how to fix it."""

from __future__ import annotations

import json
import os

import click

from tokentrack.cli.options import json_option, root_of, workspace_option
from tokentrack.common.terminal import escape, wrap

SCHEMA_VERSION = 1
_INDENT = 10
_MARKS = {"ok": "ok      ", "warning": "warning ", "problem": "PROBLEM "}


@click.command("doctor")
@click.option(
    "--self-test",
    is_flag=True,
    help="Also fire a synthetic turn through the installed hooks, in a temporary workspace.",
)
@json_option
@workspace_option
def command(*, self_test: bool, as_json: bool, workspace: str | None) -> None:
    """Find out why turns are not recorded, and suggest fixes.

    Checks Kiro, its hook files, this installation and its folders.

    Exit code 0 if turns can be recorded (perhaps with warnings), 1 if there is a problem.
    """
    from tokentrack.diagnostics.checks import all_findings
    from tokentrack.diagnostics.findings import PROBLEM
    from tokentrack.diagnostics.selftest import run_selftest
    from tokentrack.diagnostics.setup import Setup

    setup = Setup(root_of(workspace), os.environ)
    findings = [*all_findings(setup), *(run_selftest(setup) if self_test else ())]
    if as_json:
        facts = [finding._asdict() for finding in findings]
        click.echo(json.dumps({"schema_version": SCHEMA_VERSION, "findings": facts}, indent=2))
    else:
        for finding in findings:
            line = f"{_MARKS[finding.level]}{finding.area}: {_short(finding.message)}"
            click.echo("\n".join(wrap(line, _INDENT)))
            if finding.fix:  # in one piece, to be copied
                click.echo(escape(f"{' ' * _INDENT}fix: {_short(finding.fix)}"))
    if any(finding.level == PROBLEM for finding in findings):
        raise SystemExit(1)


def _short(text: str) -> str:
    # Paths relative to the current folder.
    try:
        return text.replace(os.getcwd() + os.sep, "")
    except OSError:  # the current folder is gone, and --workspace names another
        return text
