"""Groups of turns by their labels, and their numbers, added up exactly."""

from __future__ import annotations

from tokentrack.reports import dimensions
from tokentrack.reports.credit_texts import units_of
from tokentrack.reports.dimensions import LIST, TIME
from tokentrack.reports.index.cells import PRIME, key_of_text

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from fractions import Fraction
    from typing import Any

    from tokentrack.reports.dimensions import Dimension

    Key = tuple[Any, ...]
    # Whether the turns failed, then their sums.
    Part = Sequence[Any]

# Up to this many words are looked up by number; beyond that, all words are read.
_FEW_WORDS = 500


class Numbers:
    """The numbers of a group of turns; None is unknown.

    Attributes:
        turns: how many.
        known: those whose credits are known.
        requests: those that can't have credits, since a program tracked them.
        credits: in units of 10^-27.
        tokens: their tokens.
        micros: their time in microseconds.
        failed: how many failed.
        failed_credits: the credits of those that failed, in units of 10^-27.
        more: what else was asked for, by the names of its sums.
        pricing: works out what their credits cost, where that was asked for.
        difference: how much more their requests would cost at the prices of another time.
        priced_requests: how many of the requests have a price.
    """

    __slots__ = (
        "_cost", "credits", "difference", "failed", "failed_credits", "known", "micros", "more",
        "priced_requests", "pricing", "requests", "tokens", "turns",
    )  # fmt: skip
    turns: int
    known: int
    requests: int
    failed: int

    def __init__(self, parts: Iterable[Part], more: Sequence[str] = ()) -> None:
        """Add up parts.

        Args:
            parts: each is whether it failed, then `aggregates.NUMBERS`, then the other sums.
            more: the names of these.
        """
        self.turns = self.known = self.requests = self.failed = 0
        self.credits: int | None = None
        self.tokens: int | None = None
        self.micros: int | None = None
        self.failed_credits: int | None = None
        self.more: dict[str, int | None] = dict.fromkeys(more)
        self.pricing: Callable[[Numbers], Fraction | None] | None = None
        self._cost: Fraction | None = None
        self.difference: Fraction | int = 0
        self.priced_requests = 0
        for is_failed, turns, known, a, b, c, tokens, micros, requests, *others in parts:
            if not turns:
                continue  # the sum of no rows
            units = None if a is None else units_of(a, b, c)
            self.turns += turns
            self.known += known
            self.requests += requests
            self.credits = _plus(self.credits, units)
            self.tokens = _plus(self.tokens, tokens)
            self.micros = _plus(self.micros, micros)
            if is_failed:
                self.failed += turns
                self.failed_credits = _plus(self.failed_credits, units)
            for name, value in zip(more, others, strict=True):
                self.more[name] = _plus(self.more[name], value)
        if not self.failed:
            self.failed_credits = 0
        if not self.turns:
            self.credits = self.tokens = self.micros = 0
            self.more = dict.fromkeys(more, 0)

    @property
    def cost(self) -> Fraction | None:
        """What they cost in USD, worked out for the groups that are shown; None is unknown."""
        if self.pricing is not None:
            self._cost = self.pricing(self)
            self.pricing = None
        return self._cost

    @cost.setter
    def cost(self, value: Fraction | None) -> None:
        self._cost = value
        self.pricing = None


def _plus(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


class Words:
    """The texts of the index by their numbers."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Name the index; nothing is read before it is needed."""
        self._database = database
        self._texts: dict[int | None, str | None] = {None: None}

    def read(self, numbers: Iterable[int | None]) -> None:
        """Read the texts of some numbers."""
        missing = [n for n in set(numbers) if n not in self._texts]
        query = "select n, text from word"
        if 0 < len(missing) <= _FEW_WORDS:
            query += f" where n in ({', '.join(map(str, missing))})"
        if missing:
            self._texts |= {
                n: bytes(text).decode("utf-8", "surrogatepass")
                for n, text in self._database.execute(query)
            }

    def numbers(self, texts: Iterable[str]) -> list[int]:
        """Return the numbers of those of some texts that the index has."""
        found = []
        for text in texts:
            key = key_of_text(text)
            data = text.encode("utf-8", "surrogatepass")
            query = "select n, text from word where hash = ?"
            while row := self._database.execute(query, (key,)).fetchone():
                if row[1] == data:
                    found.append(int(row[0]))
                    break
                key = (key + 1) % PRIME
        return found

    def containing(self, test: Callable[[str], bool], parts: Sequence[str]) -> list[int]:
        """Return the numbers of the lists that have one of some items and pass a test."""
        query = "select n, text from word where " + " or ".join(["instr(text, ?)"] * len(parts))
        # In a list, backslashes come before what is in an item what is between items.
        plain = [part.partition(";")[0].partition("\\")[0] for part in parts]
        values = [part.encode("utf-8", "surrogatepass") for part in plain]
        return [
            n
            for n, text in self._database.execute(query, values)
            if test(bytes(text).decode("utf-8", "surrogatepass"))
        ]

    def __getitem__(self, number: int | None) -> str | None:
        """Return a text that was read; None has none."""
        return self._texts[number]


def group(rows: Iterable[Sequence[Any]], width: int) -> dict[Key, list[Part]]:
    """Return the parts of each group, by the first `width` cells of the rows."""
    groups: dict[Key, list[Part]] = {}
    for row in rows:
        key = tuple(row[:width])
        if key in groups:
            groups[key].append(row[width:])
        else:
            groups[key] = [row[width:]]
    return groups


def relabel(
    groups: dict[Key, list[Part]], by: Sequence[Dimension], words: Words
) -> dict[Key, list[Part]]:
    """Return the groups by the labels of times and of the items of lists.

    The other dimensions keep the numbers of their words, which are as good for grouping.
    """
    lists = [index for index, d in enumerate(by) if d.source == LIST]
    changed = {index for index, d in enumerate(by) if d.source in {LIST, TIME}}
    if not changed:
        return groups
    words.read(key[index] for key in groups for index in lists)
    known: dict[tuple[int, Any], Sequence[Any]] = {}
    found: dict[Key, list[Part]] = {}
    for key, parts in groups.items():
        keys: list[Key] = [()]
        for index, value in enumerate(key):
            labels: Sequence[Any] = [value]
            if index in changed:
                if (index, value) not in known:
                    text = words[value] if index in lists else value
                    known[index, value] = dimensions.labels(by[index], text)
                labels = known[index, value]
            keys = [(*start, label) for start in keys for label in labels]
        for labelled in keys:
            found.setdefault(labelled, []).extend(parts)
    return found


def label(key: Key, by: Sequence[Dimension], words: Words) -> Key:
    """Return the labels of a group, of which `relabel` made those of times and lists."""
    return tuple([
        value if d.source in {LIST, TIME}
        else bool(value) if d.name == "failed"
        else words[value]
        for d, value in zip(by, key, strict=True)
    ])  # fmt: skip
