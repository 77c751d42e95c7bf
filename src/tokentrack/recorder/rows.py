"""The rows of finished executions, and which of them a ledger does not have yet."""

from __future__ import annotations

from tokentrack.common import fastjson
from tokentrack.common.redaction import redact, truncate_prompt
from tokentrack.common.timestamps import now_us
from tokentrack.common.user_name import user_name
from tokentrack.models.columns import COLUMNS, COMPLETED, STARTED, is_duration
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import (
    API,
    ESTIMATED,
    REPORTED,
    UNKNOWN,
    USAGE_COLUMNS,
    usage_row,
)
from tokentrack.recorder.execution_state import file_key
from tokentrack.store import codec
from tokentrack.store.pending import GIVE_UP_SECONDS, put_note

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.recorder.events import Event
    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger

_USER = USAGE_COLUMNS.index("user")
_MICROSECONDS = 1_000_000


class FinishedExecution:
    """An execution that ended: its ledger row and its usage row.

    Attributes:
        transaction: the ledger row.
        usage: the cells of the usage row.
        from_caller: whether a caller of the API gave the row. Then other rows may have the same
            execution id; the row of an event is the only one with its id.
        search_from: the offset in the ledger from which on the row may already exist, after a
            crash or because another hook was faster; None is the end of the ledger.
    """

    __slots__ = ("from_caller", "search_from", "transaction", "usage")

    def __init__(
        self,
        transaction: TokenTransaction,
        usage: list[str],
        *,
        from_caller: bool = False,
        search_from: int | None = None,
    ) -> None:
        self.transaction = transaction
        self.usage = usage
        self.from_caller = from_caller
        self.search_from = search_from


def with_usage(
    transaction: TokenTransaction,
    surface: str,
    basis: str,
    *,
    model: str = "",
    usage: Mapping[str, int] | None = None,
    tags: Mapping[str, str] | None = None,
    user: str | None = None,
    from_caller: bool = False,
) -> FinishedExecution:
    """Return a ledger row together with its usage row: the one way in which both are made.

    Args:
        transaction: the ledger row.
        surface: where the execution ran: a Kiro surface, or `api`.
        basis: what the row's token number is: reported, estimated or unknown.
        model: the model, "" where it is unknown.
        usage: the reported token counts by kind (see `tokens.reported_usage`).
        tags: what else is known of the execution.
        user: the user's name by an option or the configuration, see `user_name`.
        from_caller: whether a caller of the API gave the row.
    """
    cells = usage_row(
        transaction.agent_execution_id,
        now_us(),
        transaction.session_id,
        surface,
        model,
        usage or {},
        basis,
        tags or {},
    )
    cells[_USER] = user_name(user, tags)
    return FinishedExecution(transaction, cells, from_caller=from_caller)


def count_tokens(reported: int | None, estimate: int, config: TrackerConfig) -> tuple[int, str]:
    """Return the token number of a row and its basis: the reported number, else the estimate."""
    if reported is not None:
        return reported, REPORTED
    if config.estimate_tokens and estimate:
        return estimate, ESTIMATED
    return 0, UNKNOWN


def stored_prompt(prompt: str, config: TrackerConfig) -> str:
    """Return a prompt as the configuration lets it be stored."""
    # The cut comes second: it could leave a part of a secret that no rule knows.
    whole = redact(prompt) if config.redact_secrets else prompt
    return truncate_prompt(whole, config.max_prompt_length)


def default_hook_name(config: TrackerConfig) -> str:
    """Return the hook name of executions that have none."""
    return redact(config.hook_name) if config.redact_secrets else config.hook_name


def execution_id_of(event: Event) -> str:
    """Return the id of the execution that an event opens."""
    return event.execution_id or event.event_id


def completed(event: Event, started: Event | None, config: TrackerConfig) -> FinishedExecution:
    """Return the row of a completion; what it lacks comes from the start, if there was one."""
    elapsed = _elapsed(event, started)
    finished = _finish(
        event,
        started or event,
        config,
        hook_trigger_type=_trigger(event, started),
        elapsed_time=elapsed,
        error_occurred=event.error,
        error_message=event.error_message,
    )
    finished.search_from = started.ledger_size if started else None
    return finished


def _trigger(event: Event, started: Event | None) -> str:
    # A program may tell what triggered the execution. Kiro's own events have other names for each
    # surface, and one in the ledger.
    if event.surface == API:
        for each in (event, started):
            if each is not None and each.trigger not in ("", STARTED, COMPLETED):
                return each.trigger
    return COMPLETED


def aborted(started: Event, reason: str, config: TrackerConfig) -> FinishedExecution:
    """Return the error row of a start that nothing completed: aborted turns are billed too."""
    finished = _finish(
        started,
        started,
        config,
        hook_trigger_type=STARTED,
        elapsed_time=None,
        error_occurred=True,
        error_message=reason,
    )
    finished.search_from = started.ledger_size
    return finished


def _finish(
    event: Event, first: Event, config: TrackerConfig, **outcome: str | float | None
) -> FinishedExecution:
    # `first` is the start, or the event itself where there is none.
    prompt = _prompt_source(event, first)
    usage = event.usage or first.usage
    estimate = prompt.prompt_tokens + event.response_tokens
    tokens, basis = count_tokens(usage.get("total"), estimate, config)
    new_patterns = [pattern for pattern in event.patterns if pattern not in first.patterns]
    transaction = TokenTransaction.recorded(
        timestamp=event.at,
        prompt_text=prompt.prompt,
        tokens_used=tokens,
        session_id=event.session_id or first.session_id,
        workspace_folder=event.workspace_folder or first.workspace_folder,
        agent_execution_id=event.execution_id or execution_id_of(first),
        file_patterns=[*first.patterns, *new_patterns],
        hook_name=event.hook_name or first.hook_name or default_hook_name(config),
        **outcome,
    )
    branch = event.branch or first.branch
    tags = {**({"branch": branch} if branch else {}), **first.tags, **event.tags}
    model = event.model or first.model
    return with_usage(
        transaction, event.surface, basis, model=model, usage=usage, tags=tags, user=config.user
    )


def _prompt_source(event: Event, first: Event) -> Event:
    # The completion, unless it has no prompt, or only the part that fits an environment variable.
    if first.prompt_tokens and (event.prompt_is_cut or not event.prompt_tokens):
        return first
    return event


def _elapsed(event: Event, started: Event | None) -> float | None:
    if event.elapsed is not None or started is None or event.at < started.at:
        return event.elapsed
    seconds = (event.at - started.at) / _MICROSECONDS
    return seconds if is_duration(seconds) else None


_ID_COLUMN = COLUMNS.index("agent_execution_id")
_ERROR_COLUMN = COLUMNS.index("error_occurred")


def new_lines(
    held: LockedLedger, finished: list[FinishedExecution], *, repeated: bool
) -> list[tuple[bytes, bytes]]:
    """Return the ledger line and the usage line of each execution that is not in the ledger yet.

    Args:
        held: the ledger.
        finished: what ended.
        repeated: whether a row that a caller gave may be in the ledger from an earlier attempt, or
            twice among these.

    Raises:
        OSError: the ledger can't be read.
    """
    offsets = [done.search_from for done in finished if done.search_from is not None]
    # Torn bytes must be gone before anything is looked for.
    size = held.remove_torn_line(held.paths.ledger, COLUMNS)
    tails = [held.tail()]
    if offsets and min(offsets) < size:
        tails.append(held.tail(min(offsets)))
    rows: dict[str, tuple[bytes, bytes]] = {}
    for number, done in enumerate(finished):
        line = ledger_line(done.transaction)
        identity = done.transaction.agent_execution_id
        if done.from_caller:
            known = repeated and tails[0].has_line(line)
            # A caller may give any number of rows of one id; equal ones are the same row again.
            identity += f"\n{line!r}" if repeated else f"\n{number}"
        else:
            known = any(tail.has_in_column(identity, _ID_COLUMN) for tail in tails)
        if not known:
            rows.setdefault(identity, (line, codec.encode_line(done.usage)))
    return list(rows.values())


def ledger_line(transaction: TokenTransaction) -> bytes:
    """Return the line of a ledger row.

    A line that ends in a bare `,false,` is whole: where a message follows the flag, the flag is
    quoted.
    """
    cells = transaction.to_csv_row()
    line = codec.encode_line(cells)
    if transaction.error_occurred or not transaction.error_message:
        return line
    before = codec.encode_line(cells[:_ERROR_COLUMN])[:-1]
    return before + b',"false",' + codec.encode_line(cells[_ERROR_COLUMN + 1 :])


# Where Kiro may keep a turn's numbers: found by the session only, or by the workspace as well.
_BY_SESSION = frozenset({"v1", "crew"})
_BY_WORKSPACE = frozenset({"cli-2", "ide-0"})


def expect_numbers(state: Directory, finished: Iterable[FinishedExecution]) -> None:
    """Leave a note for each execution whose numbers Kiro has still to write.

    A note that is lost costs a look-up, not a row, so errors are ignored.
    """
    for done in finished:
        usage = dict(zip(USAGE_COLUMNS, done.usage, strict=True))
        surface, session = usage["surface"], usage["session_id"]
        has_place = surface in _BY_WORKSPACE or (session and surface in _BY_SESSION)
        if usage["credits_basis"] != UNKNOWN or not has_place:
            continue
        record = done.transaction
        note = {
            "at": record.timestamp_us,
            "elapsed": record.elapsed_time,
            "folder": record.workspace_folder,
            "trigger": record.hook_trigger_type,
            "usage": done.usage,
        }
        due = 0
        if surface == "cli-2" and not session:
            # Only the CLI's database has it, which takes longer than a hook may.
            due = record.timestamp_us // _MICROSECONDS + GIVE_UP_SECONDS
        rest = f"{surface}.{file_key(usage['agent_execution_id'])}.json"
        try:
            put_note(state, due, rest, fastjson.dumps(note).encode("ascii"))
        except OSError:
            pass
