"""The line that `statusline` prints, and the fields that a format of the user's can have."""

from __future__ import annotations

from tokentrack.errors import ValidationError
from tokentrack.reports.credit_texts import UNKNOWN, credits_text, decimal_text

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokentrack.reports.current_use import CurrentUse, Use

# Before a number that is not up to date.
BEHIND = "~"
SESSION = "session."
_SIGNS = "·–"
_ASCII = str.maketrans({"·": "|", "–": "-"})


def _credits(units: int | None) -> str | None:
    if units is None:
        return None
    return f"{'-' * (units < 0)}{credits_text(decimal_text(abs(units)))}"


def _count(number: int | None) -> str | None:
    return None if number is None else f"{number:,}"


def _percent(use: CurrentUse) -> str | None:
    if use.allowance is None or use.month.credits is None:
        return None
    return f"{100 * use.month.credits / use.allowance.units:.0f}"


def _of_session(show: Callable[[Use], str | None]) -> Callable[[CurrentUse], str | None]:
    return lambda use: None if use.session is None else show(use.session)


_FIELDS: Mapping[str, Callable[[CurrentUse], str | None]] = {
    "today.credits": lambda use: _credits(use.today.credits),
    "today.turns": lambda use: _count(use.today.turns),
    "today.failed": lambda use: _count(use.today.failed),
    "month.credits": lambda use: _credits(use.month.credits),
    "month.turns": lambda use: _count(use.month.turns),
    "month.failed": lambda use: _count(use.month.failed),
    "month.percent": _percent,
    "plan.name": lambda use: None if use.allowance is None else use.allowance.name,
    "plan.credits": lambda use: None if use.allowance is None else _credits(use.allowance.units),
    "plan.left": lambda use: _credits(use.left),
    "days.left": lambda use: _count(use.days_left),
    "session.credits": _of_session(lambda session: _credits(session.credits)),
    "session.turns": _of_session(lambda session: _count(session.turns)),
}
FIELDS = tuple(_FIELDS)
# These never change with what was recorded.
_FIXED = ("plan.name", "plan.credits")


def pieces_of(form: str) -> list[tuple[str, str]]:
    """Return a format as pairs of plain text and the field after it, "" for none.

    Raises:
        ValidationError: a field is unknown, or a brace has no other one.
    """
    found, text, rest = [], "", form
    while rest:
        plain, brace, rest = _cut(rest)
        text += plain
        if brace and rest.startswith(brace):
            text, rest = text + brace, rest[1:]
        elif brace == "{" and "}" in rest:
            name, _, rest = rest.partition("}")
            if name not in _FIELDS:
                raise ValidationError([f"unknown field {{{name[:60]}}}{_meant(name)}"])
            found.append((text, name))
            text = ""
        elif brace:
            raise ValidationError([f"the format has a single {brace}: write {brace * 2} for one"])
    return [*found, (text, "")]


def _meant(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, FIELDS, 1, 0.4)
    return f": did you mean {{{close[0]}}}?" if close else f": use one of {', '.join(FIELDS)}"


def _cut(text: str) -> tuple[str, str, str]:
    # The text before the first brace, that brace, and the text after it.
    at = min([at for at in (text.find("{"), text.find("}")) if at >= 0], default=len(text))
    return text[:at], text[at : at + 1], text[at + 1 :]


def formatted(pieces: list[tuple[str, str]], use: CurrentUse | None, *, is_behind: bool) -> str:
    """Return a line by a format, with a dash for what is unknown.

    Args:
        pieces: the format, see `pieces_of`.
        use: what was used; None if nothing can be said.
        is_behind: whether the numbers are not up to date.
    """
    mark = BEHIND if is_behind else ""
    line = ""
    for text, name in pieces:
        value = _FIELDS[name](use) if name and use is not None else None
        line += text
        if name:
            line += UNKNOWN if value is None else value if name in _FIXED else mark + value
    return line


def usual_line(use: CurrentUse, *, is_behind: bool) -> str:
    """Return the line without a format: what is known of today, the plan and failed turns."""
    mark = BEHIND if is_behind else ""
    amount = _credits(use.today.credits)
    turns = "1 turn" if use.today.turns == 1 else f"{use.today.turns:,} turns"
    parts = [f"{turns} today" if amount is None else f"{amount} cr today"]
    percent = _percent(use)
    if percent is not None and use.allowance is not None:
        used, whole = (
            credits_text(decimal_text(units), 0)
            for units in (use.month.credits or 0, use.allowance.units)
        )
        parts.append(f"{used}/{whole} ({percent} %)")
    if use.days_left is not None and use.days_left < use.days_to_go:
        parts.append(f"{use.days_left:,} day{'' if use.days_left == 1 else 's'} left")
    if use.today.failed:
        parts.append(f"{use.today.failed:,} failed")
    return "Kiro " + " · ".join([f"{mark}{part}" for part in parts])


def encoded(line: str, encoding: str) -> bytes:
    """Return a line as bytes, in ASCII where the encoding does not have its signs."""
    try:
        _SIGNS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return line.translate(_ASCII).encode("ascii", "backslashreplace")
    return line.encode(encoding, "backslashreplace")
