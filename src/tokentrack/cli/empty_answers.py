"""What an answer without turns says: why there are none, and what to do next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.cli.answers import ask, filters_of
from tokentrack.common.formatting import counted
from tokentrack.common.suggestions import nearest
from tokentrack.common.terminal import escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.reports.answer import Answer

_IMPORT = "`tokentrack import` brings in Kiro's own history."


class _Wrong(NamedTuple):
    # A value of a filter that no turn has, the one that was probably meant, and its turns.
    name: str
    value: str
    meant: str | None = None
    turns: int = 0


def empty_text(answer: Answer, options: dict[str, Any]) -> str:
    """Return why an answer has no turns: a wrong filter, its time, or an empty ledger.

    Args:
        answer: the answer.
        options: what the options of answers added.
    """
    when = _when(answer)
    wrong = None if options["redact"] else _wrong_filter(options)
    if wrong is not None:
        text = f"No turn of {wrong.name} {_quoted(wrong.value)} {when}"
        if wrong.meant is None:
            return f"{text}. `tokentrack report {wrong.name} --since all` shows which there are."
        turns = counted(wrong.turns, "turn")
        return f"{text} (did you mean {_quoted(wrong.meant)}? {turns})."
    where = filters_of(options)["where"]
    which = "passes these filters " if where or options.get("grep") is not None else ""
    ever = ask(options, (), where=where, since=None, until=None).total["turns"]
    if ever and (answer.since is not None or answer.until is not None):
        are = "is" if ever == 1 else "are"
        others = f"There {are} {counted(ever, 'turn')} at other times: use --since all."
        return f"No turn {which}{when}. {others}"
    if which:
        return f"No turn {which}{when}."
    return (
        "These files have no turns." if options["files"] else f"No turn is recorded yet. {_IMPORT}"
    )


def _quoted(text: str) -> str:
    return f"`{escape(text)}`"


def _when(answer: Answer) -> str:
    from tokentrack.common.timestamps import now_us
    from tokentrack.reports.render.dates import period_text, since_text
    from tokentrack.reports.zones import Zone

    zone, now = Zone(answer.query.tz), now_us()
    if answer.since is None and answer.until is None:
        return "at any time"
    if answer.since is not None and answer.until is None:
        return since_text(answer.since, zone, now)
    text = period_text(answer.since, answer.until, zone, now)
    if not text[0].isdigit():
        return text
    return f"in {text}" if "–" in text else f"on {text}"


def _wrong_filter(options: dict[str, Any]) -> _Wrong | None:
    where = filters_of(options)["where"]
    for name, values in where.items():
        wanted = [value for value in values if value and not value.startswith("!")]
        if not wanted or name == "failed":
            continue
        known = _labels(name, ask(options, (name,), where={}, since=None, until=None).rows)
        missing = [value for value in wanted if value not in known]
        if len(missing) < len(wanted):
            continue
        close = nearest(missing[0], known) if name == "tag" else _nearest(missing[0], known)
        if close is None:
            return _Wrong(name, missing[0])
        corrected = {**where, name: (close,)}
        turns = ask(options, (), where=corrected).total["turns"]
        return _Wrong(name, missing[0], close, turns)
    return None


def _nearest(value: str, known: Sequence[str]) -> str | None:
    close = nearest(value, known)
    if close is None:
        # By a part of the name: `sonet` for `claude-sonnet-4.5`.
        parts = {part: label for label in known for part in re.split(r"\W+", label) if part}
        part = nearest(value, parts)
        close = None if part is None else parts[part]
    return close


def _labels(name: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    found = [str(row[name]) for row in rows if row[name] is not None]
    if name == "tag":  # a tag may be named by its key alone
        found += [label.partition("=")[0] for label in found]
    return found
