"""Turn Kiro's own turns into rows, and give each workspace a name of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.common.timestamps import now_us
from tokentrack.kiro.reconcile.numbers import SURFACE_OF, reported_tokens, with_numbers
from tokentrack.kiro.turn import ABORTED, ERROR, LONGEST_TURN
from tokentrack.models.columns import COMPLETED, split_list
from tokentrack.models.transaction import TokenTransaction
from tokentrack.recorder.rows import count_tokens, stored_prompt, with_usage
from tokentrack.recorder.tokens import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.kiro.turn import Turn

HOOK_NAME = "import"
_SECOND = 1_000_000
_ERRORS = {ABORTED: "the turn was aborted", ERROR: "the turn failed"}
_NEVER_ENDED = "the turn never ended"
# The tag of an imported usage row with the path of the workspace that its ledger row names.
ROOT_TAG = "workspace_root"


def time_of(turn: Turn) -> int | None:
    """Return when a turn ended, or began if its end is unknown; None if both are."""
    return turn.started_at if turn.ended_at is None else turn.ended_at


def has_ended(turn: Turn) -> bool:
    """Tell whether Kiro has written the whole turn."""
    return turn.ended_at is not None or turn.status != "" or turn.credits is not None


def row_of(
    turn: Turn,
    identity: str,
    at: int,
    folder: str,
    root: str,
    config: TrackerConfig,
    user: str | None = None,
) -> tuple[TokenTransaction, list[str]]:
    """Return a turn's row and the cells of its usage row.

    Args:
        turn: what Kiro wrote.
        identity: the execution id in the ledger.
        at: the turn's time in microseconds since the epoch.
        folder: the name of its workspace.
        root: the path of its workspace, in a ledger of several workspaces; else "".
        config: how much of a prompt is stored, and whether tokens are estimated.
        user: whose turn it is, before what the configuration says.
    """
    tokens, basis = count_tokens(reported_tokens(turn), estimate_tokens(turn.prompt), config)
    message = _ERRORS.get(turn.status, "" if has_ended(turn) else _NEVER_ENDED)
    transaction = TokenTransaction.recorded(
        timestamp=at,
        prompt_text=stored_prompt(turn.prompt, config),
        tokens_used=tokens,
        elapsed_time=_elapsed(turn),
        session_id=turn.session_id,
        workspace_folder=folder,
        hook_trigger_type=COMPLETED,
        agent_execution_id=identity,
        hook_name=HOOK_NAME,
        error_occurred=message != "",
        error_message=message,
    )
    tags = {key: text for key, text in (("origin", turn.origin), (ROOT_TAG, root)) if text}
    name = config.user if user is None else user
    finished = with_usage(transaction, SURFACE_OF[turn.source], basis, tags=tags, user=name)
    return transaction, with_numbers(finished.usage, turn, "", now_us())


def _elapsed(turn: Turn) -> float | None:
    if turn.started_at is None or turn.ended_at is None:
        return None
    elapsed = turn.ended_at - turn.started_at
    return elapsed / _SECOND if 0 <= elapsed <= LONGEST_TURN else None


class WorkspaceNames:
    """The names of workspaces: the first workspace of a name keeps it, others get longer ones."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._roots: dict[str, str] = {}

    def __contains__(self, root: str) -> bool:
        """Tell whether a workspace has a name."""
        return root in self._names

    def note(self, root: str, name: str) -> None:
        """Note a name that a ledger has; the first one of a workspace is kept."""
        self._names.setdefault(root, name)
        self._roots.setdefault(name, root)

    def name_of(self, root: str, names: Sequence[str]) -> str:
        """Return a workspace's name, for a new one the first of `names` that no other has."""
        if root not in self._names:
            self.note(root, next((name for name in names if name not in self._roots), names[-1]))
        return self._names[root]


def names_for(root: str) -> list[str]:
    """Return names for a workspace, the shortest first: `app`, `one/app`, … its path."""
    parts = [part for part in root.replace("\\", "/").split("/") if part]
    return [*("/".join(parts[-count:]) for count in range(1, len(parts) + 1)), root]


def root_in(tags: str) -> str:
    """Return the workspace that a usage row's tags name, "" for none."""
    if f"{ROOT_TAG}=" not in tags:
        return ""
    pairs = [tag.partition("=") for tag in split_list(tags)]
    return next((value for key, _, value in pairs if key == ROOT_TAG), "")
