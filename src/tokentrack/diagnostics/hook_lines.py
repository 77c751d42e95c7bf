"""The installed hooks in one line for each surface, as `status` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.common.formatting import counted
from tokentrack.diagnostics.hooks import silent_hooks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.hookfiles.installed import InstalledHook

_NAMES = {"ide-0": "IDE 0.x", "v1": "v1", "cli-2": "CLI 2", "crew": "Crew"}


def hook_lines(hooks: Sequence[InstalledHook]) -> list[str]:
    """Return a line for each surface whose hooks run or should; the first tells of idle files.

    `v1: both run; 2 files for IDE 0.x idle`. An idle file has hooks that another file makes
    unnecessary.
    """
    silent = silent_hooks(list(hooks))
    lines = []
    for surface, name in _NAMES.items():
        needed = [h for h in hooks if h.surface == surface and (h.fires or h in silent)]
        if needed:
            lines.append(f"{name}: {_state(needed)}")
    idle = list(_idle([h for h in hooks if not h.fires and h not in silent]))
    return ["; ".join([*lines[:1], *idle]), *lines[1:]] if lines or idle else []


def _state(hooks: Sequence[InstalledHook]) -> str:
    running = [hook for hook in hooks if hook.fires]
    count = len(hooks)
    if len(running) < count:
        reasons = dict.fromkeys(
            f"{hook.trigger or 'one'}: {hook.reason}" for hook in hooks if not hook.fires
        )
        if count == 1:
            return f"does not run ({'; '.join(reasons)})"
        return f"{len(running)} of {counted(count, 'hook')} run ({'; '.join(reasons)})"
    state = {1: f"{hooks[0].trigger} runs", 2: "both run"}.get(count, f"all {count} run")
    notes = dict.fromkeys(hook.note for hook in hooks if hook.note)
    if all(hook.scope == "user" for hook in hooks):
        state += ", installed for all workspaces"
    return f"{state} ({'; '.join(notes)})" if notes else state


def _idle(hooks: Sequence[InstalledHook]) -> Iterator[str]:
    for surface, name in _NAMES.items():
        paths = {hook.path for hook in hooks if hook.surface == surface}
        if paths:
            yield f"{counted(len(paths), 'file')} for {name} idle"
