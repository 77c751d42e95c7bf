"""Rows of a ledger, damaged as spreadsheets and other programs do it, and repaired."""

import csv
import io

from support.ledgers import AT
from support.maintained import row
from tokentrack.common.timestamps import now_us
from tokentrack.maintenance.damage.examine import examine
from tokentrack.maintenance.damage.formats import LEDGER
from tokentrack.maintenance.repair import repair
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.store import codec

A = row("a", AT, prompt_text='say "hi", x')
B = row("b", AT + 1_000_000)
C = row("c", AT + 2_123_000, prompt_text="ü;ü", tokens_used=123456, elapsed_time=1.25)
BOM = b"\xef\xbb\xbf"


def sheet(separator: str, rows: list[bytes], **changed: str) -> bytes:
    """Return rows as a spreadsheet saves them: its separator, BOM, CRLF, cells by column."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in rows:
        cells = dict(zip(COLUMNS, codec.split_line(line[:-1].decode()), strict=True))
        writer.writerow({**cells, **changed}.values())
    return BOM + out.getvalue().encode()


def broken_over_lines(line: bytes) -> bytes:
    """Return a row with its line feeds inside quotes, as other programs write them."""
    cells = [
        "\n".join(codec.split_line(codec.encode_line([part])[:-1].decode())[0]
                  for part in cell.split("\n"))
        for cell in codec.decode_line(line[:-1].decode())
    ]  # fmt: skip
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue().encode()


def transactions(lines: list[bytes]) -> list[TokenTransaction]:
    cells = [codec.decode_line(line[:-1].decode()) for line in lines]
    return [TokenTransaction.from_csv_row(row) for row in cells]


def healthy(found) -> None:
    again = examine(b"".join(found.lines), LEDGER)
    assert (again.findings, again.lines) == ([], found.lines)


def repaired(space):
    """Repair a workspace's files; return what was repaired."""
    with space.lock_for_repair() as ledger:
        return repair(ledger, now_us())
