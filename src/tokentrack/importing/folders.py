"""The names of workspaces in a ledger of several, where folders can be called alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.models.fields import split_list

if TYPE_CHECKING:
    from collections.abc import Sequence

# The tag of an imported usage row that says whose name its ledger row has.
ROOT_TAG = "workspace_root"


class Folders:
    """Which workspace has which name: the first that comes keeps the shortest."""

    def __init__(self) -> None:
        """Know no workspace."""
        self._names: dict[str, str] = {}
        self._roots: dict[str, str] = {}

    def __contains__(self, root: str) -> bool:
        """Tell whether a workspace has a name."""
        return root in self._names

    def note(self, root: str, name: str) -> None:
        """Keep what a ledger says; its first word counts."""
        self._names.setdefault(root, name)
        self._roots.setdefault(name, root)

    def name_of(self, root: str, names: Sequence[str]) -> str:
        """Return a workspace's name, for a new one the first of `names` that no other has."""
        if root not in self._names:
            self.note(root, next((name for name in names if name not in self._roots), names[-1]))
        return self._names[root]


def names_for(root: str) -> list[str]:
    """Return what a workspace can be called, the shortest first: `app`, `one/app`, … its path."""
    parts = [part for part in root.replace("\\", "/").split("/") if part]
    return [*("/".join(parts[-count:]) for count in range(1, len(parts) + 1)), root]


def root_in(tags: str) -> str:
    """Return the workspace that a usage row's tags name, "" for none."""
    if f"{ROOT_TAG}=" not in tags:
        return ""
    pairs = [tag.partition("=") for tag in split_list(tags)]
    return next((value for key, _, value in pairs if key == ROOT_TAG), "")
