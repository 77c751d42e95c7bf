"""The surfaces of Kiro, and the file that each of them has in each scope."""

from __future__ import annotations

import os
from typing import NamedTuple

from tokentrack.hookfiles.entries import AGENT_BLOCK, CREW_FILE, IDE0_FILES, V1_FILE

SURFACES = ("ide-0", "v1", "cli-2", "crew")
SCOPES = ("workspace", "user")

_NOTES = {
    IDE0_FILES[0]: "ide-0: fires on promptSubmit",
    IDE0_FILES[1]: "ide-0: fires on agentStop",
    V1_FILE: "v1: fires on UserPromptSubmit and Stop",
    AGENT_BLOCK: "cli-2: fires on userPromptSubmit and stop",
    CREW_FILE: "crew: fires on UserPromptSubmit and Stop",
}
_SCOPE_PROBLEMS = {
    ("ide-0", "user"): "Kiro IDE 0.x reads hook files only from a workspace: "
    "run `tokentrack init --surface ide-0` in each workspace",
    ("crew", "workspace"): "Kiro Crew reads its hooks only from the user's folder: "
    "run `tokentrack init --surface crew --scope user`",
}


class Request(NamedTuple):
    """What to install or remove; a scope of None is the default of each surface.

    With `optional`, hooks do nothing where the program is missing.
    """

    root: str
    kiro_home: str
    surfaces: tuple[str, ...] = ()
    scope: str | None = None
    agent: str | None = None
    force: bool = False
    track: bool = False
    optional: bool = False


class Target(NamedTuple):
    """A file that gets a hook of ours."""

    surface: str
    path: str
    base: str  # a trusted folder, below which no link is followed
    resource: str
    optional: bool = False  # whether its commands do nothing where the program is missing

    @property
    def note(self) -> str:
        """The surface and the triggers of the file."""
        return _NOTES[self.resource]

    @property
    def merged(self) -> bool:
        """Whether the file is the user's and gets entries of ours."""
        return self.surface in {"cli-2", "crew"}


def scope_problem(surface: str, scope: str | None) -> str:
    """Return why a surface does not have a scope and what to run instead, "" if it has."""
    return _SCOPE_PROBLEMS.get((surface, scope or ""), "")


def scope_of(surface: str, asked: str | None) -> str:
    """Return the scope in which a surface is installed."""
    return asked or ("user" if surface == "crew" else "workspace")


def kiro_folder(request: Request, scope: str) -> tuple[str, str]:
    """Return a scope's `.kiro` folder, and the folder below which no link is followed."""
    if scope == "user":
        return request.kiro_home, request.kiro_home
    return os.path.join(request.root, ".kiro"), request.root


def targets(request: Request, surface: str) -> list[Target]:
    """Return the files of a surface in the requested scope."""
    return [target._replace(optional=request.optional) for target in _targets(request, surface)]


def _targets(request: Request, surface: str) -> list[Target]:
    folder, base = kiro_folder(request, scope_of(surface, request.scope))
    if surface == "ide-0":
        return [Target(surface, os.path.join(folder, "hooks", n), base, n) for n in IDE0_FILES]
    if surface == "v1":
        return [Target(surface, os.path.join(folder, "hooks", V1_FILE), base, V1_FILE)]
    if surface == "crew":
        return [Target(surface, os.path.join(folder, "crew", "hooks.json"), base, CREW_FILE)]
    name = f"{request.agent}.json"
    return [Target(surface, os.path.join(folder, "agents", name), base, AGENT_BLOCK)]
