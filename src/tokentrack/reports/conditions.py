"""The conditions in SQL that turns must meet to pass a filter."""

from __future__ import annotations

from tokentrack.errors import ValidationError
from tokentrack.reports import dimensions
from tokentrack.reports.dimensions import LIST
from tokentrack.reports.index.tables import PLACE_BITS
from tokentrack.reports.sources import Filter

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from tokentrack.reports.dimensions import Dimension
    from tokentrack.reports.groups import Words

# The reset that counts is in the ledger of the request's own row.
_SINCE_RESET = f"""(t.kind is not null or not exists (
    select 1 from reset r join ledger g on g.n = r.ledger join segment s on s.path = g.path
    where r.session = t.usage_session and r.place > t.usage_place
    and s.n = t.usage_place >> {PLACE_BITS}))"""


def filter_of(words: Words, dimension: Dimension, values: Sequence[str]) -> Filter:
    """Return the filter of a dimension.

    Args:
        words: the texts of the index.
        dimension: what is filtered by.
        values: the accepted values; `!x` excludes x, "" stands for unknown.

    Raises:
        ValidationError: the dimension can't have one of the values.
    """
    given = [values] if isinstance(values, str) else list(values)
    wanted = [value for value in given if not value.startswith("!")]
    unwanted = [value[1:] for value in given if value.startswith("!")]
    tests = []
    if wanted:
        tests.append(is_one_of(words, dimension, wanted))
    if unwanted:
        tests.append(f"not {is_one_of(words, dimension, unwanted)}")
    return Filter(dimension, " and ".join(tests) or "true")


def is_one_of(words: Words, dimension: Dimension, values: Sequence[str]) -> str:
    """Return the condition that a dimension has one of some values, "" for unknown.

    Raises:
        ValidationError: the dimension can't have one of the values.
    """
    column = dimension.column
    if dimension.name == "failed":
        if not {"true", "false"}.issuperset(values):
            raise ValidationError([f"failed must be true or false, not {values[0][:60]!r}"])
        return f"({column}) in ({', '.join(str(int(value == 'true')) for value in values)})"
    if dimension.source == LIST:
        numbers = words.containing(lambda text: dimensions.accepts(dimension, text, values), values)
    else:
        numbers = words.numbers(values)
    test = f"ifnull({column}, 0) in ({', '.join(map(str, numbers))})"
    return f"({test} or {column} is null)" if "" in values else f"({test})"


def since_reset(database: sqlite3.Connection) -> list[Filter]:
    """Return the filters of the turns that count in their sessions: after the last reset.

    Elsewhere all turns count. Only programs reset a session, and only the requests that they track
    are before a reset or after it, in the order of their ledger's files.
    """
    if database.execute("select 1 from reset limit 1").fetchone() is None:
        return []
    return [Filter(dimensions.find("session"), _SINCE_RESET)]
