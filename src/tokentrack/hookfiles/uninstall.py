"""Plan the removal of exactly what init has written."""

from __future__ import annotations

import os

from tokentrack.hookfiles import edit_files, gitignore, walk
from tokentrack.hookfiles.entries import AGENT_BLOCK, file_state, is_ours
from tokentrack.hookfiles.install import decode
from tokentrack.hookfiles.installed import installed_hooks
from tokentrack.hookfiles.merge import unmerge
from tokentrack.hookfiles.plan import RefusedError, Step, shown_path
from tokentrack.hookfiles.targets import (
    SURFACES,
    Request,
    Target,
    kiro_folder,
    scope_of,
    scope_problem,
    targets,
)

_FOLDERS = frozenset({".kiro", "hooks", "agents", "crew"})
_CHANGED = "was changed since init wrote it: remove it yourself, or use --force"


def plan_removal(request: Request) -> list[Step]:
    """Return each step of a removal, in order."""
    chosen = [target for surface in _surfaces(request) for target in _targets(request, surface)]
    planned = [_plan_target(target, force=request.force) for target in chosen]
    steps = [step for step in planned if step is not None]
    steps += _plan_folders(steps)
    if (request.scope or "workspace") == "workspace" and not request.track:
        steps += _plan_gitignore(request, steps)
    return steps


def _surfaces(request: Request) -> tuple[str, ...]:
    scope = request.scope or "workspace"
    return request.surfaces or tuple(s for s in SURFACES if not scope_problem(s, scope))


def _targets(request: Request, surface: str) -> list[Target]:
    if surface != "cli-2" or request.agent:
        return targets(request, surface)
    folder, base = kiro_folder(request, scope_of(surface, request.scope))
    paths = walk.json_paths(os.path.join(folder, "agents"))
    return [Target(surface, path, base, AGENT_BLOCK) for path in paths]


def _plan_target(target: Target, *, force: bool) -> Step | None:
    try:
        before = _ours(target)
        if before is None:
            return None
        if target.merged:
            return _plan_unmerge(target, before, force=force)
        return _plan_file(target, before, force=force)
    except RefusedError as reason:
        return Step("refuse", target.path, str(reason))


def _ours(target: Target) -> bytes | None:
    try:
        before = edit_files.read_before_change(target.base, target.path)
    except edit_files.LinkError:
        return None  # init never writes through a link
    return before if before and is_ours(before.decode("utf-8", "replace")) else None


def _plan_file(target: Target, before: bytes, *, force: bool) -> Step:
    state = file_state(before.decode("utf-8", "replace"), target.resource)
    if state == "foreign":
        return Step("keep", target.path, "was not written by tokentrack")
    if state == "changed" and not force:
        raise RefusedError(_CHANGED)
    return Step("remove", target.path, target.surface, target.base, before)


def _plan_unmerge(target: Target, before: bytes, *, force: bool) -> Step | None:
    text = decode(before)
    if target.surface == "crew" and file_state(text, target.resource) == "same":
        return Step("remove", target.path, target.surface, target.base, before)
    edit = unmerge(target.surface, text, force=force)
    if edit.left:
        raise RefusedError(f"{' and '.join(edit.left)} {_CHANGED}")
    if not edit.done:
        return None
    note = f"{target.surface}: removes {' and '.join(edit.done)}"
    return Step("update", target.path, note, target.base, before, edit.text.encode())


def _plan_folders(steps: list[Step]) -> list[Step]:
    removals = [step for step in steps if step.verb == "remove"]
    gone = {step.path for step in removals}
    bases = {os.path.dirname(step.path): step.base for step in removals}
    bases |= {os.path.dirname(folder): base for folder, base in bases.items()}
    found = []
    for folder in sorted(bases, key=len, reverse=True):  # the inner ones first
        if os.path.basename(folder) in _FOLDERS and _is_emptied(folder, gone):
            found.append(Step("remove", folder, "left empty", bases[folder]))
            gone.add(folder)
    return found


def _is_emptied(folder: str, gone: set[str]) -> bool:
    try:
        return not os.path.islink(folder) and all(
            os.path.join(folder, name) in gone for name in os.listdir(folder)
        )
    except OSError:
        return False


def _plan_gitignore(request: Request, steps: list[Step]) -> list[Step]:
    path = os.path.join(request.root, ".gitignore")
    try:
        before = edit_files.read_before_change(request.root, path)
        state = gitignore.block_state(before)
    except edit_files.LinkError:
        return []
    except RefusedError as reason:
        return [Step("refuse", path, str(reason))]
    if before is None or state == "none":
        return []
    if why := _why_kept(request, steps):
        return [Step("keep", path, why)]
    if state == "changed" and not request.force:
        return [Step("refuse", path, f"the block in it {_CHANGED}")]
    after = gitignore.remove_block(before)
    verb = "remove" if after is None else "update"
    note = "removes tokentrack's block"
    warning = Step("warn", "", f"{_record(request.root)} remains, and git no longer ignores it")
    removal = Step(verb, path, note, request.root, before, after)
    return [removal, warning] if _record(request.root) else [removal]


def _why_kept(request: Request, steps: list[Step]) -> str:
    gone = {step.path for step in steps if step.verb in {"remove", "update"}}
    hooks = installed_hooks(request.root, request.kiro_home)
    left = [hook for hook in hooks if hook.path not in gone]
    if any(hook.scope == "workspace" for hook in left):
        return "other hooks still record in this workspace"
    users = dict.fromkeys(f"{hook.surface} (user)" for hook in left if hook.fires)
    if users:
        verb = "record" if len(users) > 1 else "records"
        return f"{' and '.join(users)} still {verb} here: `tokentrack uninstall --scope user`"
    record = _record(request.root)
    if record and not request.force:
        return f"{record} remains and stays ignored by git; --force removes the block"
    return ""


def _record(root: str) -> str:
    # The folder of state is next to every ledger, whatever its name.
    folder = os.path.join(root, ".kiro")
    begins = ("token_transactions", "token_usage", ".tokentrack")
    found = [name for name in walk.names(folder) if name.startswith(begins)]
    return shown_path(os.path.join(folder, found[-1])) if found else ""
