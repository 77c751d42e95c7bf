"""`tokentrack init`: install the hook files."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.options import (
    current_folder,
    dry_run_option,
    register,
    say,
    target_at,
    workspace_option,
)
from tokentrack.errors import TokenTrackError
from tokentrack.hookfiles import plan
from tokentrack.hookfiles.detect import choose, detect
from tokentrack.hookfiles.install import is_users_own, perform, plan_install
from tokentrack.hookfiles.targets import SCOPES, SURFACES, Request, scope_of, scope_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentrack.hookfiles.plan import Step


def hook_options(
    *, surface: str, scope: str, agent: str, force: str, track: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options that init and uninstall share; the texts are their helps."""
    options = (
        click.option("--surface", "surfaces", type=click.Choice(SURFACES), multiple=True,
                     help=surface),
        click.option("--scope", type=click.Choice(SCOPES), help=scope),
        click.option("--agent", metavar="NAME", callback=_check_agent, help=agent),
        click.option("--force", is_flag=True, help=force),
        click.option("--track", is_flag=True, help=track),
        dry_run_option,
        workspace_option,
    )  # fmt: skip

    def add(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def _check_agent(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and (not value.strip(".") or set(value) & set("/\\:\0")):
        raise click.BadParameter("give the agent's name only: NAME for .kiro/agents/NAME.json.")
    return value


def request_of(options: dict[str, Any]) -> Request:
    """Turn the options into a request.

    Raises:
        click.UsageError: options that contradict each other.
    """
    from tokentrack.workspace import find_root, kiro_home

    given = dict(options)
    workspace = given.pop("workspace")
    given["surfaces"] = tuple(dict.fromkeys(given["surfaces"]))
    root = os.path.abspath(workspace) if workspace else find_root(current_folder())
    request = Request(root=root, kiro_home=os.path.abspath(kiro_home(os.environ)), **given)
    for surface in request.surfaces:
        if problem := scope_problem(surface, request.scope):
            raise click.UsageError(
                f"--surface {surface} does not support --scope {request.scope}: {problem}."
            )
    if request.agent and request.surfaces and "cli-2" not in request.surfaces:
        raise click.UsageError("--agent is for Kiro CLI 1.x and 2.x only: add --surface cli-2.")
    return request


def tell(steps: list[Step]) -> None:
    """Print a plan, a line for each step; refusals and warnings go to stderr."""
    for step in steps:
        say(plan.line(step), err=step.verb in {"refuse", "warn"})


@click.command("init")
@click.option(
    "--optional",
    is_flag=True,
    help="Write commands that do nothing where tokentrack is not installed, for files that a team "
    "shares. POSIX shells only.",
)
@hook_options(
    surface="Install for this surface instead of the detected ones. Repeatable.",
    scope="Install in this workspace, or in your Kiro folder for all workspaces (user).  "
    "[default: workspace; user for crew]",
    agent="Agent of Kiro CLI 1.x or 2.x that gets the hooks.",
    force="Replace files that are in the way; they are kept as NAME.orig.",
    track="Do not add the ledger to .gitignore.",
)
def command(*, dry_run: bool, **options: Any) -> None:
    """Install hooks that record each turn.

    Detects which Kiro versions are in use from the files they leave, and installs hooks for each.
    If none is found, installs both workspace formats. Files that init did not write are never
    overwritten. Running it again changes nothing.
    """
    request = request_of(options)
    if request.optional and os.name != "posix":
        raise click.UsageError("--optional works in POSIX shells only.")
    if "cli-2" in request.surfaces and not request.agent:
        raise click.UsageError("--surface cli-2 needs --agent NAME: each agent has its own file.")
    if not options["workspace"]:
        _check_folder(request)
    surfaces, lines = choose(request, detect(request.root, request.kiro_home))
    steps = plan_install(request, surfaces)
    if refused := plan.refused(steps):
        tell(refused)
        raise TokenTrackError("nothing was written: fix or exclude the refused items above")
    tell(lines + steps)
    if not plan.writes(steps):
        click.echo("nothing to do")
    elif dry_run:
        click.echo("nothing was written: this is a dry run")
    else:
        perform(steps)
    if not dry_run and any(scope_of(s, request.scope) == "workspace" for s in surfaces):
        register(target_at("" if is_users_own(request) else request.root))
    if any(scope_of(surface, request.scope) == "user" for surface in surfaces):
        say(
            "note: these hooks create a .kiro/.gitignore in each workspace without one, to keep "
            "its records out of git"
        )
    if surfaces and not dry_run:
        _say_what_is_next(request)


def _check_folder(request: Request) -> None:
    from tokentrack.workspace import is_shared_folder

    surfaces = request.surfaces or ("v1",)  # whatever is detected, the default scope is the same
    in_workspace = any(scope_of(s, request.scope) == "workspace" for s in surfaces)
    if in_workspace and not is_users_own(request) and is_shared_folder(request.root, os.environ):
        raise TokenTrackError("this folder is not a project: cd into one, or add --scope user")


def _say_what_is_next(request: Request) -> None:
    from tokentrack.diagnostics.program import NAME, how_to_find, not_on_path
    from tokentrack.importing.summary import history_hint
    from tokentrack.workspace import is_shared_folder

    if shutil.which(NAME) is None:
        say(f"warning: {not_on_path(NAME)}; fix: {how_to_find()}", err=True)
    say("next: run a turn in Kiro, then `tokentrack status`")
    root = "" if is_shared_folder(request.root, os.environ) else request.root
    if hint := history_hint(target_at(root).paths, os.environ):
        say(hint)
