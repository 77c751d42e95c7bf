"""`tokentrack init`: install the hook files."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.options import current_folder
from tokentrack.errors import TokenTrackError
from tokentrack.hookfiles import plan
from tokentrack.hookfiles.detect import choose, detect
from tokentrack.hookfiles.install import is_users_own, perform, plan_install
from tokentrack.hookfiles.targets import SCOPES, SURFACES, Request, scope_of, scope_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentrack.hookfiles.plan import Action
    from tokentrack.store.paths import LedgerPaths


def _check_agent(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and (not value.strip(".") or set(value) & set("/\\:\0")):
        raise click.BadParameter(
            "give the agent's name only, as in NAME of .kiro/agents/NAME.json."
        )
    return value


_OPTIONS = (
    click.option("--surface", "surfaces", type=click.Choice(SURFACES), multiple=True,
                 help="A kind of Kiro, instead of those in use; may be repeated."),
    click.option("--scope", type=click.Choice(SCOPES),
                 help="This workspace (the default) or all of the user's."),
    click.option("--agent", metavar="NAME", callback=_check_agent,
                 help="The agent of Kiro CLI 1.x or 2.x that gets the hooks."),
    click.option("--workspace", metavar="DIR", type=click.Path(exists=True, file_okay=False),
                 help="The workspace's root.  [default: the one around the current folder]"),
    click.option("--dry-run", is_flag=True, help="Print the plan and write nothing."),
    click.option("--track", is_flag=True, help="Leave .gitignore alone."),
)  # fmt: skip


def shared_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that init and uninstall have in common."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def request_of(options: dict[str, Any]) -> Request:
    """Turn the options into a request.

    Raises:
        click.UsageError: options that contradict each other.
    """
    from tokentrack.workspace import find_root, kiro_home

    given = dict(options)
    workspace = given.pop("workspace")
    given.pop("dry_run")
    given["surfaces"] = tuple(dict.fromkeys(given["surfaces"]))
    root = os.path.abspath(workspace) if workspace else find_root(current_folder())
    request = Request(root=root, kiro_home=os.path.abspath(kiro_home(os.environ)), **given)
    for surface in request.surfaces:
        if problem := scope_problem(surface, request.scope):
            raise click.UsageError(
                f"--surface {surface} has no --scope {request.scope}: {problem}."
            )
    if request.agent and request.surfaces and "cli-2" not in request.surfaces:
        raise click.UsageError("--agent is for Kiro CLI 1.x and 2.x only: add --surface cli-2.")
    return request


def tell(actions: list[Action]) -> None:
    """Print a plan, one line a step; what went wrong goes to stderr."""
    for action in actions:
        click.echo(plan.line(action), err=action.verb in {"refuse", "warn"})


@click.command("init")
@shared_options
@click.option("--force", is_flag=True, help="Replace files in the way, keeping them as NAME.orig.")
def command(**options: Any) -> None:
    """Install the hook files that record each turn.

    Looks which kinds of Kiro are in use, a guess by the traces they leave, and installs the hook
    for each; with no trace it installs both workspace forms. A file that init did not write is
    never overwritten. Running it again changes nothing.
    """
    request = request_of(options)
    if "cli-2" in request.surfaces and not request.agent:
        raise click.UsageError("--surface cli-2 needs --agent NAME: each agent has its own file.")
    if not options["workspace"]:
        _check_folder(request)
    try:
        _install(request, dry_run=options["dry_run"])
    except TokenTrackError as error:
        raise click.ClickException(str(error)) from error


def _check_folder(request: Request) -> None:
    from tokentrack.workspace import is_shared_folder

    surfaces = request.surfaces or ("v1",)  # what is found decides, but the scope is the same
    in_workspace = any(scope_of(s, request.scope) == "workspace" for s in surfaces)
    if in_workspace and not is_users_own(request) and is_shared_folder(request.root, os.environ):
        raise click.ClickException("this folder is no project: cd into one, or add --scope user")


def _install(request: Request, *, dry_run: bool) -> None:
    surfaces, lines = choose(request, detect(request.root, request.kiro_home))
    actions = plan_install(request, surfaces)
    if refused := plan.refused(actions):
        tell(refused)
        raise TokenTrackError("nothing was written: fix or exclude the refused items above")
    tell(lines + actions)
    if not plan.writes(actions):
        click.echo("nothing to do")
    elif dry_run:
        click.echo("nothing was written: this is a dry run")
    else:
        perform(actions)
    if any(scope_of(surface, request.scope) == "user" for surface in surfaces):
        click.echo("note: these hooks write a .kiro/.gitignore into each workspace that has none, "
                   "so that git leaves their records out")  # fmt: skip
    if surfaces and not dry_run:
        _say_what_is_next(request)


def _say_what_is_next(request: Request) -> None:
    from tokentrack.importing.summary import history_hint

    if shutil.which("tokentrack") is None:
        note = "no tokentrack is on PATH, so Kiro would not find it"
        click.echo(f"warning: {note}: put {os.path.dirname(sys.executable)} on PATH", err=True)
    click.echo("next: run a turn in Kiro, then `tokentrack status`")
    if hint := history_hint(_place_of(request), os.environ):
        click.echo(hint)


def _place_of(request: Request) -> LedgerPaths:
    from tokentrack.config.sources import ledger_paths, load_config
    from tokentrack.workspace import is_shared_folder

    root = "" if is_shared_folder(request.root, os.environ) else request.root
    config, _ = load_config(root, request.kiro_home, os.environ)
    return ledger_paths(root, config, os.environ)
