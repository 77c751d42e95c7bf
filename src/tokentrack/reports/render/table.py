"""Tables that fit any width: columns are dropped in a stated order, and texts are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.reports.render.screen import Screen, pad, shorten, width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_GAP = "  "


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: its heading.
        is_number: whether it is aligned at the right, and never cut.
        drop: columns are dropped from the highest number down; 0 is never dropped.
        in_the_middle: whether a text is cut in its middle, as a path is.
        keep: the width that a text keeps before another column is dropped for it.
    """

    title: str
    is_number: bool = False
    drop: int = 0
    in_the_middle: bool = False
    keep: int = 24


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    screen: Screen,
    *,
    total: Sequence[str] | None = None,
    colours: Sequence[str] = (),
) -> list[str]:
    """Return the lines of a table, none of them wider than the screen.

    Args:
        columns: the columns.
        rows: a cell for each column.
        screen: how wide it is, and what it can show.
        total: a last row under a rule.
        colours: a colour for each row, "" for none.
    """
    everything = [*rows, *([total] if total else [])]
    natural = [_natural(column, at, everything) for at, column in enumerate(columns)]
    shown = _chosen(columns, natural, screen.width)
    widths = _widths(columns, natural, shown, screen.width)
    head = _line([columns[at].title for at in shown], columns, shown, widths, screen)
    rule = screen.plain("─") * min(screen.width, sum(widths) + len(_GAP) * (len(widths) - 1))
    lines = [head, rule]
    for number, row in enumerate(rows):
        line = _line([row[at] for at in shown], columns, shown, widths, screen)
        lines.append(screen.paint(line, colours[number] if number < len(colours) else ""))
    if total:
        lines += [rule, _line([total[at] for at in shown], columns, shown, widths, screen)]
    return lines


def _natural(column: Column, at: int, rows: Iterable[Sequence[str]]) -> int:
    return max([width_of(column.title), *(width_of(row[at]) for row in rows)])


def _chosen(columns: Sequence[Column], natural: Sequence[int], width: int) -> list[int]:
    shown = list(range(len(columns)))
    while _needed(columns, natural, shown) > width:
        last = max(shown, key=lambda at: (columns[at].drop, at))
        if not columns[last].drop:
            break
        shown.remove(last)
    return shown


def _needed(columns: Sequence[Column], natural: Sequence[int], shown: Sequence[int]) -> int:
    kept = [
        natural[at] if columns[at].is_number else min(natural[at], columns[at].keep) for at in shown
    ]
    return sum(kept) + len(_GAP) * (len(shown) - 1)


def _widths(
    columns: Sequence[Column], natural: Sequence[int], shown: Sequence[int], width: int
) -> list[int]:
    # What the numbers leave is shared by the texts: the short ones stay whole.
    widths = {at: natural[at] for at in shown}
    texts = [at for at in shown if not columns[at].is_number] or list(shown)
    left = width - len(_GAP) * (len(shown) - 1)
    left -= sum(natural[at] for at in shown if at not in texts)
    for number, at in enumerate(sorted(texts, key=lambda at: natural[at])):
        widths[at] = max(1, min(natural[at], left // (len(texts) - number)))
        left -= widths[at]
    if left < 0:  # the numbers alone are too wide
        widest = max(shown, key=lambda at: widths[at])
        widths[widest] = max(1, widths[widest] + left)
    return [widths[at] for at in shown]


def _line(
    cells: Sequence[str],
    columns: Sequence[Column],
    shown: Sequence[int],
    widths: Sequence[int],
    screen: Screen,
) -> str:
    return _GAP.join(_cells(cells, columns, shown, widths, screen)).rstrip()


def _cells(
    cells: Sequence[str],
    columns: Sequence[Column],
    shown: Sequence[int],
    widths: Sequence[int],
    screen: Screen,
) -> Iterator[str]:
    for cell, at, width in zip(cells, shown, widths, strict=True):
        column = columns[at]
        text = shorten(cell, width, in_the_middle=column.in_the_middle, mark=screen.plain("…"))
        yield pad(text, width, is_number=column.is_number)
