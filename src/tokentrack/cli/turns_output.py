"""Print the turns of `tokentrack turns` as JSON and CSV while they are read, however many."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from tokentrack.cli.answers import filters_of, form_of, note_gaps, print_line, scope_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokentrack.reports.answer import Answer
    from tokentrack.reports.scope import Scope

_LINES_AT_ONCE = 1000


class _OutputError(Exception):
    # Standard output can't be written. The ledgers are not to blame.

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


def print_turns(options: dict[str, Any], **asked: Any) -> None:
    """Print turns as JSON or CSV; with `--strict`, end with 1 if rows were skipped.

    Args:
        options: those of `turns`.
        asked: `sort`, `limit` and `grep` of the question.
    """
    from tokentrack.reports.turns.turn_list import list_turns

    scope = scope_of(options)

    def take(answer: Answer, rows: Iterator[dict[str, Any]]) -> None:
        lines = iter(_lines(options, scope, answer, rows, asked))
        while part := list(islice(lines, _LINES_AT_ONCE)):
            try:
                print_line("\n".join(part))
            except OSError as error:
                raise _OutputError(error) from None

    try:
        answer = list_turns(**filters_of(options), **scope.arguments, **asked, take=take)
    except _OutputError as end:
        raise end.error from None
    if form_of(options) == "csv":
        note_gaps(answer)
    if options["strict"] and answer.provenance["skipped"]:
        raise SystemExit(1)


def _lines(
    options: dict[str, Any],
    scope: Scope,
    answer: Answer,
    rows: Iterator[dict[str, Any]],
    asked: dict[str, Any],
) -> Iterable[str]:
    from tokentrack.reports.render.documents import csv_lines, json_document, json_lines
    from tokentrack.reports.turns.turn_rows import FIELDS

    answer = scope.noted(answer)
    if scope.pseudonyms is not None:
        rows = map(scope.pseudonyms.turn, rows)
    if form_of(options) == "csv":
        return csv_lines(answer, FIELDS, rows)
    document = json_document("turns", answer)
    grep = None if options["redact"] else asked["grep"]
    document["query"] |= {"sort": asked["sort"], "grep": grep, "limit": asked["limit"]}
    return json_lines(document, rows)
