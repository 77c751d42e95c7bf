"""Plan the installation of the hook files, and carry out plans."""

from __future__ import annotations

import json
import os

from tokentrack.hookfiles import edit_files, gitignore, walk
from tokentrack.hookfiles.entries import V1_FILE, file_state, same, shipped_text
from tokentrack.hookfiles.installed import installed_hooks
from tokentrack.hookfiles.merge import merge, unknown_events
from tokentrack.hookfiles.plan import Edit, RefusedError, Step, shown_path, writes
from tokentrack.hookfiles.targets import Request, Target, scope_of, targets

_IN_GITIGNORE = "keeps usage records out of git"


def create_hook_files(root: str) -> list[str]:
    """Install both workspace forms where they are missing, and return the created paths.

    Raises:
        FileSystemError: a file can't be written.
    """
    request = Request(root=root, kiro_home="")
    planned = [plan_target(t, force=False) for s in ("ide-0", "v1") for t in targets(request, s)]
    created = [step for step in planned if step.verb == "create"]
    for step in created:
        edit_files.apply(step)
    return [step.path for step in created]


def plan_install(request: Request, surfaces: tuple[str, ...]) -> list[Step]:
    """Return each step of an installation, including refusals and warnings."""
    chosen = [target for surface in surfaces for target in targets(request, surface)]
    steps = [plan_target(target, force=request.force) for target in chosen]
    in_workspace = any(scope_of(surface, request.scope) == "workspace" for surface in surfaces)
    # Even without git: the folder can become a repository later.
    if in_workspace and not request.track and not is_users_own(request):
        steps.append(_plan_gitignore(request))
    return steps + _warn_of_doubles(request, chosen) + _warn_of_home(request, in_workspace)


def plan_target(target: Target, *, force: bool) -> Step:
    """Return the step that installs or updates a file, or says why not."""
    try:
        before = edit_files.read_before_change(target.base, target.path)
        if target.merged and (before is not None or target.surface == "cli-2"):
            return _plan_merge(target, before, force=force)
        return _plan_file(target, before, force=force)
    except RefusedError as reason:
        return Step("refuse", target.path, str(reason))


def _plan_file(target: Target, before: bytes | None, *, force: bool) -> Step:
    after = shipped_text(target.resource, optional=target.optional).encode()
    if before is None:
        return Step("create", target.path, target.note, target.base, None, after)
    state = file_state(before.decode("utf-8", "replace"), target.resource)
    if state == "same" and target.optional and not same(json.loads(before), json.loads(after)):
        note = f"{target.note}; does nothing where tokentrack is missing"
        return Step("update", target.path, note, target.base, before, after)
    if state == "same":
        return Step("keep", target.path, f"{target.note}; already installed")
    backup = edit_files.free_backup(target.path)
    kept = f"keeps yours as {os.path.basename(backup)}"
    if force:
        note = f"{target.note}; {kept}"
        return Step("update", target.path, note, target.base, before, after, backup)
    if state == "changed":
        return Step(
            "keep", target.path, f"changed since init wrote it; --force resets it and {kept}"
        )
    raise RefusedError(f"was not written by tokentrack: move it, or use --force, which {kept}")


def _plan_merge(target: Target, before: bytes | None, *, force: bool) -> Step:
    if before is None:
        raise RefusedError(_no_agent(target.path))
    text = decode(before)
    edit = merge(target.surface, text, force=force, optional=target.optional)
    backup = ""
    # To add an entry loses nothing; to reset one does.
    if force and merge(target.surface, text, force=False).left:
        backup = edit_files.free_backup(target.path)
    note = _merge_note(target, text, edit, backup)
    if not edit.done:
        return Step("keep", target.path, note)
    return Step("update", target.path, note, target.base, before, edit.text.encode(), backup)


def _merge_note(target: Target, text: str, edit: Edit, backup: str) -> str:
    parts = [target.note]
    if not edit.done and not edit.left:
        parts.append("already installed")
    if edit.left:
        parts.append(f"{' and '.join(edit.left)} changed since init wrote it; --force resets it")
    if backup:
        parts.append(f"keeps yours as {os.path.basename(backup)}")
    unknown = unknown_events(text) if target.surface == "cli-2" else []
    if unknown:
        parts.append(f"Kiro may ignore this agent because of unknown events: {', '.join(unknown)}")
    return "; ".join(parts)


def decode(data: bytes) -> str:
    """Return the text of a JSON file.

    Raises:
        RefusedError: it is not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise RefusedError(f"line {number} is not UTF-8: save the file as UTF-8 first") from error


def _no_agent(path: str) -> str:
    others = [
        os.path.basename(p).removesuffix(".json") for p in walk.json_paths(os.path.dirname(path))
    ]
    known = f"the agents here are: {', '.join(others[:10])}" if others else "there is no agent here"
    return (
        f"does not exist, and {known}; choose an agent that has a file in this scope "
        "(Kiro's built-in default agent has none)"
    )


def _plan_gitignore(request: Request) -> Step:
    path = os.path.join(request.root, ".gitignore")
    try:
        before = edit_files.read_before_change(request.root, path)
        state = gitignore.block_state(before)
    except RefusedError as reason:
        return Step("refuse", path, str(reason))
    if state != "none":
        note = _IN_GITIGNORE if state == "same" else "the block was changed since init wrote it"
        return Step("keep", path, note)
    verb = "create" if before is None else "update"
    after = gitignore.add_block(before)
    return Step(verb, path, _IN_GITIGNORE, request.root, before, after)


def _warn_of_doubles(request: Request, chosen: list[Target]) -> list[Step]:
    paths = {target.path for target in chosen if target.surface == "v1"}
    if not paths:
        return []
    hooks = installed_hooks(request.root, request.kiro_home)
    doubles = {
        (hook.path, hook.scope)
        for hook in hooks
        if hook.surface == "v1" and hook.fires and hook.path not in paths
    }
    return [Step("warn", "", _double_note(path, scope)) for path, scope in sorted(doubles)]


def _double_note(path: str, scope: str) -> str:
    ours = os.path.basename(path) == V1_FILE
    fix = f"run `tokentrack uninstall --scope {scope}`" if ours else "remove it there"
    return (
        f"{shown_path(path)} also has this hook, so Kiro runs it twice per turn "
        f"(the turn is counted once): {fix} to keep only this one"
    )


def _warn_of_home(request: Request, in_workspace: bool) -> list[Step]:
    if not in_workspace or not is_users_own(request):
        return []
    here = os.path.realpath(request.kiro_home)
    note = f"{shown_path(here)} is the user's own folder: these hooks fire in every workspace"
    return [Step("warn", "", note)]


def is_users_own(request: Request) -> bool:
    """Tell whether the workspace is the home folder, so that its `.kiro` is the user's own."""
    here = os.path.join(request.root, ".kiro")
    return os.path.realpath(here) == os.path.realpath(request.kiro_home)


def perform(steps: list[Step]) -> None:
    """Carry out the steps of a plan in order.

    Raises:
        FileSystemError: a step failed; the steps before it are done.
    """
    for step in writes(steps):
        edit_files.apply(step)
