"""`tokentrack maintain`: do the maintenance that is due, for schedulers."""

from __future__ import annotations

import json
import os

import click

from tokentrack.cli.options import json_option, say, target_of, workspace_option

SCHEMA_VERSION = 1


@click.command("maintain")
@json_option
@workspace_option
def command(*, as_json: bool, workspace: str | None) -> None:
    """Back up and rotate the ledger if that is due.

    Also records events that wait and compresses archives, as configured. Made for cron, systemd and
    launchd: it asks nothing, and prints nothing if nothing is due.

    Exit code 0 if nothing is left to do, 1 if something could not be done.
    """
    from tokentrack.common.timestamps import format_us, now_us
    from tokentrack.errors import TokenTrackError
    from tokentrack.maintenance.schedule import maintain

    paths, config, _ = target_of(workspace)
    done, problem = maintain(paths, config, os.environ, config.file_lock_timeout_seconds)
    if as_json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "command": "maintain",
            "generated_at": format_us(now_us()),
            "query": {"workspace": workspace},
            "ledger": paths.path,
            "done": done,
            "problem": problem or None,
        }
        click.echo(json.dumps(document, indent=2))
    else:
        for sentence in done:
            say(sentence)
    if problem and not as_json:
        raise TokenTrackError(problem)
    if problem:
        raise SystemExit(1)
