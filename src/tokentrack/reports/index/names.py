"""The texts of the rows as small numbers: words, and the combinations of words that repeat.

Nearly all rows share a few combinations of workspace, trigger and hook, and of surface, model,
user and machine, so a turn has one number for each. Some of a number's bits say what totals need.
"""

from __future__ import annotations

from tokentrack.models.columns import split_list
from tokentrack.models.usage_record import ESTIMATED, REPORTED, RESET_SOURCE, TRACKED_SOURCE
from tokentrack.reports.index.cells import PRIME, bytes_of, key_of, text_of
from tokentrack.reports.index.tables import FAILED, IMPORTED, TRACKED

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3

IMPORT_HOOK = "import"  # the hook name of the rows that an import of Kiro's history wrote

BASES = {REPORTED: 1, ESTIMATED: 2}
RESET = -1
_LEDGER_BITS, _USAGE_BITS = 2, 3

# How many words are kept in memory.
_KEPT_WORDS = 20_000

_NEW_WORD = "insert into word (hash, text) values (?, ?)"
_NEW_LEDGER_KIND = (
    "insert or ignore into ledger_kind (n, workspace, trigger, hook) values (?, ?, ?, ?)"
)
_LEDGER_KINDS = "select n, workspace, trigger, hook from ledger_kind"
_USAGE_FIELDS = "surface, model, token_basis, credits_basis, source, user, machine"
_NEW_USAGE_KIND = f"insert into usage_kind (n, {_USAGE_FIELDS}) values (?, ?, ?, ?, ?, ?, ?, ?)"
_USAGE_KINDS = f"select n, {_USAGE_FIELDS} from usage_kind"

UsageFields = tuple[int | None, ...]


class Words(dict[str, int]):
    """The number of each word, by its cell; an empty cell is 0."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self[""] = 0

    def __missing__(self, cell: str) -> int:
        if len(self) > _KEPT_WORDS:
            self.clear()
            self[""] = 0
        number = self._stored(key_of(cell), bytes_of(cell))
        self[cell] = number
        return number

    def _stored(self, key: int, text: bytes) -> int:
        query = "select n, text from word where hash = ?"
        while found := self._database.execute(query, (key,)).fetchone():
            if found[1] == text:
                return int(found[0])
            key = (key + 1) % PRIME  # two texts met; the next number is free, or the text's own
        return int(self._database.execute(_NEW_WORD, (key, text)).lastrowid or 0)


class Patterns(dict[str, int]):
    """The number of each list of file patterns, by its cell; an empty cell is 0.

    Raises:
        ValueError: on look-up, the list has an empty item.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self[""] = 0

    def __missing__(self, cell: str) -> int:
        if len(self) > _KEPT_WORDS:
            self.clear()
        if not all(split_list(text_of(cell))):
            raise ValueError(cell)
        number = self[cell] = self._words[cell]
        return number


class LedgerKinds(dict[tuple[str, str, str, str], int]):
    """The number of each combination of workspace, trigger, hook and "failed", by the cells.

    Raises:
        ValueError: on look-up, "failed" is neither true nor false.
    """

    def __init__(self, database: sqlite3.Connection, words: Words) -> None:
        self._database = database
        self._words = words
        self._numbers: dict[tuple[int | None, ...], int] = {
            tuple(key): n >> _LEDGER_BITS << _LEDGER_BITS
            for n, *key in database.execute(_LEDGER_KINDS)
        }

    def __missing__(self, cells: tuple[str, str, str, str]) -> int:
        *texts, failed = cells
        if failed.lower() not in ("true", "false"):
            raise ValueError(failed)
        key = tuple([self._words[text] or None for text in texts])
        number = self._numbers.setdefault(key, (len(self._numbers) + 1) << _LEDGER_BITS)
        number |= FAILED * (failed.lower() == "true") | IMPORTED * (texts[2] == IMPORT_HOOK)
        self._database.execute(_NEW_LEDGER_KIND, (number, *key))
        self[cells] = number
        return number


class UsageKinds(dict[tuple[str, ...], int]):
    """The number of each combination of the usage fields that are texts, by the cells.

    They are: surface, model, basis of the tokens, basis of the credits, source, user, machine.
    A row that restarts a session's count has no number but `RESET`.
    """

    def __init__(self, database: sqlite3.Connection, words: Words) -> None:
        self._database = database
        self._words = words
        self._merged: dict[tuple[int, int], int] = {}
        self._fields: dict[int, UsageFields] = {
            n: tuple(key) for n, *key in database.execute(_USAGE_KINDS)
        }
        self._numbers = {key: n for n, key in self._fields.items()}

    def __missing__(self, cells: tuple[str, ...]) -> int:
        surface, model, token_basis, credits_basis, source, user, machine = cells
        if source == RESET_SOURCE:
            number = RESET
        else:
            surface = "api" if source == TRACKED_SOURCE else surface
            words = [self._words[text] or None for text in (surface, model, source, user, machine)]
            bases = [BASES.get(basis) for basis in (token_basis, credits_basis)]
            number = self._number((*words[:2], *bases, *words[2:]))
        self[cells] = number
        return number

    def merged(self, earlier: int, later: int) -> int:
        """Return the kind whose every field is the later one's, the earlier's where unknown."""
        found = self._merged.get((earlier, later))
        if found is None:
            pairs = zip(self._fields[earlier], self._fields[later], strict=True)
            fields = tuple([old if new is None else new for old, new in pairs])
            found = self._merged[earlier, later] = self._number(fields)
        return found

    def _number(self, fields: UsageFields) -> int:
        if fields in self._numbers:
            return self._numbers[fields]
        number = (len(self._numbers) + 1) << _USAGE_BITS | (fields[2] or 0)
        if fields[4] == self._words[TRACKED_SOURCE]:
            number |= TRACKED
        self._database.execute(_NEW_USAGE_KIND, (number, *fields))
        self._numbers[fields] = number
        self._fields[number] = fields
        return number
