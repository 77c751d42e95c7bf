"""Which of the finished executions are new to a ledger, as the lines to append."""

from __future__ import annotations

from tokentrack.common.redaction import redact
from tokentrack.common.timestamps import now_us
from tokentrack.models.columns import COLUMNS, COMPLETED, MAX_SECONDS, STARTED
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import ESTIMATED, REPORTED, UNKNOWN, usage_row
from tokentrack.store import codec

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.recorder.events import Event
    from tokentrack.store.ledger import LockedLedger

_MICROSECONDS = 1_000_000


class FinishedExecution:
    """An execution that ended: its ledger record and the cells of its usage row.

    `given` says that a caller handed over the whole record, so that nothing is known about its
    id; the record of an event is the only one of its id. `since` is where in the ledger the
    record can stand already, after a crash or another hook; None is its end.
    """

    __slots__ = ("given", "since", "transaction", "usage")

    def __init__(
        self,
        transaction: TokenTransaction,
        usage: list[str],
        *,
        given: bool = False,
        since: int | None = None,
    ) -> None:
        """Keep all four."""
        self.transaction = transaction
        self.usage = usage
        self.given = given
        self.since = since


def execution_id_of(event: Event) -> str:
    """Return the id of the execution that an event opens."""
    return event.execution_id or event.event_id


def default_hook_name(config: TrackerConfig) -> str:
    """Return the hook's name of executions that name none."""
    return redact(config.hook_name) if config.redact_secrets else config.hook_name


def completed(event: Event, started: Event | None, config: TrackerConfig) -> FinishedExecution:
    """Return the record of a completion; what it lacks comes from the start, if there was one."""
    first = started or event
    tokens, basis = _tokens(event, first, config)
    new_patterns = [pattern for pattern in event.patterns if pattern not in first.patterns]
    transaction = TokenTransaction.recorded(
        timestamp=event.at,
        prompt_text=_with_prompt(event, first).prompt,
        tokens_used=tokens,
        elapsed_time=_elapsed(event, started),
        session_id=event.session_id or first.session_id,
        workspace_folder=event.workspace_folder or first.workspace_folder,
        hook_trigger_type=COMPLETED,
        agent_execution_id=event.execution_id or execution_id_of(first),
        file_patterns=[*first.patterns, *new_patterns],
        hook_name=event.hook_name or first.hook_name or default_hook_name(config),
        error_occurred=event.error,
        error_message=event.error_message,
    )
    finished = _with_usage(transaction, event, first, basis)
    finished.since = started.ledger_size if started else None
    return finished


def aborted(started: Event, reason: str, config: TrackerConfig) -> FinishedExecution:
    """Return the error record of a start that nothing completed: aborted turns are billed too."""
    tokens, basis = _tokens(started, started, config)
    transaction = TokenTransaction.recorded(
        timestamp=started.at,
        prompt_text=started.prompt,
        tokens_used=tokens,
        elapsed_time=None,
        session_id=started.session_id,
        workspace_folder=started.workspace_folder,
        hook_trigger_type=STARTED,
        agent_execution_id=execution_id_of(started),
        file_patterns=started.patterns,
        hook_name=started.hook_name or default_hook_name(config),
        error_occurred=True,
        error_message=reason,
    )
    finished = _with_usage(transaction, started, started, basis)
    finished.since = started.ledger_size
    return finished


def _elapsed(event: Event, started: Event | None) -> float | None:
    if event.elapsed is not None or started is None or event.at < started.at:
        return event.elapsed
    seconds = (event.at - started.at) / _MICROSECONDS
    return seconds if seconds <= MAX_SECONDS else None


def _tokens(event: Event, first: Event, config: TrackerConfig) -> tuple[int, str]:
    usage = event.usage or first.usage
    if "total" in usage:
        return usage["total"], REPORTED
    estimate = _with_prompt(event, first).prompt_tokens + event.response_tokens
    if config.estimate_tokens and estimate:
        return estimate, ESTIMATED
    return 0, UNKNOWN


def _with_prompt(event: Event, first: Event) -> Event:
    # The completion's prompt, unless it has none or only the part that an environment variable
    # has room for.
    if first.prompt_tokens and (event.prompt_is_cut or not event.prompt_tokens):
        return first
    return event


def _with_usage(
    transaction: TokenTransaction, event: Event, first: Event, basis: str
) -> FinishedExecution:
    branch = event.branch or first.branch
    tags = {**({"branch": branch} if branch else {}), **first.tags, **event.tags}
    usage = usage_row(
        transaction.agent_execution_id,
        now_us(),
        transaction.session_id,
        event.surface,
        event.model or first.model,
        event.usage or first.usage,
        basis,
        tags,
    )
    return FinishedExecution(transaction, usage)


_ID_COLUMN = COLUMNS.index("agent_execution_id")
_ERROR_COLUMN = COLUMNS.index("error_occurred")


def new_lines(
    held: LockedLedger, finished: list[FinishedExecution], *, repeated: bool
) -> list[tuple[bytes, bytes]]:
    """Return the ledger line and the usage line of each execution that is not there yet.

    Args:
        held: the ledger.
        finished: what ended.
        repeated: whether a record that a caller gave may stand there from an earlier try.

    Raises:
        OSError: the ledger can't be read.
    """
    sinces = [done.since for done in finished if done.since is not None]
    # Torn bytes must be gone before anything is looked for.
    size = held.mend(held.paths.ledger, COLUMNS)
    tails = [held.tail()]
    if sinces and min(sinces) < size:
        tails.append(held.tail(min(sinces)))
    rows: dict[str, tuple[bytes, bytes]] = {}
    for number, done in enumerate(finished):
        line = ledger_line(done.transaction)
        identity = done.transaction.agent_execution_id
        if done.given:
            known = repeated and tails[0].has_line(line)
            identity += f"\n{number}"  # a caller may give as many records of an id as it likes
        else:
            known = any(tail.has_in_column(identity, _ID_COLUMN) for tail in tails)
        if not known:
            rows.setdefault(identity, (line, codec.encode_line(done.usage)))
    return list(rows.values())


def ledger_line(transaction: TokenTransaction) -> bytes:
    """Return a record's line.

    A line that ends in `,false,` can't be cut off: the quotes see to that where a message follows.
    """
    cells = transaction.to_csv_row()
    line = codec.encode_line(cells)
    if transaction.error_occurred or not transaction.error_message:
        return line
    before = codec.encode_line(cells[:_ERROR_COLUMN])[:-1]
    return before + b',"false",' + codec.encode_line(cells[_ERROR_COLUMN + 1 :])
