"""Find the turns whose prompt an expression matches; prompts are read from the files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokentrack.errors import ValidationError
from tokentrack.reports.dimensions import TURN, Dimension
from tokentrack.reports.sources import Filter
from tokentrack.reports.turns.row_reader import PROMPT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from tokentrack.reports.turns.row_reader import RowReader

# Every match has the text between these, in this order. Other special characters could make a
# text optional.
_BETWEEN = re.compile(r"\.[*+?]?|[\^$+]")
_SPECIAL = frozenset("\\|?*{}()[]")
_ESCAPES = re.compile(r"\\.", re.DOTALL)
# As cells have them, and without letters that another character equals if case is ignored.
_PLAIN = re.compile(r"[ !#-\[\]-~]+")
_PLAIN_IN_ANY_CASE = re.compile(r"[ !#-@\]-hjl-rt-~]+")
_LEAST_NEEDLE = 3


class Grep:
    """An expression that prompts must match; without a capital letter, in any case.

    Attributes:
        needle: an ASCII text that every match has, "" if there is none.
        ignores_case: whether upper and lower case are the same.
    """

    def __init__(self, expression: str) -> None:
        """Compile a regular expression.

        Raises:
            ValidationError: it is not one.
        """
        letters = _ESCAPES.sub("", expression)
        self.ignores_case = letters == letters.lower()
        try:
            self._expression = re.compile(expression, re.IGNORECASE if self.ignores_case else 0)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValidationError(
                [f"{expression[:60]!r} is not a regular expression: {error}"]
            ) from None
        self.needle = self._needle(expression)

    def _needle(self, expression: str) -> str:
        parts = _BETWEEN.split(expression)
        if any(not _SPECIAL.isdisjoint(part) for part in parts):
            return ""
        plain = _PLAIN_IN_ANY_CASE if self.ignores_case else _PLAIN
        found = max((text for part in parts for text in plain.findall(part)), key=len, default="")
        return found if len(found) >= _LEAST_NEEDLE else ""

    def matches(self, prompt: str) -> bool:
        """Tell whether a prompt matches anywhere."""
        return self._expression.search(prompt) is not None

    def filter(
        self, database: sqlite3.Connection, places: Iterable[int], reader: RowReader
    ) -> Filter:
        """Return the condition that only the turns with a matching prompt meet.

        Args:
            database: the index, which gets a temporary table.
            places: the places of the rows that may match.
            reader: reads the rows.

        Raises:
            ChangedError: a file has changed since it was read into the index.
            OSError: a file can't be read.
        """
        if self.needle:
            places = reader.containing(places, self.needle, ignores_case=self.ignores_case)
        found = [(place,) for place, cells in reader.rows(places) if self.matches(cells[PROMPT])]
        database.execute("drop table if exists temp.matching")
        database.execute("create temp table matching (place integer primary key)")
        database.executemany("insert into matching values (?)", found)
        condition = "t.place in (select place from temp.matching)"
        return Filter(Dimension("prompt", TURN, "t.place"), condition)
