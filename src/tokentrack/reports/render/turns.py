"""A list of turns on a terminal: a line for each, with its prompt in the width that is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack.common.formatting import counted
from tokentrack.common.terminal import escape
from tokentrack.common.timestamps import format_us, now_us, parse
from tokentrack.models.usage_record import ESTIMATED, REPORTED
from tokentrack.reports.credit_texts import UNKNOWN, credits_text
from tokentrack.reports.render.figures import basis_mark, rate_text, time_text, tokens_text
from tokentrack.reports.render.report import filled, gap_lines, provenance_lines, wrapped
from tokentrack.reports.render.table import Column, table
from tokentrack.reports.turns.turn_rows import short_ids
from tokentrack.reports.zones import Zone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tokentrack.reports.answer import Answer
    from tokentrack.reports.render.screen import Screen

_PLACES = 2
_MOST_PROMPT = 400  # characters; no screen shows more
# The columns with the highest numbers are dropped first.
_COLUMNS = (
    Column("id", is_number=True),
    Column("when", is_number=True, drop=2),
    Column("workspace", drop=3, in_the_middle=True, keep=12),
    Column("model", drop=4, in_the_middle=True, keep=14),
    Column("credits", is_number=True),
    Column("time", is_number=True, drop=5),
    Column("tokens", is_number=True, drop=6),
    Column("rate", is_number=True, drop=7),
    Column("prompt", keep=18),
)


def turn_lines(
    answer: Answer,
    screen: Screen,
    *,
    heading: Sequence[str],
    empty: Callable[[], str],
) -> list[str]:
    """Return the lines of a list of turns.

    Args:
        answer: what `list_turns` found.
        screen: how wide it is, and what it can show.
        heading: what the list is about, in parts.
        empty: returns what to say instead where no turn was found.
    """
    lines = [*[screen.paint(line, "bold") for line in wrapped(heading, screen)], ""]
    if not answer.total["turns"]:
        return [*lines, *filled(empty(), screen), *gap_lines(answer, screen)]
    lines += table_of(answer.rows, screen, answer.query.tz, answer.query.sort)
    if answer.more_rows:
        lines.append(f"{counted(answer.more_rows, 'more turn')}: -n 0 shows all")
    lines.append("")
    is_marked = any(map(_is_basis_unknown, answer.rows))
    footer = provenance_lines(answer, screen, is_basis_unknown=is_marked)
    return lines + [screen.paint(line, "dim") for line in footer]


def _columns(sort: str) -> list[Column]:
    # The column that the list is sorted by is never dropped.
    name = sort.removeprefix("-")
    return [column._replace(drop=0) if column.title == name else column for column in _COLUMNS]


def table_of(
    rows: Sequence[Mapping[str, Any]], screen: Screen, tz: str | None, sort: str = "when"
) -> list[str]:
    """Return the lines of turns, after the two lines of their heading.

    Args:
        rows: the turns.
        screen: how wide it is, and what it can show.
        tz: the time zone of their times.
        sort: what they are sorted by.
    """
    zone = Zone(tz)
    ids = short_ids([row["id"] for row in rows])
    cells = [
        [screen.plain(cell) for cell in _cells(row, identity, zone)]
        for row, identity in zip(rows, ids, strict=True)
    ]
    colours = ["red" if row["failed"] else "" for row in rows]
    return table(_columns(sort), cells, screen, colours=colours)


def _cells(row: Mapping[str, Any], identity: str, zone: Zone) -> list[str]:
    prompt = _one_line(row["prompt"])
    mark = basis_mark(
        is_estimated=row["token_basis"] == ESTIMATED, is_unknown=_is_basis_unknown(row)
    )
    return [
        escape(identity),
        local_time(row["when"], zone),
        _one_line(row["workspace"]),
        _one_line(row["model"]),
        credits_text(row["credits"], _PLACES),
        time_text(row["seconds"]),
        tokens_text(row["tokens"], mark),
        rate_text(row["tokens_per_second"], mark),
        f"failed: {prompt}" if row["failed"] else prompt,
    ]


def _is_basis_unknown(row: Mapping[str, Any]) -> bool:
    return bool(row["tokens"]) and row["token_basis"] not in {REPORTED, ESTIMATED}


def _one_line(text: str | None) -> str:
    return escape(text[:_MOST_PROMPT]) if text else UNKNOWN


def local_time(when: str, zone: Zone) -> str:
    """Return a time as `11-28 07:23` in a zone, as `2025-11-28` if it is of another year."""
    at, now = parse(when), now_us()
    local, today = (format_us(moment + zone.offset(moment)) for moment in (at, now))
    return f"{local[5:10]} {local[11:16]}" if local[:4] == today[:4] else f"{local[:10]} "
