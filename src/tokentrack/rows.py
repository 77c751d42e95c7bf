"""Which of the finished executions are new to a ledger, as the lines to append."""

from __future__ import annotations

from tokentrack.models.fields import COLUMNS
from tokentrack.store import codec

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from tokentrack.execution_records import Finished
    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.store.ledger import HeldLedger

_ID_COLUMN = COLUMNS.index("agent_execution_id")
_ERROR_COLUMN = COLUMNS.index("error_occurred")


def new_lines(
    held: HeldLedger, finished: list[Finished], *, repeated: bool
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
    size = held.mend(held.place.ledger, COLUMNS)
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
