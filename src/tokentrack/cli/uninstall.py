"""`tokentrack uninstall`: remove what init installed, and what is kept in the state folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.init import hook_options, request_of, tell
from tokentrack.cli.options import confirm, say, yes_option
from tokentrack.common.formatting import counted
from tokentrack.errors import FileSystemError, TokenTrackError
from tokentrack.hookfiles import plan
from tokentrack.hookfiles.install import is_users_own, perform
from tokentrack.hookfiles.uninstall import plan_removal
from tokentrack.store.paths import KIRO_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.hookfiles.targets import Request
    from tokentrack.maintenance.purge import Part


@click.command("uninstall")
@click.option(
    "--all",
    "everywhere",
    is_flag=True,
    help="Remove the hooks of all known workspaces, and those in your Kiro folder.",
)
@click.option(
    "--purge",
    is_flag=True,
    help="Also remove what is kept in your state folder: the list of known ledgers and trusted "
    "files, the index of the reports, rescued events. Never a ledger.",
)
@click.option(
    "--discard-events",
    is_flag=True,
    help="With --purge, also remove events that are in no ledger yet.",
)
@yes_option
@hook_options(
    surface="Remove only the hooks of this surface. Repeatable.",
    scope="Remove from this workspace, or from your Kiro folder (user).  [default: workspace]",
    agent="Remove only the hooks of this agent of Kiro CLI 1.x or 2.x.",
    force="Also remove files you changed after init, and the .gitignore block even if a ledger "
    "remains.",
    track="Leave .gitignore as it is.",
)
def command(
    *, everywhere: bool, purge: bool, discard_events: bool, yes: bool, **options: Any
) -> None:
    """Remove what init installed.

    Hook files that you changed after init are kept and listed. Ledgers, backups and all other
    records are kept.
    """
    if everywhere and (options["scope"] or options["workspace"]):
        raise click.UsageError("--all cannot be combined with --scope or --workspace.")
    if discard_events and not purge:
        raise click.UsageError("--discard-events needs --purge.")
    dry_run = options.pop("dry_run")
    request = request_of(options)
    requests = list(_everywhere(request)) if everywhere else [request]
    if purge and not dry_run:
        _ask(requests, discard_events=discard_events, yes=yes)
    is_complete = True
    for each in requests:
        is_complete = _remove(each, dry_run=dry_run, named=everywhere) and is_complete
    if purge and is_complete:
        _purge(dry_run=dry_run, discard_events=discard_events)
    if dry_run:
        click.echo("nothing was removed: this is a dry run")
    if not is_complete:
        raise TokenTrackError("not everything was removed: see the refused items above")


def _remove(request: Request, *, dry_run: bool, named: bool) -> bool:
    # Returns whether nothing was refused.
    steps = plan_removal(request)
    changes = plan.writes(steps)
    if named and steps:
        say(f"{request.kiro_home if request.scope == 'user' else request.root}:")
    tell(steps)
    if changes and not dry_run:
        perform(steps)
    if not changes and not named:
        click.echo("nothing to do")
    return not plan.refused(steps)


def _everywhere(request: Request) -> Iterator[Request]:
    # The user's hooks first: a workspace in which none records any more needs no .gitignore block.
    yield request._replace(scope="user")
    for root in dict.fromkeys([request.root, *_known_roots()]):
        each = request._replace(root=root, scope="workspace")
        if os.path.isdir(root) and not is_users_own(each):
            yield each


def _known_roots() -> Iterator[str]:
    from tokentrack.store.registry import registered

    for paths in registered(os.environ):
        if paths.folders == (KIRO_FOLDER,):
            yield paths.base


def _ask(requests: list[Request], *, discard_events: bool, yes: bool) -> None:
    from tokentrack.hookfiles.installed import installed_hooks
    from tokentrack.maintenance.purge import parts

    home, roots = requests[0].kiro_home, {request.root for request in requests}
    others = [
        root
        for root in _known_roots()
        if root not in roots
        and any(hook.scope == "workspace" for hook in installed_hooks(root, home))
    ]
    if others:
        count = counted(len(others), "other workspace")
        say(
            f"warning: hooks remain in {count}, and the list of workspaces is removed: --all "
            "removes their hooks first",
            err=True,
        )
    found = [part for part in parts(os.environ) if discard_events or not part.events]
    if found:
        for part in found:
            say(f"remove {part.path} ({_what(part)})")
        confirm("Remove them, and the hooks? Ledgers are kept.", yes=yes)


def _purge(*, dry_run: bool, discard_events: bool) -> None:
    from tokentrack.maintenance import purge

    if dry_run:
        for part in purge.parts(os.environ):
            is_kept = part.events and not discard_events
            say(f"{'keep' if is_kept else 'remove'} {part.path} ({_what(part)})")
        return
    try:
        gone, kept = purge.purge(os.environ, discard_events=discard_events)
    except OSError as error:
        raise FileSystemError(
            f"{error.filename or 'the state folder'} can't be removed: {error.strerror}"
        ) from error
    for part in gone:
        say(f"removed {part.path} ({_what(part)})")
    for part in kept:
        say(f"kept {part.path} ({_what(part)}): the next turn in its workspace "
            "records them; --discard-events removes them")  # fmt: skip


def _what(part: Part) -> str:
    waiting = f", {counted(part.events, 'event')} in no ledger yet" if part.events else ""
    return f"{part.kind}{waiting}"
