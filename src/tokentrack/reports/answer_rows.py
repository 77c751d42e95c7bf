"""The rows of an answer: which groups of turns they show, in which order, by which labels."""

from __future__ import annotations

from tokentrack.reports.answer import METRICS, metrics_of, number_of
from tokentrack.reports.dimensions import LIST, TIME
from tokentrack.reports.groups import label

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tokentrack.reports.answer import Answer
    from tokentrack.reports.dimensions import Dimension
    from tokentrack.reports.groups import Key, Numbers, Words


def add_rows(
    answer: Answer,
    groups: dict[Key, Numbers],
    words: Words,
    by: Sequence[Dimension],
    order: tuple[str, bool],
) -> None:
    """Add the rows of groups of turns to an answer.

    Args:
        answer: the answer; its question says how many rows it has.
        groups: the numbers of each group, by its values.
        words: the texts of the index.
        by: the dimensions of the groups.
        order: a dimension or a metric by which rows are sorted, and whether it is reversed.
    """
    _Rows(answer, by, *order).add(groups, words)


class _Rows:
    def __init__(
        self, answer: Answer, by: Sequence[Dimension], sort: str, is_reversed: bool
    ) -> None:
        self._answer = answer
        self._asked = answer.query
        self._by = by
        self._sort = sort
        self._is_reversed = is_reversed

    def add(self, groups: dict[Key, Numbers], words: Words) -> None:
        found = list(groups.items())
        if self._sort in METRICS:
            found = self._best(found)
        words.read(
            value
            for key, _ in found
            for d, value in zip(self._by, key, strict=True)
            if d.source not in {LIST, TIME} and d.name != "failed"
        )
        labelled = [(label(key, self._by, words), numbers) for key, numbers in found]
        labelled.sort(key=lambda row: [_order(value) for value in row[0]])
        self._sort_rows(labelled)
        limit = self._asked.limit or len(labelled)
        self._answer.more_rows = len(groups) - min(limit, len(labelled))
        self._answer.rows = [self._row(*row) for row in labelled[:limit]]

    def _row(self, labels: Key, numbers: Numbers) -> dict[str, Any]:
        found = dict(zip(self._asked.by, labels, strict=True))
        # By `failed`, that key tells whether all turns of the row failed or none did.
        return found | {
            name: value
            for name, value in metrics_of(self._asked.metrics, numbers).items()
            if name not in found
        }

    def _best(self, found: list[tuple[Key, Numbers]]) -> list[tuple[Key, Numbers]]:
        # Only the rows that can be among the first need their labels.
        limit = self._asked.limit
        if not limit or len(found) <= limit:
            return found
        ranks = sorted([self._rank(numbers) for _, numbers in found])
        return [row for row in found if self._rank(row[1]) <= ranks[limit - 1]]

    def _rank(self, numbers: Numbers) -> tuple[bool, Any]:
        value = number_of(self._sort, numbers)
        if value is None:
            return True, 0  # unknown comes last in both directions
        return False, value if self._is_reversed else -value

    def _sort_rows(self, labelled: list[tuple[Key, Numbers]]) -> None:
        if self._sort in METRICS:
            labelled.sort(key=lambda row: self._rank(row[1]))
            return
        index = self._asked.by.index(self._sort)
        labelled.sort(key=lambda row: _order(row[0][index])[1:], reverse=self._is_reversed)
        labelled.sort(key=lambda row: row[0][index] is None)


def _order(value: Any) -> tuple[bool, Any]:
    return value is None, "" if value is None else value
